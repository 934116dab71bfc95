"""The table of a library in a parquet file: its columns, and what stands at its foot.

A row is a segment. `id` and `embedding` are the columns that NeMo Curator writes and reads
(`ClipWriterStage`: {"id": str(uuid), "embedding": [float, ...]}), so its deduplication takes these
files as they are; all other columns are ours. Rows of a video stand together, in the order of time.

What is long, a video's documents and texts, stands in the first row of the video alone.

Source: https://github.com/NVIDIA-NeMo/Curator, nemo_curator/stages/video/io/clip_writer.py.

Axes: S segments of one video, D dimensions.
"""

import json
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cpd_model.errors import InputError
from index.catalog.records import LibrarySettings
from index.catalog.whole_videos import SegmentVectors, WholeVideo, WholeVideos, meaning_of
from index.video.facts import FACT_NAMES, VideoFacts

KEY = b"cpd"
"""Of the foot's entry that tells of the library, as JSON."""

FORMAT = 1
"""Of that entry and of our columns."""

ROWS_AT_ONCE = 8_192
"""Of a group of rows, which is what is held in memory: 16 MB of embeddings of 512 dimensions."""

_FACT_TYPES = {float: "float64", int: "int64", str: "string", bool: "bool_"}


class Arrow(NamedTuple):
    """The modules of pyarrow, which is an extra."""

    arrow: Any
    parquet: Any


def load_pyarrow(doing: str) -> Arrow:
    """Import pyarrow.

    Args:
        doing: what needs it, for the sentence.

    Raises:
        InputError: it is not installed.
    """
    try:
        return Arrow(import_module("pyarrow"), import_module("pyarrow.parquet"))
    except ImportError:
        raise InputError(
            f"{doing} needs pyarrow, which is not installed: run pip install 'cpd[parquet]'"
        ) from None


def table_schema(arrow: Any) -> Any:
    """The columns of a library's table.

    `embedding` is float32, in which NeMo's readers compute; every float16 of the catalog is one of
    them exactly.
    """
    text, number, seconds = arrow.string(), arrow.int64(), arrow.float64()
    kinds = VideoFacts.__annotations__
    columns = [
        ("id", text),
        ("embedding", arrow.list_(arrow.float32())),
        ("video_id", text),
        ("segment_id", number),
        ("num_segments", number),
        ("start_seconds", seconds),
        ("stop_seconds", seconds),
        ("path", text),
        ("path_bytes", arrow.binary()),  # NULL where the path is text, which it is but for damage
        ("root", text),
        ("content_hash", text),
        ("size_bytes", number),
        ("mtime_ns", number),
        *((name, getattr(arrow, _FACT_TYPES[kinds[name]])()) for name in FACT_NAMES),
        ("collections", arrow.list_(text)),
        ("metadata", text),
        ("texts", text),
        ("sidecar_stamp", text),
        ("stale_reason", text),
        ("stale_since", seconds),
        ("added_at", seconds),
        ("updated_at", seconds),
    ]
    return arrow.schema([arrow.field(name, kind) for name, kind in columns])


def write_table(whole: WholeVideos, settings: LibrarySettings, to: Path) -> None:
    """Write videos as a table of their segments.

    Raises:
        InputError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    arrow, parquet = load_pyarrow("exporting to parquet")
    foot = {
        "format": FORMAT,
        "model": settings.model,
        **meaning_of(settings)._asdict(),
        "roots": {name: str(path) for name, path in whole.roots.items()},
        "collections": whole.collections if whole.is_all else [],
    }
    schema = table_schema(arrow).with_metadata({KEY: json.dumps(foot).encode()})
    batches = (
        arrow.RecordBatch.from_pydict(columns, schema=schema)
        for video in whole.videos
        for columns in _columns(arrow, video, video.vectors[meaning_of(settings)], whole.roots)
    )
    with parquet.ParquetWriter(to, schema, compression="zstd") as writer:
        for group in _grouped(batches):
            table = arrow.Table.from_batches(group, schema=schema)
            writer.write_table(table, row_group_size=ROWS_AT_ONCE)


def _grouped(batches: Iterator[Any]) -> Iterator[list[Any]]:
    """Batches together, as many as make a group of rows."""
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if sum(each.num_rows for each in group) >= ROWS_AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _columns(
    arrow: Any, video: WholeVideo, vectors: SegmentVectors, roots: dict[str, Path]
) -> Iterator[dict[str, Any]]:
    """The columns of a video's rows, in pieces of a group's size."""
    of_video = _of_video(video, roots)
    for start in range(0, len(vectors.ids_S), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        starts, stops = vectors.starts_S[rows].tolist(), vectors.stops_S[rows].tolist()
        num_rows = len(starts)
        rows_SD = vectors.vectors_SD[rows].astype(np.float32)
        offsets = np.arange(num_rows + 1, dtype=np.int32) * rows_SD.shape[1]
        first = _long_of(video) if start == 0 else {"metadata": None, "texts": None}
        yield {
            "id": [
                segment_uuid(video.video_id, *times) for times in zip(starts, stops, strict=True)
            ],
            "embedding": arrow.ListArray.from_arrays(offsets, rows_SD.reshape(-1)),
            "segment_id": vectors.ids_S[rows],
            "num_segments": [len(vectors.ids_S)] * num_rows,
            "start_seconds": starts,
            "stop_seconds": stops,
            **{name: [value] * num_rows for name, value in of_video.items()},
            **{name: [value] + [None] * (num_rows - 1) for name, value in first.items()},
        }


def segment_uuid(video_id: str, start_seconds: float, stop_seconds: float) -> str:
    """The `id` of a segment: the same in each library that has the video."""
    return str(uuid.uuid5(uuid.UUID(video_id), f"{start_seconds}_{stop_seconds}"))


def readable(text: Path | str) -> str:
    """A text as UTF-8; bytes that are none are replaced."""
    return str(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def root_of(path: Path, roots: dict[str, Path]) -> str | None:
    """The name of the innermost root that a path lies in."""
    around = [name for name, root in roots.items() if root in path.parents]
    return max(around, key=lambda name: len(roots[name].parts), default=None)


def _of_video(video: WholeVideo, roots: dict[str, Path]) -> dict[str, Any]:
    """What all rows of a video have alike."""
    path = readable(video.file.path)
    raw = str(video.file.path).encode("utf-8", "surrogateescape")
    return {
        "video_id": video.video_id,
        "path": path,
        "path_bytes": None if raw == path.encode() else raw,
        "root": root_of(video.file.path, roots),
        "content_hash": video.file.content_hash,
        "size_bytes": video.file.size_bytes,
        "mtime_ns": video.file.mtime_ns,
        **{name: getattr(video.facts, name) for name in FACT_NAMES},
        "collections": video.collections,
        "sidecar_stamp": None if video.sidecar_stamp is None else readable(video.sidecar_stamp),
        "stale_reason": None if video.stale_reason is None else readable(video.stale_reason),
        "stale_since": video.stale_since,
        "added_at": video.added_at,
        "updated_at": video.updated_at,
    }


def _long_of(video: WholeVideo) -> dict[str, str | None]:
    """What the first row of a video has alone."""
    documents, texts = dict(video.documents), [text._asdict() for text in video.transcript]
    return {
        "metadata": json.dumps(documents, ensure_ascii=False) if documents else None,
        "texts": json.dumps(texts, ensure_ascii=False) if texts else None,
    }
