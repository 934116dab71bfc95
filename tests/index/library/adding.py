"""Adding made-up files to a library of colours: what test_add and test_add_runs share."""

from collections.abc import Sequence
from pathlib import Path

from cpd_model.testing import ColorEncoder
from index.catalog.records import LibrarySettings
from index.library.add import add_videos
from index.library.add_report import AddReport
from index.library.library import Library
from index.search.moments import Hit
from tests.index.fake_decoder import FakeDecoder

ENCODER = ColorEncoder()
DURATIONS = {f"{name}.mp4": 6.0 for name in ("a", "b", "c", "moved", "copy")}
SEGMENTS = 2
"""Of six seconds, in windows of four every two."""


def add(
    library: Library,
    *paths: Path,
    decoder: FakeDecoder | None = None,
    collections: Sequence[str] = (),
    prune: bool = False,
) -> AddReport:
    with decoder or FakeDecoder(DURATIONS) as running:
        return add_videos(paths, library, ENCODER, running, collections=collections, prune=prune)


def counts(report: AddReport) -> tuple[int, int, int, int, int]:
    return (report.added, report.updated, report.unchanged, report.failed, report.ignored)


def search(library: Library, query: str) -> list[Hit]:
    """The windows that fit, best first."""
    query_D = ENCODER.encode_text([query])[0]
    return library.search(query_D, fingerprint=ENCODER.fingerprint, merge=False)


def ids(library: Library) -> dict[str, str]:
    return {Path(row.path).name: row.video_id for row in library.videos(limit=100)}


def make_files(folder: Path) -> Path:
    """a.mp4 b.mp4 c.mp4 notes.txt, in a new folder."""
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4", "notes.txt"):
        (folder / name).write_text(f"content of {name}")
    return folder


def make_color_library(folder: Path) -> Library:
    """A new library of ENCODER's, empty."""
    settings = LibrarySettings(
        model=ENCODER.name,
        fingerprint=ENCODER.fingerprint,
        embed_dim=ENCODER.embed_dim,
        window_seconds=4.0,
        hop_seconds=2.0,
    )
    return Library.create(folder, settings)
