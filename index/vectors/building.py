"""From rows of the catalog to a part on the disk that the catalog lists.

    parts/<name>.partial   locked by who writes it; written and synced
    parts/<name>           renamed inside the transaction that lists it

Killed at any moment it leaves at worst a folder that the catalog does not list: nobody reads it,
and `remove_leftovers` takes it away. Rows are read in short transactions, so that a build of an
hour keeps nobody's changes from being written back.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from index.catalog.connection import Catalog, Stand, has_passed, stand_of
from index.catalog.file import look_at
from index.catalog.parts import (
    PartFacts,
    count_segments,
    names_of_parts,
    published_parts,
    replace_parts,
    rows_after,
)
from index.catalog.records import LibrarySettings
from index.errors import LibraryError
from index.vectors.checked_file import sync_folder
from index.vectors.ivf import build_ivf, write_ivf
from index.vectors.ivf_tuning import Tuned, tune
from index.vectors.kinds import WANTED_RECALL, IndexKind, kind_for
from index.vectors.leftovers import remove_old_snapshots, remove_part, remove_unlisted
from index.vectors.matrix import HalfMatrix
from index.vectors.part import ROW_TYPE, rows_from
from index.vectors.part_files import INDEX_NAME, PARTS_NAME, PartRange, PartWriter

_SPARE_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """Where the parts of a library stand, and what they are made of."""

    folder: Path
    """Of the library."""
    catalog: Catalog
    settings: LibrarySettings


def all_shelves(shelf: Shelf) -> list[Shelf]:
    """The shelf of each model of a library, from that of one.

    Raises:
        LibraryCorruptError: damage left settings that no library can have.
    """
    with shelf.catalog.read_transaction() as connection:
        models = shelf.catalog.read_models(connection)
    return [replace(shelf, settings=model) for model in models]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A part to be made."""

    first_segment_id: int
    last_segment_id: int
    replaced: Sequence[str]
    """Names of the parts whose place it takes; all of them lie in its range."""
    index_kind: IndexKind


def build_part(shelf: Shelf, order: Order) -> bool:
    """Make a part, list it and take away what it replaces; whether it came to be listed.

    False where somebody else replaced the same parts meanwhile, or published the same rows: what is
    listed is right then, and this part is not needed.

    Raises:
        LibraryNotFoundError: the library was removed meanwhile.
        LibraryError: the disk is full or cannot be written to, or the library was replaced; nothing
            of what was there is lost.
    """
    try:
        with shelf.catalog.read_transaction() as connection:
            stand = stand_of(connection)
            num_rows = count_segments(connection, order.first_segment_id, order.last_segment_id)
        if not num_rows:
            return _list(shelf, order, stand, None, None)
        _require_room(shelf, num_rows)
        with _partial(shelf) as partial:
            facts = _write(shelf, order, stand, partial)
            return _list(shelf, order, stand, facts, partial)
    except OSError as error:
        look_at(shelf.catalog.path)  # of a library that somebody removed, all is lost
        raise LibraryError(
            f"cannot write the vectors of the library in {shelf.folder}: "
            f"{error.strerror or error}; nothing is lost, the videos are indexed and are searched "
            f"without it; make room or mend the disk, and run `cpd index add` again"
        ) from error


def remove_leftovers(shelf: Shelf) -> None:
    """Delete what the catalog does not list and nobody writes: of killed runs, and of before."""
    root = shelf.folder / PARTS_NAME
    remove_old_snapshots(shelf.folder)
    if not root.is_dir():
        return
    with shelf.catalog.maintenance_transaction() as connection:
        remove_unlisted(root, names_of_parts(connection))


