"""What a model has of one video: its segments and their vectors, put, read, copied and removed.

Axes: S segments of one video, D dimensions.
"""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, literal, select, update

from cpd_model.encoder import Vectors
from index.catalog.connection import WriteTransaction
from index.catalog.id_range import IdRange, model_of_segment
from index.catalog.records import SegmentRow
from index.catalog.tables import (
    EmbeddedVideoRecord,
    EmbeddingRecord,
    ModelRecord,
    SegmentRecord,
    TombstoneRecord,
)
from index.errors import LibraryCorruptError

if TYPE_CHECKING:
    from index.segments import Segment

STORED_DTYPE = np.dtype("<f2")
"""Embeddings at rest: half the bytes, and a cosine changes by less than 0.001."""


class StoredVectors(NamedTuple):
    """The embeddings row of one video."""

    video_number: int
    first_segment_id: int
    vectors_SD: NDArray[np.float16]


def segments_of_number(
    connection: Connection, video_number: int, *, ids: IdRange
) -> list[SegmentRow]:
    """The segments of a model's ids of one video, ascending, the order of their vectors."""
    query = (
        select(SegmentRecord.id, SegmentRecord.start_seconds, SegmentRecord.stop_seconds)
        .where(SegmentRecord.video_number == video_number, SegmentRecord.id.between(*ids))
        .order_by(SegmentRecord.id)
    )
    return [
        SegmentRow(row.start_seconds, row.stop_seconds, segment_id=row.id)
        for row in connection.execute(query)
    ]


def vectors_of_number(
    connection: Connection, video_number: int, *, ids: IdRange, embed_dim: int
) -> NDArray[np.float16]:
    """The vectors (S, D) of a model's ids of one video as they are stored; (0, D) for none.

    Raises:
        LibraryCorruptError: the stored bytes are not what was written.
    """
    row = connection.execute(
        select(EmbeddingRecord.__table__).where(
            EmbeddingRecord.video_number == video_number,
            EmbeddingRecord.first_segment_id.between(*ids),
        )
    ).one_or_none()
    if row is not None:
        return stored_vectors(row, embed_dim).vectors_SD
    said = select(EmbeddedVideoRecord.num_segments).where(
        EmbeddedVideoRecord.video_number == video_number,
        EmbeddedVideoRecord.model_number == model_of_segment(ids.first),
    )
    if connection.execute(said).scalar():
        raise LibraryCorruptError(
            f"video number {video_number} has no embeddings: run `cpd index verify`"
        )
    return np.empty((0, embed_dim), dtype=np.float16)


def put_vectors(
    transaction: WriteTransaction,
    number: int,
    *,
    segments: "Sequence[Segment]",
    embeddings_SD: Vectors | NDArray[np.float16],
    model_number: int,
) -> None:
    """Give a video the segments and vectors of a model that has none of it."""
    first_id = _insert_segments(transaction, number, segments, model_number=model_number)
    vectors = embeddings_SD.astype(STORED_DTYPE).tobytes()
    row = {
        "video_number": number,
        "first_segment_id": first_id,
        "generation": transaction.generation,
        "checksum": zlib.crc32(vectors),
        "vectors": vectors,
    }
    connection = transaction.connection
    connection.execute(insert(EmbeddingRecord), row)
    connection.execute(
        insert(EmbeddedVideoRecord).values(
            model_number=model_number, video_number=number, num_segments=len(segments)
        )
    )


def copy_vectors(transaction: WriteTransaction, source: int, target: int) -> None:
    """Give a video without vectors what all models have of another one.

    Raises:
        LibraryCorruptError: the vectors of the other one are not what was written.
    """
    connection = transaction.connection
    models = (
        select(ModelRecord.number, ModelRecord.embed_dim)
        .join(EmbeddedVideoRecord, EmbeddedVideoRecord.model_number == ModelRecord.number)
        .where(EmbeddedVideoRecord.video_number == source)
        .order_by(ModelRecord.number)
    )
    for number, embed_dim in connection.execute(models).all():
        ids = IdRange.of_model(number)
        put_vectors(
            transaction,
            target,
            segments=segments_of_number(connection, source, ids=ids),
            embeddings_SD=vectors_of_number(connection, source, ids=ids, embed_dim=embed_dim),
            model_number=number,
        )


