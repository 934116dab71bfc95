"""Reads the sidecars of a video into one document and timed texts; one that is broken is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cpd_model.errors import InputError
from index.documents import Document, checked_document, merged, parse_document, parse_object
from index.sidecars.finding import Sidecar, SidecarKind
from index.sidecars.info_json import document_of_info
from index.sidecars.subtitles import MOST_CUES, Cue, read_cues
from index.sidecars.text_encoding import decode_text

MOST_BYTES: dict[SidecarKind, int] = {
    "json": 4 << 20,
    "info": 32 << 20,  # with comments and formats, which are left out
    "text": 1 << 20,
    "subtitles": 16 << 20,
}
"""Of a sidecar that is read: a log of 2 GB that happens to be called clip.txt is no caption."""

_ORDER: tuple[SidecarKind, ...] = ("text", "info", "json")
"""Of two that say something of one key the later one counts."""


class BrokenSidecar(NamedTuple):
    """A sidecar that was passed over, and why."""

    path: Path
    reason: str


class SidecarContent(NamedTuple):
    """What all sidecars of one video say."""

    document: Document
    cues: list[Cue]
    """Of all subtitles by time, each once."""
    broken: list[BrokenSidecar]


NOTHING = SidecarContent({}, [], [])


def read_sidecars(sidecars: Sequence[Sidecar]) -> SidecarContent:
    """What the sidecars of one video say together; `clip.json` counts before yt-dlp's, then .txt.

    Never raises for what is in a file.
    """
    documents: dict[SidecarKind, Document] = {}
    cues: set[Cue] = set()
    broken = []
    for sidecar in sidecars:
        try:
            text = _read(sidecar)
            if sidecar.kind == "subtitles":
                cues.update(read_cues(text))
            else:
                known = documents.get(sidecar.kind, {})
                documents[sidecar.kind] = merged(known, _document(sidecar.kind, text))
        except InputError as error:
            broken.append(BrokenSidecar(sidecar.file.path, str(error)))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            broken.append(BrokenSidecar(sidecar.file.path, reason))
    document = merged(*(documents[kind] for kind in _ORDER if kind in documents))
    try:
        document = checked_document(document)
    except InputError as error:
        broken.append(BrokenSidecar(sidecars[0].file.path, f"with those beside it {error}"))
        document = {}
    return SidecarContent(document, sorted(cues)[:MOST_CUES], broken)


def _read(sidecar: Sidecar) -> str:
    most = MOST_BYTES[sidecar.kind]
    with sidecar.file.path.open("rb") as file:
        content = file.read(most + 1)  # by what is there, not by what its size was
    if len(content) > most:
        raise InputError(
            f"it is too large for a sidecar: at most {most >> 20} MiB of a "
            f"{sidecar.file.path.suffix} are read"
        )
    return decode_text(content)


def _document(kind: SidecarKind, text: str) -> Document:
    if kind == "text":
        caption = text.strip()
        return {"caption": caption} if caption else {}
    if kind == "info":
        return document_of_info(parse_object(text))
    return parse_document(text)
