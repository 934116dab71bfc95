"""Proof that catalog, vectors and snapshots agree, or sentences that say where they do not.

Axes: N rows of a snapshot, D dimensions.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, func, select, text

from index.catalog import reads
from index.catalog.connection import Catalog, generation_of
from index.catalog.records import LibrarySettings
from index.catalog.tables import EmbeddingRecord, SegmentRecord, VideoRecord
from index.errors import LibraryCorruptError
from index.vectors.snapshot import (
    FlatVectors,
    build_vectors,
    read_facts,
    read_snapshot,
)


def verify_library(folder: Path, catalog: Catalog) -> list[str]:
    """Check everything; one sentence a difference, none when all agree.

    A snapshot folder that the catalog does not list is no difference: a run that was killed between
    writing and listing it left it behind, nobody reads it, and the next writer removes it.
    """
    found: list[str] = []
    try:
        with catalog.read_transaction() as connection:
            found += _integrity(connection)
            facts = catalog.read_library(connection)
            if facts is None:
                return [*found, f"the catalog of the library in {folder} has lost its settings"]
            found += _rows(connection)
            found += _embeddings(connection, facts.settings.embed_dim)
            found += _snapshots(connection, folder, facts.settings)
    except LibraryCorruptError as error:
        found.append(str(error))  # SQLite can read no further
    return found


def _integrity(connection: Connection) -> Iterator[str]:
    for (said,) in connection.execute(text("PRAGMA integrity_check")):
        if said != "ok":
            yield f"SQLite finds the catalog damaged: {said}"
    for table, row, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"row {row} of {table} belongs to no row of {parent}"


def _rows(connection: Connection) -> Iterator[str]:
    """Counts of each video against its rows, and times that are none."""
    counted = (
        select(SegmentRecord.video_number, func.count().label("num"))
        .group_by(SegmentRecord.video_number)
        .subquery()
    )
    num = func.coalesce(counted.c.num, 0)
    wrong = (
        select(VideoRecord.video_id, VideoRecord.num_segments, num)
        .outerjoin(counted, counted.c.video_number == VideoRecord.number)
        .where(VideoRecord.num_segments != num)
    )
    for video_id, expected, found in connection.execute(wrong):
        yield f"video {video_id} should have {expected} segments and has {found}"
    empty = select(VideoRecord.video_id).where(
        VideoRecord.state == "indexed", VideoRecord.num_segments == 0
    )
    for (video_id,) in connection.execute(empty):
        yield f"video {video_id} is indexed without a single segment"
    backwards = select(SegmentRecord.id).where(
        SegmentRecord.start_seconds >= SegmentRecord.stop_seconds
    )
    for (segment_id,) in connection.execute(backwards):
        yield f"segment {segment_id} ends before it begins"


def _embeddings(connection: Connection, embed_dim: int) -> Iterator[str]:
    """Each indexed video's vectors: there, unharmed, one for each of its segments."""
    first, last = func.min(SegmentRecord.id), func.max(SegmentRecord.id)
    query = (
        select(VideoRecord.video_id, EmbeddingRecord.__table__, first, last, func.count())
        .join(SegmentRecord, SegmentRecord.video_number == VideoRecord.number)
        .outerjoin(EmbeddingRecord, EmbeddingRecord.video_number == VideoRecord.number)
        .group_by(VideoRecord.number)
    )
    for row in connection.execution_options(yield_per=256).execute(query):
        video_id, first_id, last_id, num = row[0], *row[-3:]
        if row.vectors is None:
            yield f"video {video_id} has no embeddings: index it again"
            continue
        try:
            stored = reads.stored_vectors(row, embed_dim)
        except LibraryCorruptError:
            yield f"the embeddings of video {video_id} are not what was written: index it again"
            continue
        if (first_id, last_id) != (stored.first_segment_id, stored.first_segment_id + num - 1):
            yield f"video {video_id} has segments {first_id}..{last_id}, its embeddings have others"
        if len(stored.vectors_SD) != num:
            yield f"video {video_id} has {num} segments and {len(stored.vectors_SD)} embeddings"


def _snapshots(connection: Connection, folder: Path, settings: LibrarySettings) -> Iterator[str]:
    generation = generation_of(connection)
    listed = reads.published_snapshots(connection)
    for facts in listed:
        name = f"snapshot {facts.generation}"
        if facts.generation > generation:
            yield f"{name} is newer than the catalog, which is at {generation}"
        try:
            snapshot = read_snapshot(folder, facts, embed_dim=settings.embed_dim)
            told = read_facts(folder, facts.generation)
        except LibraryCorruptError as error:
            yield str(error)
            continue
        if told != {**facts._asdict(), "fingerprint": settings.fingerprint}:
            yield f"{name} says of itself {json.dumps(told)}, which is not what the catalog lists"
        yield from _vectors(connection, snapshot, facts, settings.embed_dim)


def _vectors(
    connection: Connection, snapshot: FlatVectors, facts: reads.SnapshotFacts, embed_dim: int
) -> Iterator[str]:
    """The snapshot's rows against the catalog's: the same ids, the same vectors."""
    name, ids_N = f"snapshot {facts.generation}", snapshot.ids_N
    removed = reads.removed_after(connection, facts.generation)
    live = set(ids_N.tolist()) - set(removed.tolist())
    query = select(EmbeddingRecord.__table__).where(EmbeddingRecord.generation <= facts.generation)
    for row in connection.execution_options(yield_per=256).execute(query):
        try:
            stored = build_vectors([reads.stored_vectors(row, embed_dim)], embed_dim=embed_dim)
        except LibraryCorruptError:
            continue  # told already
        own_ids = set(stored.ids_N.tolist())
        if not own_ids <= live:
            yield f"{name} lacks segment {min(own_ids - live)}"
            continue
        live -= own_ids
        rows = np.searchsorted(ids_N, stored.ids_N)
        if not np.array_equal(snapshot.vectors_ND[rows], stored.vectors_ND):
            yield f"{name} and the catalog differ from segment {row.first_segment_id} on"
    if live:
        yield f"{name} has segment {min(live)}, which the catalog does not know"
