"""The models of a library side by side: which there are, which one answers, what they lack.

Axes: S segments of one video, D dimensions.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    outerjoin,
    select,
    update,
)

from cpd_model.encoder import Vectors
from index.catalog.connection import WriteTransaction
from index.catalog.embeddings import put_vectors
from index.catalog.id_range import IdRange
from index.catalog.records import LibrarySettings, ModelStatus
from index.catalog.tables import (
    EmbeddedVideoRecord,
    EmbeddingRecord,
    LibraryRecord,
    ModelRecord,
    PartRecord,
    SegmentRecord,
    TombstoneRecord,
    VideoRecord,
)

if TYPE_CHECKING:
    from index.segments import Segment

_MODEL_COLUMNS = (
    "number",
    "name",
    "fingerprint",
    "embed_dim",
    "window_seconds",
    "hop_seconds",
    "state",
)


class LackingVideo(NamedTuple):
    """An indexed video that a model has no vectors of."""

    path: Path
    size_bytes: int
    content_hash: str | None


def list_models(connection: Connection) -> list[ModelStatus]:
    """All models, in the order of their coming."""
    library = connection.execute(
        select(LibraryRecord.model_number, LibraryRecord.previous_model_number)
    ).one()
    is_indexed = VideoRecord.state == "indexed"
    indexed = select(func.count()).where(is_indexed).scalar_subquery()
    had = (
        select(
            EmbeddedVideoRecord.model_number,
            func.count().label("videos"),
            func.sum(EmbeddedVideoRecord.num_segments).label("segments"),
        )
        .group_by(EmbeddedVideoRecord.model_number)
        .subquery()
    )
    videos = func.coalesce(had.c.videos, 0)
    query = (
        select(
            *(getattr(ModelRecord, name) for name in _MODEL_COLUMNS),
            videos.label("videos"),
            (indexed - videos).label("lacking"),
            func.coalesce(had.c.segments, 0).label("segments"),
        )
        .select_from(outerjoin(ModelRecord, had, had.c.model_number == ModelRecord.number))
        .order_by(ModelRecord.number)
    )
    return [
        ModelStatus(
            **row._asdict(),
            answers=row.number == library.model_number,
            answered_before=row.number == library.previous_model_number,
        )
        for row in connection.execute(query)
    ]


def begin_model(connection: Connection, settings: LibrarySettings) -> int:
    """List a model, unless it is listed with these windows; its number.

    Args:
        settings: their `model_number` says nothing.
    """
    known = select(ModelRecord.number).where(
        ModelRecord.fingerprint == settings.fingerprint,
        ModelRecord.window_seconds == settings.window_seconds,
        ModelRecord.hop_seconds == settings.hop_seconds,
    )
    number = connection.execute(known).scalar()
    if number is not None:
        return number
    row = {
        "name": settings.model,
        "fingerprint": settings.fingerprint,
        "embed_dim": settings.embed_dim,
        "window_seconds": settings.window_seconds,
        "hop_seconds": settings.hop_seconds,
        "state": "building",
        "created_at": time.time(),
        "last_segment_id": 0,
    }
    # The number comes from SQLite, which remembers those of models that were dropped.
    new = connection.execute(insert(ModelRecord).returning(ModelRecord.number), row).scalar_one()
    first = IdRange.of_model(new).first
    own = ModelRecord.number == new
    connection.execute(update(ModelRecord).where(own).values(last_segment_id=first - 1))
    return new


def finish_model(connection: Connection, number: int) -> None:
    """Note that a run has gone through all videos."""
    own = ModelRecord.number == number
    connection.execute(update(ModelRecord).where(own).values(state="ready"))


def switch_to(connection: Connection, number: int) -> None:
    """Let another model answer, and remember the one that did."""
    before = LibraryRecord.model_number
    connection.execute(
        update(LibraryRecord)
        .where(before != number)
        .values(model_number=number, previous_model_number=before)
    )


def drop_model(connection: Connection, number: int) -> list[str]:
    """Take a model away with all that is of it, but not the one that answers.

    Returns:
        The names of the parts that the catalog lists no more.
    """
    ids = IdRange.of_model(number)
    in_parts = PartRecord.first_segment_id.between(*ids)
    names = list(connection.execute(select(PartRecord.name).where(in_parts)).scalars())
    connection.execute(
        update(LibraryRecord)
        .where(LibraryRecord.previous_model_number == number)
        .values(previous_model_number=None)
    )
    for record, is_of_model in (
        (PartRecord, in_parts),
        (TombstoneRecord, TombstoneRecord.segment_id.between(*ids)),
        (SegmentRecord, SegmentRecord.id.between(*ids)),
        (EmbeddingRecord, EmbeddingRecord.first_segment_id.between(*ids)),
        (EmbeddedVideoRecord, EmbeddedVideoRecord.model_number == number),
        (ModelRecord, ModelRecord.number == number),
    ):
        connection.execute(delete(record).where(is_of_model))
    return names


def count_only_with(connection: Connection, number: int) -> int:
    """How many indexed videos have vectors of this model and of no other."""
    others = (
        select(EmbeddedVideoRecord.video_number)
        .where(
            EmbeddedVideoRecord.video_number == VideoRecord.number,
            EmbeddedVideoRecord.model_number != number,
        )
        .exists()
    )
    query = select(func.count()).select_from(VideoRecord)
    return connection.execute(
        query.where(VideoRecord.state == "indexed", _has(number), ~others)
    ).scalar_one()


def lacking_videos(connection: Connection, number: int) -> list[LackingVideo]:
    """The indexed videos that have no vectors of a model, first seen first."""
    query = (
        select(VideoRecord.path, VideoRecord.size_bytes, VideoRecord.content_hash)
        .where(VideoRecord.state == "indexed", ~_has(number))
        .order_by(VideoRecord.number)
    )
    return [LackingVideo(*row) for row in connection.execute(query).all()]


def put_vectors_of_content(
    transaction: WriteTransaction,
    content_hash: str,
    *,
    segments: "Sequence[Segment]",
    embeddings_SD: Vectors,
    model_number: int,
) -> list[Path]:
    """Give all videos of these bytes that have none a model's vectors; where they stand."""
    asked = and_(
        VideoRecord.content_hash == content_hash,
        VideoRecord.state == "indexed",
        ~_has(model_number),
    )
    rows = transaction.connection.execute(select(VideoRecord.number, VideoRecord.path).where(asked))
    videos = rows.all()
    for video in videos:
        put_vectors(
            transaction,
            video.number,
            segments=segments,
            embeddings_SD=embeddings_SD,
            model_number=model_number,
        )
    return [video.path for video in videos]


def _has(number: int) -> ColumnElement[bool]:
    """Whether a video has vectors of a model."""
    return (
        select(EmbeddedVideoRecord.video_number)
        .where(
            EmbeddedVideoRecord.video_number == VideoRecord.number,
            EmbeddedVideoRecord.model_number == number,
        )
        .exists()
    )
