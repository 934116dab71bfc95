"""A library of generated videos: no video file and no model behind it."""

from pathlib import Path
from typing import Any

import numpy as np
from rig.generated_vectors import EMBED_DIM, WINDOWS_A_VIDEO, VectorSpace

from cpd_model.encoder import Vectors
from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.records import LibrarySettings
from index.catalog.writes import put_indexed
from index.file_version import FileVersion
from index.library.library import Library
from index.library.writer import LibraryWriter
from index.segments import Segment
from index.video.facts import VideoFacts

SETTINGS = LibrarySettings(
    model="generated",
    fingerprint="0" * 64,
    embed_dim=EMBED_DIM,
    window_seconds=4.0,
    hop_seconds=2.0,
)

_VIDEOS_A_COMMIT = 100
_ROWS_A_COMMIT = 2_000

_FACTS = VideoFacts(
    duration_seconds=2.0 * WINDOWS_A_VIDEO + 2,
    fps=25.0,
    width=1280,
    height=720,
    rotation_degrees=0,
    sample_aspect_ratio=1.0,
    codec="h264",
    container="mov",
    num_frames=50 * WINDOWS_A_VIDEO,
    has_audio=True,
)


def fill(folder: Path, num_videos: int) -> None:
    """Put videos 0 .. num_videos - 1 of the generated space into a new library.

    Many in one transaction: a commit of its own for each of 20,000 waits an hour for the disk.
    """
    Library.create(folder, SETTINGS).close()
    catalog, space = Catalog(folder / CATALOG_NAME), VectorSpace()
    for start in range(0, num_videos, _VIDEOS_A_COMMIT):
        with catalog.write_transaction() as transaction:
            for number in range(start, min(start + _VIDEOS_A_COMMIT, num_videos)):
                put_indexed(transaction, **_video(number, space.video(number)), model_number=1)
    catalog.close()


def fill_with(folder: Path, vectors_ND: Vectors) -> None:
    """Put these vectors into a new library, in their order, as few long videos."""
    Library.create(folder, SETTINGS).close()
    catalog = Catalog(folder / CATALOG_NAME)
    for start in range(0, len(vectors_ND), _ROWS_A_COMMIT):
        with catalog.write_transaction() as transaction:
            block_SD = np.asarray(vectors_ND[start : start + _ROWS_A_COMMIT])
            put_indexed(transaction, **_video(start, block_SD), model_number=1)
    catalog.close()


def fill_without_vectors(folder: Path, num_videos: int) -> None:
    """Put videos /videos/0.mp4 ... into a new library, for what asks of no vectors."""
    Library.create(folder, SETTINGS).close()
    catalog = Catalog(folder / CATALOG_NAME)
    rows = (
        (f"{number:032x}", f"/videos/{number}.mp4".encode(), f"/videos/{number}.mp4")
        for number in range(num_videos)
    )
    with catalog.write_transaction() as transaction:
        transaction.connection.exec_driver_sql(
            "INSERT INTO videos (video_id, path, path_folded, size_bytes, mtime_ns, state,"
            " added_at, updated_at, generation) VALUES (?, ?, ?, 1, 1, 'indexed', 0, 0, 1)",
            list(rows),
        )
    catalog.close()


def put(writer: LibraryWriter, number: int, vectors_SD: Vectors) -> str:
    """Put one video as indexing does, a commit of its own; its video_id."""
    return writer.put_video(**_video(number, vectors_SD))


def _video(number: int, vectors_SD: Vectors) -> dict[str, Any]:
    """A video of windows of 4 s every 2 s, as arguments."""
    return {
        "file": FileVersion(
            path=Path(f"/videos/{number}.mp4"),
            size_bytes=1,
            mtime_ns=1,
            content_hash=f"{number:064x}",
        ),
        "facts": _FACTS,
        "segments": [Segment(2.0 * i, 2.0 * i + 4) for i in range(len(vectors_SD))],
        "embeddings_SD": vectors_SD,
    }
