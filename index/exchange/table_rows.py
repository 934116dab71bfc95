"""Reads the videos of a library's table, row by row without trust.

Axes: N rows, S segments of one video, D dimensions.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cpd_model.errors import InputError
from index.catalog.embeddings import STORED_DTYPE
from index.catalog.metadata import SOURCES, Source
from index.catalog.names import checked_name
from index.catalog.texts import VideoText
from index.catalog.whole_videos import SegmentVectors, WholeVideo, meaning_of
from index.documents import Document, checked_document, parse_object
from index.exchange.parquet_table import ROWS_AT_ONCE, Arrow, table_schema
from index.exchange.table_foot import TableFoot, reading
from index.file_version import FileVersion
from index.ingest.files import printable
from index.sidecars.subtitles import MOST_CUES
from index.video.facts import FACT_NAMES, VideoFacts

MOST_SEGMENTS = 2_000_000
"""Of one video, which is held in memory: two days of video every tenth of a second."""

_NORM_TOLERANCE = 0.01
_ID, _HASH = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
_MAY_BE_NULL = {
    *("path_bytes", "root", "metadata", "texts", "sidecar_stamp", "stale_reason", "stale_since")
}


class _Piece(NamedTuple):
    """Rows of one video that stand together in what was read at once."""

    first_row: int
    """Of the file, from 1."""
    columns: dict[str, Any]
    """Of the first row; all rows are alike but in the columns below."""
    num_rows: int
    ids_S: NDArray[np.int64]
    starts_S: NDArray[np.float64]
    stops_S: NDArray[np.float64]
    vectors_SD: NDArray[np.float16]


def read_videos(foot: TableFoot, modules: Arrow) -> Iterator[WholeVideo]:
    """The videos of a table, one after the other.

    Raises:
        InputError: a row is not as an export writes it; tells which.
    """
    pending: list[_Piece] = []
    try:
        with reading(foot.file, modules) as opened:
            for piece in _pieces(opened, foot, modules):
                if pending and pending[0].columns["video_id"] != piece.columns["video_id"]:
                    yield _video(pending, foot)
                    pending = []
                pending.append(piece)
                num_rows = sum(each.num_rows for each in pending)
                if num_rows == piece.columns["num_segments"]:
                    yield _video(pending, foot)
                    pending = []
                if num_rows > MOST_SEGMENTS:
                    raise _RowError(f"the video has more than {MOST_SEGMENTS} segments")
            if pending:
                yield _video(pending, foot)
    except _RowError as error:
        row = error.row or pending[0].first_row
        raise InputError(
            f"{printable(foot.file)}, row {row}: {error}; the videos of the rows before are in the "
            f"library"
        ) from error


class _RowError(Exception):
    """What is wrong with a row, or with the rows of a video."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


def _pieces(opened: Any, foot: TableFoot, modules: Arrow) -> Iterator[_Piece]:
    schema, row = table_schema(modules.arrow), 1
    for batch in opened.iter_batches(batch_size=ROWS_AT_ONCE, columns=schema.names):
        try:
            table = modules.arrow.Table.from_batches([batch]).select(schema.names).cast(schema)
        except (modules.arrow.ArrowException, ValueError) as error:
            said = printable(str(error).splitlines()[0])
            raise _RowError(f"a column is of another kind: {said}", row=row) from error
        ids = table["video_id"].to_pylist()
        starts = [i for i in range(len(ids)) if i == 0 or ids[i] != ids[i - 1]]
        for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True):
            yield _piece(table.slice(start, stop - start), row + start, foot.settings.embed_dim)
        row += table.num_rows


def _piece(table: Any, first_row: int, embed_dim: int) -> _Piece:
    """Rows of one video."""
    for name in table.column_names:
        if name not in _MAY_BE_NULL and table[name].null_count:
            missing = table[name].is_null().to_pylist().index(True)
            raise _RowError(f"{name} is missing", row=first_row + missing)
    return _Piece(
        first_row=first_row,
        columns={
            name: table[name][0].as_py() for name in table.column_names if name != "embedding"
        },
        num_rows=table.num_rows,
        ids_S=table["segment_id"].to_numpy(),
        starts_S=table["start_seconds"].to_numpy(),
        stops_S=table["stop_seconds"].to_numpy(),
        vectors_SD=_vectors(table["embedding"].combine_chunks(), first_row, embed_dim),
    )


