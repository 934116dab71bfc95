"""Which parts to make: of what is new, in the place of what is damaged, and of many small ones.

A publish writes what no part holds yet, together with small parts just before it: never more than
`SMALL_ROWS` besides what is new, whatever the library's size. Compaction merges what has piled up,
so that each part holds several times what follows it: a library of N rows has a handful of parts,
and each row is written again a handful of times.
"""

from collections.abc import Sequence

from index.catalog.parts import (
    PartFacts,
    count_removed,
    mark_damaged,
    newest_segment_id,
    published_parts,
)
from index.errors import LibraryCorruptError
from index.vectors.building import Order, Shelf, build_part, remove_leftovers
from index.vectors.faiss_device import SearchDevice
from index.vectors.kinds import IndexKind, kind_for
from index.vectors.part_files import open_part

SMALL_ROWS = 32_768
"""Parts of up to so many rows together are written again by a publish: 0.1 s."""

_GROWTH = 4
"""Compaction leaves a part alone that holds so many times the rows of all that follow."""

_MOST_PARTS = 8
"""So many small parts may stand at the end before they are merged."""

_REMOVED_SHARE = 0.2
"""A part that lost more of its rows is written anew without them."""

_CHECKED_BYTES = 256 * 2**20
"""So much is read whole before a publish, the newest parts first, a quarter of a second's worth;
damage in the others is met by `verify`, or by the search that reads it."""


def publish(shelf: Shelf, *, index_kind: IndexKind = "auto") -> bool:
    """Bring the parts up to date with the catalog; whether anything had to be written.

    Raises:
        LibraryError: the disk is full or cannot be written to; searching works as before.
    """
    remove_leftovers(shelf)
    healed = [heal(shelf, name, index_kind=index_kind) for name in damaged_parts(shelf)]
    return _publish_newer(shelf, index_kind) or any(healed)


def damaged_parts(shelf: Shelf, *, read_all: bool = False) -> list[str]:
    """Names of the parts that are not what was written: those known to be, and those that show it.

    Args:
        read_all: read all of them whole, however large.
    """
    with shelf.catalog.read_transaction() as connection:
        listed = published_parts(connection, shelf.settings.segment_ids)
    damaged, num_bytes = [], 0
    for facts in reversed(listed):
        num_bytes += facts.num_rows * shelf.settings.embed_dim * 2
        if facts.damaged:
            damaged.append(facts.name)
            continue
        try:
            part = open_part(shelf.folder, facts, device=SearchDevice("cpu", "to check it"))
            if read_all or num_bytes <= _CHECKED_BYTES:
                part.check_all()
        except LibraryCorruptError:
            damaged.append(facts.name)
    return damaged


def heal(shelf: Shelf, name: str, *, index_kind: IndexKind = "auto") -> bool:
    """Make a part anew from the catalog; whether it still was the one to make.

    Raises:
        LibraryError: the disk is full; the part is marked, and readers do without it.
    """
    with shelf.catalog.maintenance_transaction() as connection:
        mark_damaged(connection, [name])
        found = [
            facts
            for facts in published_parts(connection, shelf.settings.segment_ids)
            if facts.name == name
        ]
    return bool(found) and build_part(shelf, _order(found, index_kind))


def compact(shelf: Shelf, *, index_kind: IndexKind = "auto", whole: bool = False) -> int:
    """Merge parts until none is due; how many were written.

    Args:
        whole: into one part, without removed rows and of the kind that is asked for, unless that is
            what stands there.

    Raises:
        LibraryError: the disk is full; what was there before still is.
    """
    num_written = 0
    while group := _due(shelf, index_kind, whole=whole):
        if not build_part(shelf, _order(group, index_kind)):
            break  # somebody else compacts
        num_written += 1
        if whole:
            break  # what was asked for is there, or where nothing good enough can be had, is not
    return num_written


def _publish_newer(shelf: Shelf, index_kind: IndexKind) -> bool:
    with shelf.catalog.read_transaction() as connection:
        ids = shelf.settings.segment_ids
        listed = published_parts(connection, ids)
        newest = newest_segment_id(connection, ids)
    first = listed[-1].last_segment_id + 1 if listed else ids.first
    if newest < first:
        return False
    num_rows, absorbed = newest - first + 1, list[PartFacts]()
    for facts in reversed(listed):
        if facts.num_rows > num_rows or num_rows + facts.num_rows > SMALL_ROWS:
            break
        absorbed.insert(0, facts)
        num_rows += facts.num_rows
    return build_part(
        shelf,
        Order(
            first_segment_id=absorbed[0].first_segment_id if absorbed else first,
            last_segment_id=newest,
            replaced=[facts.name for facts in absorbed],
            index_kind=index_kind,
        ),
    )


def _due(shelf: Shelf, index_kind: IndexKind, *, whole: bool) -> list[PartFacts]:
    """Neighbouring parts that are to become one; none when all is well."""
    with shelf.catalog.read_transaction() as connection:
        listed = published_parts(connection, shelf.settings.segment_ids)
        removed = [count_removed(connection, facts) for facts in listed]
    live = [facts.num_rows - gone for facts, gone in zip(listed, removed, strict=True)]
    if whole:
        is_done = len(listed) <= 1 and not sum(removed)
        is_done &= all(facts.kind == kind_for(facts.num_rows, index_kind) for facts in listed)
        return [] if is_done else listed
    start = _pile_start(live)
    if len(live) - start >= _MOST_PARTS or (
        len(live) - start > 1 and sum(live[start:]) > _GROWTH * SMALL_ROWS
    ):
        return listed[start:]
    for facts, gone in zip(listed, removed, strict=True):
        if gone > _REMOVED_SHARE * facts.num_rows:
            return [facts]
    return []


def _pile_start(live: Sequence[int]) -> int:
    """From which part on none is several times as large as all that follow."""
    start, following = len(live), 0
    for number in reversed(range(len(live))):
        if live[number] < _GROWTH * following or number == len(live) - 1:
            start = number
        following += live[number]
    return start


def _order(group: Sequence[PartFacts], index_kind: IndexKind) -> Order:
    return Order(
        first_segment_id=group[0].first_segment_id,
        last_segment_id=group[-1].last_segment_id,
        replaced=[facts.name for facts in group],
        index_kind=index_kind,
    )
