"""A copy of a catalog, and a catalog that becomes what a copy of it holds.

copy_to (Catalog)     the live catalog, whole, into a new file
describe_copy         what such a file is, of whichever revision
read_marks            what the live catalog has given out: ids, generations
raise_marks           so that a copy never gives out the same again
take_content          the copy's pages into the live file, in one write transaction
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, select, text, update

from index.catalog.connection import Catalog, Stand, stand_of
from index.catalog.file import BUSY_TIMEOUT_SECONDS
from index.catalog.mending import renew_generation
from index.catalog.tables import LibraryRecord, ModelRecord
from index.errors import LibraryBusyError

_PAGES_AT_ONCE = 4096
_POLL_SECONDS = 0.05
_ALL_IDS_OF_A_WHILE = 1 << 32
"""More segments than a model can have got between two moments, and little of its 2**40 ids."""


class CopiedPart(NamedTuple):
    """A part that a copy lists."""

    name: str
    checksum: str
    num_rows: int


class CopyFacts(NamedTuple):
    """What a copy of a catalog is; of whichever revision."""

    revision: str
    library_id: str | None
    """None before revision 0002."""
    generation: int
    epoch: str | None
    """None before revision 0002."""
    num_videos: int
    num_segments: int
    parts: list[CopiedPart]


class Marks(NamedTuple):
    """The highest that a catalog has given out."""

    stand: Stand
    sequences: dict[str, int]
    """Of each table that never uses an id again."""
    last_segment_ids: dict[int, int]
    """Of each model, by its number."""


class _ElsewhereError(Exception):
    """The live catalog was written to since it was looked at."""


def copy_catalog(catalog: Catalog, target: Path) -> None:
    """Write what a catalog holds now into a new file, whole and without its log.

    Readers and writers go on meanwhile. The caller makes the file durable.

    Raises:
        LibraryError: the disk is full, or the catalog cannot be read.
    """
    with catalog.outside_transactions(to_write=False) as connection:
        # As a URI: a path may be no UTF-8.
        connection.execute("VACUUM INTO ?", (f"file:{quote(os.fsencode(target))}",))


def describe_copy(path: Path) -> CopyFacts:
    """What a copy is.

    Raises:
        sqlite3.DatabaseError: it is no catalog.
    """
    with _opened(path) as copy:
        (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        has_parts = revision != "0001"
        named = "library_id, generation, epoch" if has_parts else "NULL, generation, NULL"
        library = copy.execute(f"SELECT {named} FROM library").fetchone()
        library_id, generation, epoch = library or (None, 0, None)
        num_videos, num_segments = copy.execute(
            "SELECT (SELECT count(*) FROM videos WHERE state = 'indexed'),"
            " (SELECT count(*) FROM segments)"
        ).fetchone()
        listed = "SELECT name, checksum, num_rows FROM parts ORDER BY first_segment_id"
        parts = [CopiedPart(*row) for row in copy.execute(listed)] if has_parts else []
    return CopyFacts(
        revision=revision,
        library_id=library_id,
        generation=generation,
        epoch=epoch,
        num_videos=num_videos,
        num_segments=num_segments,
        parts=parts,
    )


def read_marks(connection: Connection) -> Marks:
    """What a catalog has given out so far."""
    sequences = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
    models = connection.execute(select(ModelRecord.number, ModelRecord.last_segment_id))
    return Marks(
        stand=stand_of(connection),
        sequences={row.name: row.seq for row in sequences},
        last_segment_ids={row.number: row.last_segment_id for row in models},
    )


def raise_marks(connection: Connection, marks: Marks) -> None:
    """Have a copy go on where its catalog is: no id comes twice, and each reader notices.

    The copy gets a generation above both with a word of its own, and does not list those between:
    to whoever stands there it is another history.
    """
    for table, number in marks.sequences.items():
        key = {"name": table, "number": number}
        raised = connection.execute(
            text("UPDATE sqlite_sequence SET seq = max(seq, :number) WHERE name = :name"), key
        )
        if not raised.rowcount:
            connection.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), key
            )
    for model_number, last_id in marks.last_segment_ids.items():
        behind = (ModelRecord.number == model_number) & (ModelRecord.last_segment_id < last_id)
        connection.execute(update(ModelRecord).where(behind).values(last_segment_id=last_id))
    # Of a model that was dropped since, nobody knows how far it had come.
    is_dropped = ModelRecord.number.not_in(marks.last_segment_ids)
    jumped = ModelRecord.last_segment_id + _ALL_IDS_OF_A_WHILE
    connection.execute(update(ModelRecord).where(is_dropped).values(last_segment_id=jumped))
    own = connection.execute(select(LibraryRecord.generation)).scalar_one()
    connection.execute(
        update(LibraryRecord).values(
            library_id=marks.stand.library_id, generation=max(own, marks.stand.generation)
        )
    )
    renew_generation(connection)


def take_content(live: Catalog, prepared: Path, *, after: Stand) -> bool:
    """Give the live catalog the content of another file; whether that was done.

    SQLite's backup writes all pages inside one write transaction of the live file: killed at any
    moment it leaves what was there, and readers see the one or the other.

    Args:
        after: where the live catalog has to stand; what came later would be lost.

    Returns:
        False where it stands elsewhere: nothing was changed.

    Raises:
        LibraryBusyError: somebody has been writing to it for half a minute.
        LibraryError: the disk is full, or the library was replaced; nothing was changed.
    """

    def stands_there() -> None:
        # The write lock is held since the first pages: what is read now stays so.
        with live.read_transaction() as connection:
            if stand_of(connection) != after:
                raise _ElsewhereError

    with _opened(prepared) as source:
        (num_pages,) = source.execute("PRAGMA page_count").fetchone()
        # Two steps at least: it is between two of them that one may look and turn back.
        pages = max(1, min(_PAGES_AT_ONCE, num_pages // 2))
        try:
            with live.outside_transactions(to_write=True) as target:
                source.backup(
                    target, pages=pages, progress=_watched(live, stands_there), sleep=_POLL_SECONDS
                )
        except _ElsewhereError:
            return False
    return True


def _watched(live: Catalog, check: Callable[[], None]) -> Callable[[int, int, int], object]:
    """Runs the check once, when the write lock is held, and gives up on one that others hold."""
    given_up_at = time.monotonic() + BUSY_TIMEOUT_SECONDS
    checked = False

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal checked
        if status == sqlite3.SQLITE_OK and not checked:
            checked = True
            check()
        elif status != sqlite3.SQLITE_OK and time.monotonic() > given_up_at:
            raise LibraryBusyError(
                f"the catalog of the library in {live.path.parent} was being written by "
                f"another program for {BUSY_TIMEOUT_SECONDS} s: end that program, or run again"
            )

    return progress


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=rw", uri=True)
    try:
        yield connection
    finally:
        connection.close()
