"""What can be put right in a catalog from the rest of it, and from the parts that were made of it.

Axes: S segments of one video, D dimensions.
"""

import uuid
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    literal,
    not_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from index.catalog.connection import WriteTransaction
from index.catalog.embeddings import STORED_DTYPE, bury_vectors, stored_vectors
from index.catalog.id_range import IdRange
from index.catalog.records import LibrarySettings
from index.catalog.tables import (
    EmbeddedVideoRecord,
    EmbeddingRecord,
    EpochRecord,
    LibraryRecord,
    ModelRecord,
    PartRecord,
    SegmentRecord,
    TombstoneRecord,
    VideoRecord,
)
from index.catalog.writes import put_failed
from index.errors import LibraryCorruptError
from index.file_version import FileVersion

RowsInParts: TypeAlias = Callable[[int, int], NDArray[np.float16] | None]
"""From the first and last id of some segments to their vectors (S, D) as a part has them; None
where none does."""

Mended: TypeAlias = Literal["count", "vectors", "taken out", "given up"]
"""What became of a video: its count or its vectors were put right, those of the one model that was
looked at were taken out, or it has to be indexed anew."""

LOST = "what was indexed of it was damaged: index it again"
"""The reason of a video that was given up."""


def rebuild_indexes(connection: Connection) -> None:
    """Build SQLite's own indexes, that of words too, anew from the tables."""
    connection.execute(text("REINDEX"))
    connection.execute(text("INSERT INTO texts_fts (texts_fts) VALUES ('rebuild')"))


def renew_generation(connection: Connection) -> None:
    """Bring the library to a generation that is newer than all that any row knows, and list it."""
    known = [
        select(func.coalesce(func.max(record.generation), 0)).scalar_subquery()
        for record in (LibraryRecord, EpochRecord, PartRecord, SegmentRecord, TombstoneRecord)
    ]
    generation = max(connection.execute(select(*known)).one()) + 1
    row = {"generation": generation, "epoch": uuid.uuid4().hex}
    connection.execute(insert(EpochRecord), row)
    connection.execute(update(LibraryRecord).values(**row))


def drop_orphans(transaction: WriteTransaction) -> int:
    """Remove segments and embeddings of no video or no model, and parts of no model; how many."""
    connection = transaction.connection
    known = select(VideoRecord.number)
    models = connection.execute(select(ModelRecord.number)).scalars()
    ranges = [IdRange.of_model(number) for number in models]
    lost = SegmentRecord.video_number.not_in(known) | _is_stray(SegmentRecord.id, ranges)
    ids = select(SegmentRecord.id, literal(transaction.generation)).where(lost)
    bury = insert(TombstoneRecord).prefix_with("OR IGNORE")
    connection.execute(bury.from_select(["segment_id", "generation"], ids))
    segments = connection.execute(delete(SegmentRecord).where(lost))
    gone = [
        connection.execute(delete(record).where(condition))
        for record, condition in (
            (EmbeddingRecord, EmbeddingRecord.video_number.not_in(known)),
            (EmbeddingRecord, _is_stray(EmbeddingRecord.first_segment_id, ranges)),
            (PartRecord, _is_stray(PartRecord.first_segment_id, ranges)),
            (EmbeddedVideoRecord, EmbeddedVideoRecord.video_number.not_in(known)),
            (
                EmbeddedVideoRecord,
                EmbeddedVideoRecord.model_number.not_in(select(ModelRecord.number)),
            ),
        )
    ]
    return segments.rowcount + sum(result.rowcount for result in gone)


def stray_segments(connection: Connection, ranges: Sequence[IdRange]) -> list[int]:
    """Ids of segments that are in no model's range."""
    strays = select(SegmentRecord.id).where(_is_stray(SegmentRecord.id, ranges))
    return list(connection.execute(strays).scalars())


def stray_parts(connection: Connection, ranges: Sequence[IdRange]) -> list[str]:
    """Names of parts that begin in no model's range."""
    strays = select(PartRecord.name).where(_is_stray(PartRecord.first_segment_id, ranges))
    return list(connection.execute(strays).scalars())


def _is_stray(column: InstrumentedAttribute[int], ranges: Sequence[IdRange]) -> ColumnElement[bool]:
    return and_(true(), *(not_(column.between(*ids)) for ids in ranges))


