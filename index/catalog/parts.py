"""The published parts, and what a part is made of, as the catalog tells it.

Axes: N segments, D dimensions.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from index.catalog.columns import SegmentColumns
from index.catalog.connection import Catalog
from index.catalog.embeddings import StoredVectors, stored_vectors
from index.catalog.id_range import IdRange
from index.catalog.reads import count_embedded, segments_between
from index.catalog.records import PartStatus
from index.catalog.tables import (
    EmbeddingRecord,
    EpochRecord,
    PartRecord,
    SegmentRecord,
    TombstoneRecord,
)
from index.errors import LibraryCorruptError


class PartFacts(NamedTuple):
    """A published part as the catalog knows it; see PartRecord for the fields."""

    name: str
    generation: int
    kind: str
    parameters: str
    first_segment_id: int
    last_segment_id: int
    num_rows: int
    recall: float | None
    checksum: str
    damaged: bool


class PartsMark(NamedTuple):
    """Tells two states of the list of parts apart."""

    newest: int | None
    num_parts: int
    num_damaged: int | None


class PartGoneError(Exception):
    """A part was merged away after it was seen in the catalog: look again at what is listed."""


_ROWS_AT_ONCE = 16_384

_COLUMNS = [getattr(PartRecord, name) for name in PartFacts._fields]

_IN_RANGE = PartRecord.first_segment_id.between(bindparam("first"), bindparam("last"))
_MARK = select(func.max(PartRecord.id), func.count(), func.sum(PartRecord.damaged)).where(_IN_RANGE)


def mark_of_parts(connection: Connection, ids: IdRange) -> PartsMark:
    """Another one whenever parts were listed, replaced or marked: no generation tells of that."""
    return PartsMark(*connection.execute(_MARK, ids._asdict()).one())


def published_parts(connection: Connection, ids: IdRange) -> list[PartFacts]:
    """All parts of a model, those that are marked damaged among them, ascending by segment id."""
    rows = connection.execute(select(*_COLUMNS).order_by(PartRecord.first_segment_id))
    parts = [PartFacts(*row) for row in rows]
    # Not by SQL, to which a part whose range damage took away would be one of no model.
    return [facts for facts in parts if ids.first <= facts.first_segment_id <= ids.last]


def names_of_parts(connection: Connection) -> set[str]:
    """The names of all parts, whichever model's."""
    return set(connection.execute(select(PartRecord.name)).scalars())


def require_listed(catalog: Catalog, facts: PartFacts) -> None:
    """Ask in a transaction of its own whether a part is still the one to read.

    Raises:
        PartGoneError: it is not: others took its place, and its files may be gone.
    """
    with catalog.read_transaction() as connection:
        first, last = facts.first_segment_id, facts.last_segment_id
        if facts not in published_parts(connection, IdRange(first, last)):
            raise PartGoneError


def describe_parts(connection: Connection, ids: IdRange) -> list[PartStatus]:
    """What a person wants to know of each part of a model, ascending by segment id."""
    return [
        PartStatus(
            kind=facts.kind,
            rows=facts.num_rows,
            removed=count_removed(connection, facts),
            recall=facts.recall,
        )
        for facts in published_parts(connection, ids)
    ]


def newest_segment_id(connection: Connection, ids: IdRange) -> int:
    """The highest id of a live segment of a model; one before its first when there is none."""
    newest = select(func.coalesce(func.max(SegmentRecord.id), ids.first - 1))
    return connection.execute(newest.where(SegmentRecord.id.between(*ids))).scalar_one()


class StoredRows(NamedTuple):
    """Segments with their vectors, whole videos, ascending by id."""

    columns: SegmentColumns
    vectors_ND: NDArray[np.float16]


