"""The form in which texts are compared: case and the spelling of accents evened out."""

import re
import unicodedata

_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Halves of characters: JSON can hold one alone, UTF-8 cannot."""


def fold(text: str) -> str:
    """NFC, case folded; what is no character, such as a byte that is no UTF-8, as U+FFFD.

    Args:
        text: bytes of file names that are no UTF-8 in it as `os.fsdecode` puts them.
    """
    whole = _HALVES.sub("\ufffd", text)
    readable = whole.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", readable).casefold()
