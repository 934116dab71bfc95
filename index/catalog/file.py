"""The file behind a catalog: how it may be opened here, and whether it still is the same one.

    it may be written        read and written, readers and a writer side by side
    it may only be read      without locks (`immutable`) where the writer left no log behind;
                             else through the log, which its -shm file has to be there for

A connection belongs to the file that it was opened on. Where another file lies at the path now, a
backup or one of a folder that was swapped, or where a file that is read without locks has changed,
the pool does not hand the connection out again but opens another one.
"""

import os
import sqlite3
from enum import Enum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from index.errors import LibraryError, LibraryNotFoundError

BUSY_TIMEOUT_SECONDS = 30
"""How long a statement waits for another process's commit; longer than any of ours takes."""

_CACHE_KIB = 32 * 1024
"""Of pages in memory, at most. With SQLite's two megabytes a large transaction writes the same
pages of its indexes many times."""


class Access(Enum):
    """How a catalog can be opened, as SQLite's options say it."""

    WRITE = "mode=rw"
    READ_LOG = "mode=ro"
    READ_ALONE = "immutable=1"


class CatalogFile(NamedTuple):
    """The file at a path; equal to an earlier look while what was opened then is still good."""

    access: Access
    stamp: tuple[int, ...]
    """Device and inode, and of a file that is read without locks size and time too."""


class CatalogConnection(sqlite3.Connection):
    """A connection that knows which file it was opened on."""

    file: CatalogFile


def look_at(path: Path) -> CatalogFile:
    """Which file lies there now, and how it can be opened.

    Raises:
        LibraryNotFoundError: none does.
        LibraryError: the folder cannot be looked into.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise LibraryNotFoundError(
            f"the library in {path.parent} is gone: its {path.name} was moved or removed, and what "
            f"was indexed went with it"
        ) from error
    except OSError as error:
        raise LibraryError(
            f"the catalog of the library in {path.parent} cannot be opened: {error.strerror}"
        ) from error
    same_file = (found.st_dev, found.st_ino)
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return CatalogFile(Access.WRITE, same_file)
    if _has_log(path):
        return CatalogFile(Access.READ_LOG, same_file)
    return CatalogFile(Access.READ_ALONE, (*same_file, found.st_size, found.st_mtime_ns))


def open_catalog(path: Path) -> Engine:
    """A pool of connections to the file that lies at a path, whichever that is at the time."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(path),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=-1,  # as many connections as there are threads asking; none waits for another
    )

    @event.listens_for(engine, "checkout")
    def leave_another_file(
        connection: CatalogConnection, _: ConnectionPoolEntry, __: object
    ) -> None:
        if connection.file != look_at(path):
            raise DisconnectionError(f"{path} is not the file that this connection was opened on")

    return engine


def _connect(path: Path) -> CatalogConnection:
    """Open whichever file lies there, and be sure which one that was."""
    while True:
        file = look_at(path)
        if file.access is Access.READ_LOG:
            _require_shared_memory(path)
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(path))}?{file.access.value}",
            uri=True,
            timeout=BUSY_TIMEOUT_SECONDS,
            # Python's sqlite3 would begin transactions by its own rules; the catalog says BEGIN.
            isolation_level=None,
            check_same_thread=False,
            factory=CatalogConnection,
        )
        if file == look_at(path):
            break
        connection.close()
    connection.file = file
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    except sqlite3.Error:
        connection.close()  # one that stays open keeps a damaged log in use
        raise
    return connection


def _has_log(path: Path) -> bool:
    """Whether a writer left changes beside the catalog that are not in it yet."""
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def _require_shared_memory(path: Path) -> None:
    if not os.access(f"{path}-shm", os.R_OK):
        raise LibraryError(
            f"the library in {path.parent} cannot be read where it cannot be written: its last "
            f"changes are still in {path.name}-wal, and {path.name}-shm is missing. Open it once "
            f"where it can be written, with `cpd index status`, and copy or mount it again"
        )