def _vectors(lists: Any, first_row: int, embed_dim: int) -> NDArray[np.float16]:
    """The embeddings of rows, float16 (N, D)."""
    lengths_N = lists.value_lengths().to_numpy(zero_copy_only=False)
    wrong_N = np.flatnonzero(lengths_N != embed_dim)
    if len(wrong_N):
        found = f"an embedding has {lengths_N[wrong_N[0]]} dimensions, the table's have {embed_dim}"
        raise _RowError(found, row=first_row + int(wrong_N[0]))
    values = lists.flatten()  # a hole becomes NaN
    values_ND = values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, embed_dim)
    with np.errstate(over="ignore", invalid="ignore"):
        norms_N = np.linalg.norm(values_ND, axis=1)
        wrong_N = np.flatnonzero(~(np.abs(norms_N - 1) < _NORM_TOLERANCE))  # NaN is wrong too
        if len(wrong_N):
            raise _RowError("an embedding is no unit vector", row=first_row + int(wrong_N[0]))
        stored_ND: NDArray[np.float16] = values_ND.astype(STORED_DTYPE)
    return stored_ND


def _video(pieces: list[_Piece], foot: TableFoot) -> WholeVideo:
    said = pieces[0].columns
    num_rows = sum(piece.num_rows for piece in pieces)
    if said["num_segments"] != num_rows:
        raise _RowError(
            f"the video has {said['num_segments']} segments, and {num_rows} rows of it stand here "
            f"together: keep the rows in the order of the export"
        )
    vectors = SegmentVectors(
        np.concatenate([piece.ids_S for piece in pieces]),
        np.concatenate([piece.starts_S for piece in pieces]),
        np.concatenate([piece.stops_S for piece in pieces]),
        np.concatenate([piece.vectors_SD for piece in pieces]),
    )
    starts_S, stops_S = vectors.starts_S, vectors.stops_S
    if not np.all((starts_S >= 0) & (starts_S < stops_S) & (stops_S < np.inf)):
        raise _RowError("a segment is not [start, stop) with 0 <= start < stop")
    return WholeVideo(
        video_id=_fitting(said, "video_id", _ID),
        file=_file(said),
        facts=VideoFacts(**{name: _finite(said, name) for name in FACT_NAMES}),
        reason=None,
        stale_reason=said["stale_reason"],
        stale_since=_finite(said, "stale_since"),
        sidecar_stamp=said["sidecar_stamp"],
        added_at=_finite(said, "added_at"),
        updated_at=_finite(said, "updated_at"),
        documents=_told(said, "metadata", _documents),
        transcript=_told(said, "texts", _transcript),
        collections=_told(said, "collections", _collections),
        vectors={meaning_of(foot.settings): vectors},
    )


def _file(said: dict[str, Any]) -> FileVersion:
    raw = said["path_bytes"]
    text = said["path"] if raw is None else raw.decode("utf-8", "surrogateescape")
    if not text.startswith("/") or "\0" in text:
        raise _RowError(f"{printable(text)} is no absolute path")
    if said["size_bytes"] < 0:
        raise _RowError("size_bytes is negative")
    return FileVersion(
        path=Path(text),
        size_bytes=said["size_bytes"],
        mtime_ns=said["mtime_ns"],
        content_hash=_fitting(said, "content_hash", _HASH),
    )


def _fitting(said: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value: str = said[name]
    if not pattern.fullmatch(value):
        raise _RowError(f"{name} is not {'32' if pattern is _ID else '64'} hex digits")
    return value


def _finite(said: dict[str, Any], name: str) -> Any:
    value = said[name]
    if isinstance(value, float) and not math.isfinite(value):
        raise _RowError(f"{name} is {value}")
    return value


def _told(said: dict[str, Any], name: str, read: Callable[[Any], Any]) -> Any:
    try:
        return read(said[name])
    except (InputError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _RowError(f"{name} cannot be read: {printable(str(error))[:200]}") from error


def _documents(text: str | None) -> dict[Source, Document]:
    said = {} if text is None else parse_object(text)
    if set(said) - set(SOURCES):
        raise ValueError("a source is none of container, sidecar, user")
    return {source: checked_document(said[source]) for source in SOURCES if source in said}


def _transcript(text: str | None) -> list[VideoText]:
    rows = [] if text is None else json.loads(text)
    if len(rows) > MOST_CUES:
        raise ValueError(f"more than {MOST_CUES} texts")
    return [
        VideoText(
            "transcript",
            str(row["body"]),
            float(row["start_seconds"]),
            float(row["stop_seconds"]),
        )
        for row in rows
        if row["kind"] == "transcript"
    ]


def _collections(names: list[str]) -> list[str]:
    return [checked_name(name, what="collection") for name in names]
