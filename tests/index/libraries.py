"""Small libraries for tests: vectors by seed, no video file and no model behind them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cpd_model.encoder import Vectors
from index.catalog.records import LibrarySettings
from index.file_version import FileVersion
from index.library.library import Library
from index.library.writer import LibraryWriter
from index.segments import Segment
from index.video.facts import VideoFacts

SETTINGS = LibrarySettings(
    model="color", fingerprint="c0" * 32, embed_dim=4, window_seconds=4, hop_seconds=2
)

MADE_BY = SETTINGS.fingerprint

FACTS = VideoFacts(
    duration_seconds=12.5,
    fps=25.0,
    width=64,
    height=48,
    rotation_degrees=90,
    sample_aspect_ratio=1.5,
    codec="h264",
    container="mov",
    num_frames=312,
    has_audio=True,
)


def unit_rows(num_rows: int, *, seed: int, embed_dim: int = 4) -> Vectors:
    """Random unit vectors (num_rows, embed_dim)."""
    rows_SD = np.random.default_rng(seed).standard_normal((num_rows, embed_dim))
    return (rows_SD / np.linalg.norm(rows_SD, axis=1, keepdims=True)).astype(np.float32)


def axis(index: int, *, embed_dim: int = 4) -> Vectors:
    """The unit vector along one axis."""
    row_D = np.zeros(embed_dim, dtype=np.float32)
    row_D[index] = 1
    return row_D


def windows(num_segments: int) -> list[Segment]:
    """Windows of 4 s every 2 s."""
    return [Segment(2.0 * i, 2.0 * i + 4) for i in range(num_segments)]


def file_version(
    path: Path | str, *, size_bytes: int = 1000, mtime_ns: int = 1, content_hash: str | None = None
) -> FileVersion:
    """A file that need not be there."""
    return FileVersion(
        path=Path(path), size_bytes=size_bytes, mtime_ns=mtime_ns, content_hash=content_hash
    )


def put(
    writer: LibraryWriter,
    path: Path | str,
    embeddings_SD: Vectors | Sequence[Vectors],
    *,
    content_hash: str = "ab" * 32,
    mtime_ns: int = 1,
) -> str:
    """Put a video whose segments have these embeddings; its id."""
    rows_SD = np.asarray(embeddings_SD, dtype=np.float32)
    return writer.put_video(
        file_version(path, mtime_ns=mtime_ns, content_hash=content_hash),
        facts=FACTS,
        segments=windows(len(rows_SD)),
        embeddings_SD=rows_SD,
    )


def make_library(folder: Path, *, num_videos: int = 0, num_segments: int = 3) -> Library:
    """A library with `num_videos` videos /videos/0.mp4 ...; the caller closes it."""
    library = Library.create(folder, SETTINGS)
    with library.writer() as writer:
        for i in range(num_videos):
            put(writer, f"/videos/{i}.mp4", unit_rows(num_segments, seed=i))
    return library


def paths_in(library: Library) -> list[str]:
    """The paths of its videos, first seen first."""
    return [str(video.path) for video in library.videos(limit=100)]


def paths(library: Library, query_index: int, *, limit: int = 10) -> list[str]:
    """The paths that a search along one axis finds with a score above 0.9."""
    hits = library.search(axis(query_index), fingerprint=MADE_BY, limit=limit)
    return [str(hit.path) for hit in hits if hit.score > 0.9]


def flip_a_bit(file: Path) -> None:
    """Damage a file near its end."""
    content = bytearray(file.read_bytes())
    content[-min(9, len(content))] ^= 4
    file.write_bytes(content)


def part_names(library: Library) -> list[str]:
    """The folders of its parts, those of leftovers among them."""
    return sorted(entry.name for entry in (library.folder / "parts").iterdir())


def the_part(library: Library) -> Path:
    """The folder of the one part that there is."""
    (name,) = part_names(library)
    return library.folder / "parts" / name
