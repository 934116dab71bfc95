"""Names that people give to collections and roots: one line of 100 characters, unique by any case.

Case and the spelling of accents make no difference, for a filter makes none: `collection:best`
means one collection, whether it was made as `Best` or `best`. The spelling it was made with is
kept and shown.
"""

import unicodedata
from collections.abc import Iterable, Mapping

from cpd_model.errors import InputError
from index.filters.folding import fold
from index.filters.scanner import shorten

MAX_CHARACTERS = 100


def checked_name(name: str, *, what: str) -> str:
    """The name in NFC, without spaces around it.

    Args:
        what: what it is the name of, for the sentence.

    Raises:
        InputError: it is empty, longer than 100 characters, or holds what cannot be printed.
        TypeError: it is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} is a text, got {type(name).__name__}")
    clean = unicodedata.normalize("NFC", name.strip())
    if not 0 < len(clean) <= MAX_CHARACTERS or not clean.isprintable():
        raise InputError(
            f"{shorten(name)} cannot be the name of a {what}: a name is one line of 1 to "
            f"{MAX_CHARACTERS} printable characters"
        )
    return clean


def alike(name: str, known: Iterable[str]) -> str | None:
    """The known name that is the same but for case and spelling of accents; None where none is."""
    folded = fold(name.strip())
    return next((each for each in known if fold(each) == folded), None)


def require_free(name: str, known: Mapping[str, int], *, what: str, number: int = 0) -> None:
    """Refuse a name that another has.

    Args:
        known: names and numbers of all that there are.
        number: of the one that is to have the name; 0 where it is new.

    Raises:
        InputError: another has it.
    """
    other = alike(name, known)
    if other is not None and known[other] != number:
        raise InputError(
            f"there is a {what} {shorten(other)} already: choose another name (capital and small "
            f"letters make no difference)"
        )


def told(names: Iterable[str]) -> str:
    """All names, for the end of a sentence."""
    return ", ".join(shorten(each) for each in sorted(names)) or "none yet"


def free_name(wanted: str, known: Iterable[str]) -> str:
    """The wanted name as far as it can be one, with a number behind it where another has it."""
    shown = "".join(c if c.isprintable() else "_" for c in wanted)
    stem = unicodedata.normalize("NFC", shown).strip()[: MAX_CHARACTERS - 10] or "videos"
    taken = {fold(each) for each in known}
    name, count = stem, 1
    while fold(name) in taken:
        count += 1
        name = f"{stem}-{count}"
    return name
