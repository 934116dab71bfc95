"""What a search asks of the catalog beside the rows of segments.

Axes: D dimensions.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError
from index.catalog.embeddings import stored_vectors, to_unit
from index.catalog.id_range import IdRange
from index.catalog.reads import NUMBERS_AT_ONCE
from index.catalog.tables import EmbeddingRecord, SegmentRecord, VideoRecord


def traits_of(
    connection: Connection, video_numbers: Iterable[int]
) -> list[tuple[int, str, float, float]]:
    """Number, content hash, date and duration in seconds of the indexed videos of these numbers."""
    columns = VideoRecord.__table__.c
    query = select(
        VideoRecord.number, VideoRecord.content_hash, VideoRecord.date, columns.duration_seconds
    ).where(
        VideoRecord.number.in_(bindparam("numbers", expanding=True)), VideoRecord.state == "indexed"
    )
    found: list[tuple[int, str, float, float]] = []
    numbers = list(video_numbers)
    for start in range(0, len(numbers), NUMBERS_AT_ONCE):
        asked = {"numbers": numbers[start : start + NUMBERS_AT_ONCE]}
        found += [tuple(row) for row in connection.execute(query, asked)]
    return found


def segments_alive(connection: Connection, segment_ids: Iterable[int]) -> set[int]:
    """Those of these segments that are there."""
    query = select(SegmentRecord.id).where(SegmentRecord.id.in_(list(segment_ids)))
    return set(connection.execute(query).scalars())


def segment_vector(
    connection: Connection, segment_id: int, *, ids: IdRange, embed_dim: int
) -> Vectors:
    """The unit vector (D,) of one segment.

    Args:
        ids: of the model whose vectors are asked for.

    Raises:
        InputError: there is no such segment.
        LibraryCorruptError: the stored bytes are not what was written.
    """
    first_id = EmbeddingRecord.first_segment_id
    query = select(EmbeddingRecord.__table__).where(first_id.between(ids[0], segment_id))
    row = connection.execute(query.order_by(first_id.desc()).limit(1)).one_or_none()
    stored = None if row is None else stored_vectors(row, embed_dim)
    place = 0 if stored is None else segment_id - stored.first_segment_id
    if stored is None or place >= len(stored.vectors_SD):
        raise InputError(
            f"no segment {segment_id} in this library: hits of a search tell ids, until their "
            f"video is removed or indexed again"
        )
    vector_D: Vectors = to_unit(stored.vectors_SD[place : place + 1])[0]
    return vector_D