def rows_after(
    connection: Connection, segment_id: int, *, last_id: int, embed_dim: int
) -> StoredRows | None:
    """Some live segments that follow an id, as many videos as hold _ROWS_AT_ONCE or more.

    Args:
        last_id: where to stop; of a video all segments come or none.

    Raises:
        LibraryCorruptError: the stored bytes are not what was written.
    """
    query = (
        select(EmbeddingRecord.__table__)
        .where(EmbeddingRecord.first_segment_id.between(segment_id + 1, last_id))
        .order_by(EmbeddingRecord.first_segment_id)
    )
    found: list[StoredVectors] = []
    num_rows = 0
    # A few at a time: the vectors of a day of video are 33 MB.
    with connection.execution_options(yield_per=4).execute(query) as rows:
        for row in rows:
            found.append(stored_vectors(row, embed_dim))
            num_rows += len(found[-1].vectors_SD)
            if num_rows >= _ROWS_AT_ONCE:
                break
    if not found:
        return None
    first = found[0].first_segment_id
    last = found[-1].first_segment_id + len(found[-1].vectors_SD) - 1
    columns = segments_between(connection, first, last)
    if columns.num_segments != num_rows:
        raise LibraryCorruptError(
            f"the segments {first}..{last} and their embeddings do not agree: "
            f"run `cpd index verify`"
        )
    return StoredRows(columns, np.concatenate([row.vectors_SD for row in found]))


def rows_between(
    connection: Connection, first_id: int, last_id: int, *, embed_dim: int
) -> Iterator[StoredRows]:
    """All live segments of a range with their vectors, some at a time, ascending by id.

    Raises:
        LibraryCorruptError: the stored bytes are not what was written.
    """
    last_read = first_id - 1
    while rows := rows_after(connection, last_read, last_id=last_id, embed_dim=embed_dim):
        yield rows
        last_read = int(rows.columns.ids_N[-1])


def removed_between(connection: Connection, first_id: int, last_id: int) -> NDArray[np.int64]:
    """Ids of removed segments in a range that the catalog still remembers, ascending."""
    ids = connection.execute(
        select(TombstoneRecord.segment_id)
        .where(TombstoneRecord.segment_id.between(first_id, last_id))
        .order_by(TombstoneRecord.segment_id)
    ).scalars()
    return np.fromiter(ids, dtype=np.int64)


def count_removed(connection: Connection, facts: PartFacts) -> int:
    """How many rows of a part are removed by now."""
    return connection.execute(
        select(func.count()).where(
            TombstoneRecord.segment_id.between(facts.first_segment_id, facts.last_segment_id),
            TombstoneRecord.generation > facts.generation,
        )
    ).scalar_one()


def count_segments(connection: Connection, first_id: int, last_id: int) -> int:
    """How many live segments have an id in a range."""
    return connection.execute(
        select(func.count()).where(SegmentRecord.id.between(first_id, last_id))
    ).scalar_one()


def require_all(connection: Connection, num_live: int, *, model_number: int) -> None:
    """Compare how many segments were brought together with how many the videos say they have.

    Damage can make a table or an index of the catalog look empty, and what stands in it would be
    missed without a word.

    Raises:
        LibraryCorruptError: they differ.
    """
    said = count_embedded(connection, model_number=model_number)
    if said != num_live:
        raise LibraryCorruptError(
            f"the catalog's videos say that they have {said} segments and {num_live} were found: "
            f"run `cpd index verify`"
        )


def replace_parts(
    connection: Connection, facts: PartFacts | None, *, replaced: Sequence[str]
) -> None:
    """List a part in the place of others, and forget what only the others needed.

    Args:
        facts: None where no segment of the others is alive.
        replaced: names of the parts that go.
    """
    connection.execute(delete(PartRecord).where(PartRecord.name.in_(replaced)))
    if facts is not None:
        connection.execute(insert(PartRecord), facts._asdict())
    _forget_tombstones(connection)


def mark_damaged(connection: Connection, names: Sequence[str]) -> None:
    """Note that parts are not what was written: the next publish makes them anew."""
    connection.execute(update(PartRecord).where(PartRecord.name.in_(names)).values(damaged=True))


def _forget_tombstones(connection: Connection) -> None:
    """Drop the tombstones that no part needs: older than the part of their id, or of no part.

    Generations before the newest part are listed no more, so that a reader that stands before a
    dropped tombstone opens the parts afresh (`has_passed`).
    """
    oldest_needed = (
        select(PartRecord.id)
        .where(
            TombstoneRecord.segment_id.between(
                PartRecord.first_segment_id, PartRecord.last_segment_id
            ),
            TombstoneRecord.generation > PartRecord.generation,
        )
        .exists()
    )
    newest = connection.execute(
        select(func.coalesce(func.max(PartRecord.generation), 0))
    ).scalar_one()
    connection.execute(
        delete(TombstoneRecord).where(TombstoneRecord.generation <= newest, ~oldest_needed)
    )
    connection.execute(delete(EpochRecord).where(EpochRecord.generation < newest))
