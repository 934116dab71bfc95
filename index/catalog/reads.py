"""What is asked of the catalog, each question one function of an open transaction.

Axes: N segments, S segments of one video, D dimensions.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, bindparam, func, outerjoin, select
from sqlalchemy.orm import aliased

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns
from index.catalog.embeddings import segments_of_number, to_unit, vectors_of_number
from index.catalog.filtering import matching_videos
from index.catalog.id_range import IdRange
from index.catalog.records import FailedVideo, KnownFile, NamedVideo, SegmentRow, VideoRow
from index.catalog.tables import (
    EmbeddedVideoRecord,
    SegmentRecord,
    TombstoneRecord,
    VideoRecord,
)
from index.errors import UnknownVideoError
from index.file_version import FileVersion
from index.filters.filter import Filter
from index.filters.folding import fold

_VIDEO_FIELDS = tuple(set(VideoRow.__dataclass_fields__) - {"num_segments"})
_ROWS_AT_ONCE = 50_000
NUMBERS_AT_ONCE = 10_000
"""Of one statement: SQLite takes 32,766 values."""

# Built once: a run over a library that is up to date asks it for every file.
_UNCHANGED = select(VideoRecord.video_id).where(
    VideoRecord.path == bindparam("path"),
    VideoRecord.size_bytes == bindparam("size_bytes"),
    VideoRecord.mtime_ns == bindparam("mtime_ns"),
    VideoRecord.state == "indexed",
    VideoRecord.stale_since.is_(None),
)

_BY_PATH, _BY_ID = aliased(VideoRecord), aliased(VideoRecord)
# Each is looked up once more by its names, which have indexes of their own: of damage to a row
# SQLite knows nothing.
_NAMES = select(VideoRecord.number, VideoRecord.video_id, VideoRecord.path).where(
    VideoRecord.number.in_(bindparam("numbers", expanding=True)),
    VideoRecord.number
    == select(_BY_PATH.number).where(_BY_PATH.path == VideoRecord.path).scalar_subquery(),
    VideoRecord.number
    == select(_BY_ID.number).where(_BY_ID.video_id == VideoRecord.video_id).scalar_subquery(),
)


class Counts(NamedTuple):
    """How much a library holds."""

    videos: int
    failed: int
    stale: int
    segments: int
    hours: float


def fold_path(path: Path | str) -> str:
    """The form in which paths are compared: case and spelling of accents evened out."""
    return fold(str(path))


def count_all(connection: Connection, *, model_number: int) -> Counts:
    """Videos, failures, stale videos, hours, and the segments that a model has."""
    indexed = VideoRecord.state == "indexed"
    row = connection.execute(
        select(
            func.count().filter(indexed),
            func.count().filter(~indexed),
            func.count().filter(VideoRecord.stale_since.is_not(None)),
            func.sum(VideoRecord.__table__.c.duration_seconds),
        ).select_from(VideoRecord)
    ).one()
    videos, failed, stale, seconds = row
    segments = count_embedded(connection, model_number=model_number)
    return Counts(videos, failed, stale, segments, (seconds or 0) / 3600)


def count_embedded(connection: Connection, *, model_number: int) -> int:
    """The segments that a model should have, as was noted with each video."""
    said = select(func.coalesce(func.sum(EmbeddedVideoRecord.num_segments), 0))
    own = EmbeddedVideoRecord.model_number == model_number
    return connection.execute(said.where(own)).scalar_one()


def list_videos(
    connection: Connection,
    *,
    model_number: int,
    limit: int | None,
    offset: int,
    where: Filter | None = None,
) -> list[VideoRow]:
    """Indexed videos in the order in which they were first seen.

    Raises:
        FilterError: the filter names what the library does not have.
    """
    query = _videos(model_number).order_by(VideoRecord.number)
    if where is None:
        rows = connection.execute(query.limit(limit).offset(offset))
        return [_video_row(row) for row in rows]
    stop = None if limit is None else offset + limit
    numbers = matching_videos(connection, where)[offset:stop].tolist()
    pages = (numbers[i : i + NUMBERS_AT_ONCE] for i in range(0, len(numbers), NUMBERS_AT_ONCE))
    return [
        _video_row(row)
        for page in pages
        for row in connection.execute(query.where(VideoRecord.number.in_(page)))
    ]


def list_stale(connection: Connection, *, model_number: int) -> list[VideoRow]:
    """Indexed videos whose newest bytes could not be read, first seen first."""
    query = (
        _videos(model_number)
        .where(VideoRecord.stale_since.is_not(None))
        .order_by(VideoRecord.number)
    )
    return [_video_row(row) for row in connection.execute(query)]


def videos_after(
    connection: Connection, number: int, *, model_number: int, limit: int
) -> dict[int, VideoRow]:
    """The indexed videos that follow a number (0 for the first), by number, ascending.

    A number is never used again, so whatever is removed meanwhile, the next page starts where the
    last one ended.
    """
    query = _videos(model_number).add_columns(VideoRecord.number).where(VideoRecord.number > number)
    rows = connection.execute(query.order_by(VideoRecord.number).limit(limit))
    return {row.number: _video_row(row) for row in rows}


def video_by_id(connection: Connection, video_id: str, *, model_number: int) -> VideoRow:
    """One indexed video.

    Raises:
        UnknownVideoError: there is none of that id.
    """
    query = _videos(model_number).where(VideoRecord.video_id == video_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownVideoError(f"no video {video_id} in this library")
    return _video_row(row)


def number_of(connection: Connection, video_id: str) -> int:
    """The number of a video or failure, by which the other tables know it.

    Raises:
        UnknownVideoError: there is none of that id.
    """
    query = select(VideoRecord.number).where(VideoRecord.video_id == video_id)
    number = connection.execute(query).scalar()
    if number is None:
        raise UnknownVideoError(f"no video {video_id} in this library")
    return number


def videos_by_hash(
    connection: Connection, content_hash: str, *, model_number: int
) -> list[VideoRow]:
    """Indexed videos whose file had these bytes, oldest first."""
    query = _videos(model_number).where(VideoRecord.content_hash == content_hash)
    return [_video_row(row) for row in connection.execute(query.order_by(VideoRecord.number))]


def sizes_of_videos(connection: Connection) -> set[int]:
    """The sizes of all indexed files, in bytes."""
    query = select(VideoRecord.size_bytes).where(VideoRecord.state == "indexed").distinct()
    return set(connection.execute(query).scalars())


def unchanged_video(connection: Connection, file: FileVersion) -> str | None:
    """The id of the indexed video at this path if size and time still are what they were."""
    asked = {"path": file.path, "size_bytes": file.size_bytes, "mtime_ns": file.mtime_ns}
    return connection.execute(_UNCHANGED, asked).scalar()


def file_at(connection: Connection, path: Path) -> KnownFile | None:
    """What the catalog has at a path, an indexed video or a failure; None when nothing."""
    query = select(VideoRecord.video_id, VideoRecord.state, VideoRecord.stale_reason)
    row = connection.execute(query.where(VideoRecord.path == path)).one_or_none()
    if row is None:
        return None
    return KnownFile(row.video_id, row.state == "indexed", row.stale_reason)


def list_failures(connection: Connection) -> list[FailedVideo]:
    """Files that could not be indexed, in the order in which they were first seen."""
    query = (
        select(
            VideoRecord.video_id,
            VideoRecord.path,
            VideoRecord.reason,
            VideoRecord.size_bytes,
            VideoRecord.mtime_ns,
            VideoRecord.content_hash,
            VideoRecord.updated_at.label("failed_at"),
        )
        .where(VideoRecord.state == "failed")
        .order_by(VideoRecord.number)
    )
    return [FailedVideo(**row._asdict()) for row in connection.execute(query)]


def segments_of(connection: Connection, video_id: str, *, ids: IdRange) -> list[SegmentRow]:
    """The segments of one video, ascending by id, which is the order of their vectors.

    Args:
        ids: of the model whose segments are asked for.

    Raises:
        UnknownVideoError: there is no such video.
    """
    return segments_of_number(connection, _indexed_number(connection, video_id), ids=ids)


def embeddings_of(
    connection: Connection, video_id: str, *, ids: IdRange, embed_dim: int
) -> Vectors:
    """Unit vectors (S, D) of one video, in the order of `segments_of`; (0, D) where the model has
    none of it.

    Args:
        ids: of the model whose vectors are asked for.

    Raises:
        UnknownVideoError: there is no such video.
        LibraryCorruptError: the stored bytes are not what was written.
    """
    number = _indexed_number(connection, video_id)
    return to_unit(vectors_of_number(connection, number, ids=ids, embed_dim=embed_dim))


def segments_between(connection: Connection, first_id: int, last_id: int) -> SegmentColumns:
    """Live segments with an id from the first to the last, ascending."""
    query = (
        select(
            SegmentRecord.id,
            SegmentRecord.video_number,
            SegmentRecord.start_seconds,
            SegmentRecord.stop_seconds,
        )
        .where(SegmentRecord.id.between(first_id, last_id))
        .order_by(SegmentRecord.id)
    )
    fields = [("id", "i8"), ("video", "i8"), ("start", "f8"), ("stop", "f8")]
    # The driver's own tuples: SQLAlchemy's rows make this three times slower (200,000: 0.45 s).
    literal = query.compile(connection.engine, compile_kwargs={"literal_binds": True})
    cursor = connection.connection.cursor()
    cursor.execute(str(literal))
    parts = [np.empty(0, dtype=fields)]
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        parts.append(np.array(rows, dtype=fields))
    cursor.close()
    table = np.concatenate(parts)
    return SegmentColumns(
        *(np.ascontiguousarray(table[name]) for name in ("id", "video", "start", "stop"))
    )


def removed_after(connection: Connection, generation: int) -> NDArray[np.int64]:
    """Ids of the segments that were removed after a generation."""
    ids = connection.execute(
        select(TombstoneRecord.segment_id).where(TombstoneRecord.generation > generation)
    ).scalars()
    return np.fromiter(ids, dtype=np.int64)


def names_of(connection: Connection, video_numbers: Iterable[int]) -> dict[int, NamedVideo]:
    """The names of the videos of these numbers that exist, by number.

    One whose path or id is in no index, because damage changed it, is not told.
    """
    rows = connection.execute(_NAMES, {"numbers": list(set(video_numbers))})
    return {row.number: NamedVideo(row.video_id, row.path) for row in rows}


def _videos(model_number: int) -> "Select[Any]":
    columns = [getattr(VideoRecord, name) for name in _VIDEO_FIELDS]
    num_segments = func.coalesce(EmbeddedVideoRecord.num_segments, 0).label("num_segments")
    own = (EmbeddedVideoRecord.video_number == VideoRecord.number) & (
        EmbeddedVideoRecord.model_number == model_number
    )
    return (
        select(*columns, num_segments)
        .select_from(outerjoin(VideoRecord, EmbeddedVideoRecord, own))
        .where(VideoRecord.state == "indexed")
    )


def _video_row(row: "Row[Any]") -> VideoRow:
    values = {name: getattr(row, name) for name in _VIDEO_FIELDS}
    return VideoRow(**values, num_segments=row.num_segments)


def _indexed_number(connection: Connection, video_id: str) -> int:
    query = select(VideoRecord.number).where(
        VideoRecord.video_id == video_id, VideoRecord.state == "indexed"
    )
    number = connection.execute(query).scalar()
    if number is None:
        raise UnknownVideoError(f"no video {video_id} in this library")
    return number