def mend_video(
    transaction: WriteTransaction,
    video_id: str,
    *,
    settings: LibrarySettings,
    rows_in_parts: RowsInParts,
) -> tuple[Mended, Path] | None:
    """Bring the rows of one video into agreement; what was done, and the video's path.

    Vectors are taken from a part only where they have the checksum that was written with the
    video: then they are the same to the last bit. Of a video that cannot be mended, what this model
    has is taken out if others have something; else it is left as a failure, so that all others can
    be searched and the next add of its path indexes it.

    Args:
        settings: of the model whose rows are looked at.

    Returns:
        None where there is no such video, or nothing is wrong with it.
    """
    connection = transaction.connection
    video = connection.execute(
        select(VideoRecord.__table__).where(VideoRecord.video_id == video_id)
    ).one_or_none()
    if video is None:
        return None
    row = connection.execute(
        select(EmbeddingRecord.__table__).where(
            EmbeddingRecord.video_number == video.number,
            EmbeddingRecord.first_segment_id.between(*settings.segment_ids),
        )
    ).one_or_none()
    num = 0 if row is None else _count_whole(connection, row, settings.segment_ids)
    done: Mended = "given up"
    if row is not None and num:
        if _holds(row, num, settings.embed_dim):
            done = "count"
        elif _restore(connection, row, rows_in_parts(*_ids(row, num))):
            done = "vectors"
    if done == "given up" and _has_others(connection, video.number, settings.model_number):
        bury_vectors(transaction, video.number, model_number=settings.model_number)
        done = "taken out"
    elif done == "given up":
        put_failed(transaction, _file_of(video), reason=LOST)
    elif not _note_count(connection, video.number, num, settings) and done == "count":
        return None
    return done, video.path


def _has_others(connection: Connection, video_number: int, model_number: int) -> bool:
    """Whether other models have vectors of a video."""
    others = select(EmbeddedVideoRecord.model_number).where(
        EmbeddedVideoRecord.video_number == video_number,
        EmbeddedVideoRecord.model_number != model_number,
    )
    return connection.execute(others).first() is not None


def _note_count(
    connection: Connection, video_number: int, num: int, settings: LibrarySettings
) -> bool:
    """Note how many segments a model has of a video; whether it was noted otherwise."""
    key = {"model_number": settings.model_number, "video_number": video_number}
    said = select(EmbeddedVideoRecord.num_segments).filter_by(**key)
    if connection.execute(said).scalar() == num:
        return False
    connection.execute(delete(EmbeddedVideoRecord).filter_by(**key))
    connection.execute(insert(EmbeddedVideoRecord).values(**key, num_segments=num))
    return True


def _count_whole(connection: Connection, row: "Row[Any]", ids: IdRange) -> int:
    """How many segments a video has; 0 unless ids follow each other and all times can be."""
    segments = connection.execute(
        select(SegmentRecord.id, SegmentRecord.start_seconds, SegmentRecord.stop_seconds)
        .where(SegmentRecord.video_number == row.video_number, SegmentRecord.id.between(*ids))
        .order_by(SegmentRecord.id)
    ).all()
    first = row.first_segment_id
    follow = [segment.id for segment in segments] == list(range(first, first + len(segments)))
    are_times = all(segment.start_seconds < segment.stop_seconds for segment in segments)
    return len(segments) if follow and are_times else 0


def _ids(row: "Row[Any]", num: int) -> tuple[int, int]:
    return row.first_segment_id, row.first_segment_id + num - 1


def _holds(row: "Row[Any]", num: int, embed_dim: int) -> bool:
    """Whether an embeddings row has unharmed vectors for so many segments."""
    try:
        return len(stored_vectors(row, embed_dim).vectors_SD) == num
    except LibraryCorruptError:
        return False


def _restore(connection: Connection, row: "Row[Any]", found_SD: NDArray[np.float16] | None) -> bool:
    """Put the vectors back as a part has them; whether they are those that were written."""
    vectors = b"" if found_SD is None else found_SD.astype(STORED_DTYPE).tobytes()
    if not vectors or zlib.crc32(vectors) != row.checksum:
        return False
    own = EmbeddingRecord.first_segment_id == row.first_segment_id
    connection.execute(update(EmbeddingRecord).where(own).values(vectors=vectors))
    return True


def _file_of(video: "Row[Any]") -> FileVersion:
    return FileVersion(
        path=video.path,
        size_bytes=video.size_bytes,
        mtime_ns=video.mtime_ns,
        content_hash=video.content_hash,
    )