def bury_vectors(transaction: WriteTransaction, number: int, *, model_number: int) -> None:
    """Remove what one model has of a video; what others have stays."""
    ids = IdRange.of_model(model_number)
    _bury(
        transaction,
        segments=(SegmentRecord.video_number == number) & SegmentRecord.id.between(*ids),
        embeddings=(EmbeddingRecord.video_number == number)
        & EmbeddingRecord.first_segment_id.between(*ids),
        counts=(EmbeddedVideoRecord.video_number == number)
        & (EmbeddedVideoRecord.model_number == model_number),
    )


def bury_all(transaction: WriteTransaction, number: int) -> None:
    """Remove what all models have of a video."""
    _bury(
        transaction,
        segments=SegmentRecord.video_number == number,
        embeddings=EmbeddingRecord.video_number == number,
        counts=EmbeddedVideoRecord.video_number == number,
    )


def _bury(
    transaction: WriteTransaction,
    *,
    segments: ColumnElement[bool],
    embeddings: ColumnElement[bool],
    counts: ColumnElement[bool],
) -> None:
    connection = transaction.connection
    ids = select(SegmentRecord.id, literal(transaction.generation)).where(segments)
    connection.execute(insert(TombstoneRecord).from_select(["segment_id", "generation"], ids))
    connection.execute(delete(SegmentRecord).where(segments))
    connection.execute(delete(EmbeddingRecord).where(embeddings))
    connection.execute(delete(EmbeddedVideoRecord).where(counts))


def _insert_segments(
    transaction: WriteTransaction, number: int, segments: "Sequence[Segment]", *, model_number: int
) -> int:
    """Insert all segments of a video; the id of the first, the others follow it one by one."""
    connection = transaction.connection
    last_id = connection.execute(
        update(ModelRecord)
        .where(ModelRecord.number == model_number)
        .values(last_segment_id=ModelRecord.last_segment_id + len(segments))
        .returning(ModelRecord.last_segment_id)
    ).scalar_one()
    first_id = last_id - len(segments) + 1
    rows = [
        {
            "id": first_id + i,
            "video_number": number,
            "start_seconds": segment.start_seconds,
            "stop_seconds": segment.stop_seconds,
            "generation": transaction.generation,
        }
        for i, segment in enumerate(segments)
    ]
    connection.execute(insert(SegmentRecord), rows)
    return first_id


def to_unit(stored_SD: NDArray[np.float16]) -> Vectors:
    """Float32 rows of norm 1: rounding to float16 moves a norm by up to 0.0005."""
    rows_SD = stored_SD.astype(np.float32)
    norms_S1 = np.linalg.norm(rows_SD, axis=1, keepdims=True)
    rows_SD /= np.maximum(norms_S1, np.finfo(np.float32).tiny)
    return rows_SD


def stored_vectors(row: "Row[Any]", embed_dim: int) -> StoredVectors:
    """An embeddings row, checked.

    Raises:
        LibraryCorruptError: the stored bytes are not what was written.
    """
    values = np.frombuffer(row.vectors, dtype=STORED_DTYPE) if len(row.vectors) % 2 == 0 else None
    if zlib.crc32(row.vectors) != row.checksum or values is None or len(values) % embed_dim:
        raise LibraryCorruptError(
            f"the embeddings from segment {row.first_segment_id} on are not what was written: "
            f"`cpd index verify` names the video, `cpd index repair` brings the others back"
        )
    return StoredVectors(row.video_number, row.first_segment_id, values.reshape(-1, embed_dim))
