"""Where a page ended, as an opaque word that any process can go on from.

A page sees the library as it was when the first page was made: what was added since has a higher
segment id, and the background that moments are cut at is told along. What was removed since drops
out.
"""

import base64
import binascii
import struct
import zlib
from dataclasses import dataclass

from cpd_model.errors import InputError

_FORM = struct.Struct("<B16s16sQ16sQddQQI")
_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """The end of a page."""

    library_id: str
    epoch: str
    """Of the generation."""

    generation: int
    """Of the library when the first page was made."""

    request: bytes
    """The question's name."""

    last_segment_id: int
    """The newest then; 0 for none."""

    background: float
    """The query's mean score over the library then."""

    score: float
    """Of the last hit."""

    segment_id: int
    """Of the last hit."""

    num_told: int
    """Hits of this page and all before it."""

    num_before: int
    """About so many windows score more than the last hit; where hits stand in another order, so
    many were looked at."""

    def __str__(self) -> str:
        packed = _FORM.pack(
            _VERSION,
            bytes.fromhex(self.library_id),
            bytes.fromhex(self.epoch),
            self.generation,
            self.request,
            self.last_segment_id,
            self.background,
            self.score,
            self.segment_id,
            self.num_told,
            self.num_before,
        )
        whole = packed + struct.pack("<I", zlib.crc32(packed))
        return base64.urlsafe_b64encode(whole).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """The cursor that a search gave.

    Raises:
        InputError: no search gave it.
    """
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unknown() from error
    packed, check = whole[: _FORM.size], whole[_FORM.size :]
    if len(packed) != _FORM.size or check != struct.pack("<I", zlib.crc32(packed)):
        raise _unknown()
    version, library_id, epoch, *numbers = _FORM.unpack(packed)
    if version != _VERSION:
        raise _unknown()
    generation, request, last_id, background, score, segment_id, told, before = numbers
    return Cursor(
        library_id=library_id.hex(),
        epoch=epoch.hex(),
        generation=generation,
        request=request,
        last_segment_id=last_id,
        background=background,
        score=score,
        segment_id=segment_id,
        num_told=told,
        num_before=before,
    )


def _unknown() -> InputError:
    return InputError(
        "the cursor is none that a search gave: copy it whole, or search without one for the "
        "first page"
    )
