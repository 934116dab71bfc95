"""The form in which texts are compared: case and the spelling of accents evened out."""

import re
import unicodedata

_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Halves of characters: JSON can hold one alone, UTF-8 cannot."""


def fold(text: str) -> str:
    """NFC, case folded, readable.

    Args:
        text: bytes of file names that are no UTF-8 in it as `os.fsdecode` puts them.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", readable(text)).casefold()


def readable(text: str) -> str:
    """What can be kept as UTF-8: U+FFFD for what is no character, as a byte that is no UTF-8."""
    if text.isascii():
        return text
    whole = _HALVES.sub("\ufffd", text)
    return whole.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
