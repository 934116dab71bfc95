"""Proof that catalog, vectors and parts agree, or sentences that say where they do not.

All is compared inside one read transaction, so a writer beside it raises no alarm: the rows of a
part are those that the catalog had alive when the transaction began.

Axes: K rows at once, D dimensions.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Row, func, select, text

from index.catalog.connection import Catalog, has_passed, stand_of
from index.catalog.embeddings import stored_vectors
from index.catalog.id_range import model_of_segment
from index.catalog.mending import stray_parts, stray_segments
from index.catalog.parts import (
    PartGoneError,
    StoredRows,
    published_parts,
    removed_between,
    require_listed,
    rows_between,
)
from index.catalog.records import LibrarySettings
from index.catalog.tables import EmbeddedVideoRecord, EmbeddingRecord, SegmentRecord, VideoRecord
from index.errors import LibraryBusyError, LibraryCorruptError
from index.vectors.faiss_device import SearchDevice
from index.vectors.part import Part
from index.vectors.part_files import open_part

SQLITE_SAYS = "SQLite finds the catalog damaged"
UNLISTED = "the catalog is at a generation that it does not list: run `cpd index repair`"

STRAY = "belongs to no model"

_REPAIR = "run `cpd index repair`"
_UNLIKE_TEXTS = text(
    "SELECT (SELECT count(*) FROM texts WHERE id NOT IN (SELECT id FROM texts_fts_docsize)),"
    " (SELECT count(*) FROM texts_fts_docsize WHERE id NOT IN (SELECT id FROM texts))"
)
_TRIES = 100
"""Of opening the parts while another process merges them; one takes milliseconds."""


class Difference(NamedTuple):
    """Where two things do not agree."""

    sentence: str
    part: str | None = None
    """The name of the part that is wrong, which can be made anew."""

    video_id: str | None = None
    """Of the video whose rows do not agree with each other."""

    model_number: int | None = None
    """Of the model whose rows of the video these are; None for the one that answers."""


def verify_library(folder: Path, catalog: Catalog) -> list[Difference]:
    """Check everything; one sentence a difference, none when all agree.

    A folder that the catalog does not list is no difference: a run that was killed between writing
    and listing it left it behind, nobody reads it, and the next publish removes it.

    Raises:
        LibraryBusyError: its parts were merged each time that they were to be opened.
    """
    for _ in range(_TRIES):
        try:
            return _verify(folder, catalog)
        except PartGoneError:
            continue
    raise LibraryBusyError(
        f"the parts of the library in {folder} are merged faster than they can be opened: "
        f"verify it when the program that writes to it has ended"
    )


def _verify(folder: Path, catalog: Catalog) -> list[Difference]:
    found: list[Difference] = []
    try:
        with catalog.read_transaction() as connection:
            facts = catalog.read_library(connection)
            if facts is None:
                lost = f"the catalog of the library in {folder} has lost its settings"
                return [*_integrity(connection), Difference(lost)]
            models = catalog.read_models(connection)
            shelves = [_open_parts(connection, folder, catalog, model) for model in models]
            found += _integrity(connection)
            if not has_passed(connection, facts.stand):
                found.append(Difference(UNLISTED))
            found += _strays(connection, models)
            found += _videos(connection)
            for shelf in shelves:
                found += _rows(connection, shelf.model)
                found += _embeddings(connection, shelf.model)
            for shelf in shelves:
                found += shelf.broken
                for part in shelf.parts:
                    found += (
                        Difference(sentence, part=part.name)
                        for sentence in _part(connection, part, shelf.model)
                    )
    except LibraryCorruptError as error:
        found.append(Difference(str(error)))  # SQLite can read no further
    return found


class _OpenedShelf(NamedTuple):
    """The parts of one model."""

    model: LibrarySettings
    parts: list[Part]
    broken: list[Difference]


def _open_parts(
    connection: Connection, folder: Path, catalog: Catalog, model: LibrarySettings
) -> _OpenedShelf:
    """The listed parts, held open from now on, and those that cannot be opened."""
    parts, broken = [], []
    for facts in published_parts(connection, model.segment_ids):
        try:
            parts.append(open_part(folder, facts, device=SearchDevice("cpu", "to verify it")))
        except LibraryCorruptError as error:
            require_listed(catalog, facts)
            broken.append(Difference(str(error), part=facts.name))
    return _OpenedShelf(model, parts, broken)


def _integrity(connection: Connection) -> Iterator[Difference]:
    for (said,) in connection.execute(text("PRAGMA integrity_check")):
        if said != "ok":
            yield Difference(f"{SQLITE_SAYS}: {said}")
    # FTS5's own check is a write, which a reader may not do; this one finds rows, not wrong words.
    num_lacking, num_extra = connection.execute(_UNLIKE_TEXTS).one()
    if num_lacking or num_extra:
        yield Difference(
            f"{SQLITE_SAYS}: the index of words lacks {num_lacking} texts and has {num_extra} that "
            f"are no more"
        )
    for table, row, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield Difference(f"row {row} of {table} belongs to no row of {parent}")


def _strays(connection: Connection, models: list[LibrarySettings]) -> Iterator[Difference]:
    """Segments and parts whose ids are no model's."""
    ranges = [model.segment_ids for model in models]
    for number in stray_segments(connection, ranges)[:1]:
        yield Difference(f"segment {number} {STRAY}: {_REPAIR}")
    for name in stray_parts(connection, ranges):
        yield Difference(f"part {name[:8]} {STRAY}: {_REPAIR}")