@contextlib.contextmanager
def _partial(shelf: Shelf) -> Iterator[Path]:
    """A new folder, locked as long as the block lasts; removed at its end if it is still there."""
    root = shelf.folder / PARTS_NAME
    partial = root / f"{uuid.uuid4().hex}.partial"
    # In a transaction: nobody looks for leftovers between making the folder and locking it.
    with shelf.catalog.maintenance_transaction():
        partial.mkdir(parents=True)
        descriptor = os.open(partial, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(descriptor)


def _write(shelf: Shelf, order: Order, stand: Stand, partial: Path) -> PartFacts | None:
    """Write all files of a part; what the catalog has to list, None where all rows went away."""
    what = PartRange(
        generation=stand.generation,
        first_segment_id=order.first_segment_id,
        last_segment_id=order.last_segment_id,
        embed_dim=shelf.settings.embed_dim,
        fingerprint=shelf.settings.fingerprint,
    )
    writer = PartWriter(partial, what)
    try:
        _copy_rows(shelf, order, writer)
        if not writer.num_rows:
            writer.abandon()
            return None
        matrix = writer.finish_rows()
    except BaseException:
        writer.abandon()
        raise
    built = _build_index(matrix, partial, order.index_kind)
    checksum = writer.finish(built)
    return PartFacts(
        name=partial.name.removesuffix(".partial"),
        generation=stand.generation,
        kind="exact" if built is None else "ivf",
        parameters=json.dumps({} if built is None else asdict(built.parameters)),
        first_segment_id=order.first_segment_id,
        last_segment_id=order.last_segment_id,
        num_rows=writer.num_rows,
        recall=None if built is None else built.recall,
        checksum=checksum,
        damaged=False,
    )


def _copy_rows(shelf: Shelf, order: Order, writer: PartWriter) -> None:
    """Bring the rows of the catalog into the part; those removed meanwhile may be in or not.

    A row that is removed while this goes on has a tombstone that is newer than the part.
    """
    last_read = order.first_segment_id - 1
    while True:
        with shelf.catalog.read_transaction() as connection:
            stored = rows_after(
                connection,
                last_read,
                last_id=order.last_segment_id,
                embed_dim=shelf.settings.embed_dim,
            )
        if stored is None:
            return
        writer.append(rows_from(stored), stored.vectors_ND)
        last_read = int(stored.columns.ids_N[-1])


def _build_index(matrix: HalfMatrix, partial: Path, asked: IndexKind) -> Tuned | None:
    """An approximate index beside the rows, if it suits and is good enough; None for exact.

    Each part is trained and measured on its own rows, so where a library's content drifts away from
    what an older part was trained on, the next compaction trains and measures anew.
    """
    if kind_for(matrix.num_rows, asked) == "exact":
        return None
    index = build_ivf(matrix)
    tuned = tune(index, matrix, wanted_recall=WANTED_RECALL)
    if tuned.recall < WANTED_RECALL and asked == "auto":
        return None
    write_ivf(index, partial / INDEX_NAME)
    return tuned


def _list(
    shelf: Shelf, order: Order, stand: Stand, facts: PartFacts | None, partial: Path | None
) -> bool:
    with shelf.catalog.maintenance_transaction() as connection:
        if not has_passed(connection, stand):
            raise LibraryError(
                f"the library in {shelf.folder} was replaced by another while its vectors were "
                f"written: nothing was changed; run the same command again"
            )
        if not _still_fits(published_parts(connection, shelf.settings.segment_ids), order):
            return False
        if facts is not None and partial is not None:
            partial.rename(partial.with_name(facts.name))
            sync_folder(partial.parent)
        replace_parts(connection, facts, replaced=order.replaced)
    for name in order.replaced:
        remove_part(shelf.folder / PARTS_NAME, name)
    return True


def _still_fits(listed: Sequence[PartFacts], order: Order) -> bool:
    """Whether the parts to replace are there, and no other one has a segment of the range."""
    in_range = {
        facts.name
        for facts in listed
        if facts.first_segment_id <= order.last_segment_id
        and facts.last_segment_id >= order.first_segment_id
    }
    return in_range == set(order.replaced)


def _require_room(shelf: Shelf, num_rows: int) -> None:
    """Stop before the disk is full, rather than filling what the catalog may need."""
    needed = num_rows * (2 * shelf.settings.embed_dim + ROW_TYPE.itemsize) + _SPARE_BYTES
    if shutil.disk_usage(shelf.folder).free < needed:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({needed:,} bytes needed)")