def _videos(connection: Connection) -> Iterator[Difference]:
    """Indexed videos of which no model has anything, and times that are none."""
    has_some = (
        select(EmbeddedVideoRecord.video_number)
        .where(
            EmbeddedVideoRecord.video_number == VideoRecord.number,
            EmbeddedVideoRecord.num_segments > 0,
        )
        .exists()
    )
    empty = select(VideoRecord.video_id).where(VideoRecord.state == "indexed", ~has_some)
    for (video_id,) in connection.execute(empty):
        said = f"video {video_id} is indexed without a single segment"
        yield Difference(said, video_id=video_id)
    backwards = (
        select(SegmentRecord.id, VideoRecord.video_id)
        .outerjoin(VideoRecord, VideoRecord.number == SegmentRecord.video_number)
        .where(SegmentRecord.start_seconds >= SegmentRecord.stop_seconds)
    )
    for segment_id, video_id in connection.execute(backwards):
        yield Difference(
            f"segment {segment_id} ends before it begins",
            video_id=video_id,
            model_number=model_of_segment(segment_id),
        )


def _rows(connection: Connection, settings: LibrarySettings) -> Iterator[Difference]:
    """The counts of a model's segments of each video against its rows."""
    counted = (
        select(SegmentRecord.video_number, func.count().label("num"))
        .where(SegmentRecord.id.between(*settings.segment_ids))
        .group_by(SegmentRecord.video_number)
        .subquery()
    )
    num = func.coalesce(counted.c.num, 0)
    noted = (
        select(EmbeddedVideoRecord)
        .where(EmbeddedVideoRecord.model_number == settings.model_number)
        .subquery()
    )
    expected = func.coalesce(noted.c.num_segments, 0)
    wrong = (
        select(VideoRecord.video_id, expected, num)
        .outerjoin(counted, counted.c.video_number == VideoRecord.number)
        .outerjoin(noted, noted.c.video_number == VideoRecord.number)
        .where(expected != num)
    )
    for video_id, num_said, num_found in connection.execute(wrong):
        said = f"video {video_id} should have {num_said} segments and has {num_found}"
        yield Difference(said, video_id=video_id, model_number=settings.model_number)


def _embeddings(connection: Connection, settings: LibrarySettings) -> Iterator[Difference]:
    """Each indexed video's vectors: there, unharmed, one for each of its segments."""
    # Counted before the vectors are joined: SQLite would read them again for each segment.
    counted = (
        select(
            SegmentRecord.video_number,
            func.min(SegmentRecord.id).label("first_id"),
            func.max(SegmentRecord.id).label("last_id"),
            func.count().label("num"),
        )
        .where(SegmentRecord.id.between(*settings.segment_ids))
        .group_by(SegmentRecord.video_number)
        .subquery()
    )
    query = (
        select(
            VideoRecord.video_id,
            EmbeddingRecord.__table__,
            counted.c.first_id,
            counted.c.last_id,
            counted.c.num,
        )
        .select_from(counted)
        .join(VideoRecord, VideoRecord.number == counted.c.video_number)
        .outerjoin(
            EmbeddingRecord,
            (EmbeddingRecord.video_number == counted.c.video_number)
            & EmbeddingRecord.first_segment_id.between(*settings.segment_ids),
        )
    )
    # One at a time: the vectors of a day of video are 30 MB.
    for row in connection.execution_options(yield_per=1).execute(query):
        for said in _embeddings_of(row, settings.embed_dim):
            yield Difference(said, video_id=row.video_id, model_number=settings.model_number)


def _embeddings_of(row: "Row[Any]", embed_dim: int) -> Iterator[str]:
    video_id, num, first_id, last_id = row.video_id, row.num, row.first_id, row.last_id
    if row.vectors is None:
        yield f"video {video_id} has no embeddings: {_REPAIR}"
        return
    try:
        stored = stored_vectors(row, embed_dim)
    except LibraryCorruptError:
        yield f"the embeddings of video {video_id} are not what was written: {_REPAIR}"
        return
    if (first_id, last_id) != (stored.first_segment_id, stored.first_segment_id + num - 1):
        yield f"video {video_id} has segments {first_id}..{last_id}, its embeddings have others"
    if len(stored.vectors_SD) != num:
        yield f"video {video_id} has {num} segments and {len(stored.vectors_SD)} embeddings"


def _part(connection: Connection, part: Part, settings: LibrarySettings) -> Iterator[str]:
    """A part's rows against the catalog's: the same ids, times and vectors."""
    name = f"part {part.name[:8]}"
    if part.generation > stand_of(connection).generation:
        yield f"{name} is newer than the catalog"
    try:
        part.check_all()
    except LibraryCorruptError as error:
        yield str(error)
        return
    first, last = part.first_segment_id, part.last_segment_id
    num_live = part.num_rows - len(part.rows_of(removed_between(connection, first, last)))
    try:
        for stored in rows_between(connection, first, last, embed_dim=settings.embed_dim):
            yield from _rows_of(part, stored, name)
            part.release()
            num_live -= stored.columns.num_segments
    except LibraryCorruptError:
        return  # the catalog's fault, told already
    if num_live > 0:
        yield f"{name} has {num_live} segments that the catalog does not know"


def _rows_of(part: Part, stored: StoredRows, name: str) -> Iterator[str]:
    ids_K = stored.columns.ids_N
    rows = part.rows_of(ids_K)
    if len(rows) != len(ids_K):
        lacking = np.setdiff1d(ids_K, part.rows_N["segment_id"][rows])
        yield f"{name} lacks segment {lacking[0]}"
        return
    same_K = (part.matrix.stored(rows) == stored.vectors_ND).all(axis=1)
    for own, theirs in zip(part.columns(rows), stored.columns, strict=True):
        same_K &= own == theirs
    if not same_K.all():
        yield f"{name} and the catalog differ at segment {ids_K[~same_K][0]}"
