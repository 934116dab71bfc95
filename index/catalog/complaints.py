"""What SQLite, the disk and a damaged catalog say, as one sentence of ours.

SQLite has no checksums: it tells of a page that is no page, and hands out whatever else damage made
of a row. Then our own code trips over a number that is a text, or over a second row where there is
one; so what it raises is taken for damage where SQLite's own check, the slow one, agrees.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError, MultipleResultsFound, NoResultFound

from index.catalog.file import BUSY_TIMEOUT_SECONDS
from index.errors import LibraryBusyError, LibraryCorruptError, LibraryError

_BY_DAMAGE_ALONE = (UnicodeDecodeError, MultipleResultsFound, NoResultFound)
"""What our code never raises over a whole catalog."""

_MAYBE_BY_DAMAGE = (TypeError, LookupError, ArithmeticError)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the disk say into one sentence that names the library.

    Raises:
        LibraryError: of whatever SQLAlchemy or the operating system raised inside.
    """
    try:
        yield
    except DatabaseError as error:
        raise _sentence(path, error.orig) from error
    except sqlite3.DatabaseError as error:
        raise _sentence(path, error) from error
    except _BY_DAMAGE_ALONE as error:
        # Of a text it may be SQLite's own sentence, which quotes the damaged bytes.
        raise _damaged(path, "it holds what cannot be") from error


@contextlib.contextmanager
def told_as_damage(connection: Connection, path: Path) -> Iterator[None]:
    """Turn what our code trips over into one sentence, where SQLite finds the catalog damaged.

    Raises:
        LibraryCorruptError: it is.
    """
    try:
        yield
    except _MAYBE_BY_DAMAGE as error:
        said = connection.execute(text("PRAGMA integrity_check(1)")).scalar()
        if said == "ok":
            raise
        raise _damaged(path, str(said).splitlines()[-1]) from error


def _damaged(path: Path, said: str) -> LibraryCorruptError:
    return LibraryCorruptError(
        f"the catalog of the library in {path.parent} is damaged ({said}): "
        f"restore {path.name} from a backup, with {path.name}-wal and {path.name}-shm deleted "
        f"first, or index the videos into a new folder"
    )


def _sentence(path: Path, error: BaseException | None) -> LibraryError:
    folder, said = path.parent, str(error)
    if "is full" in said:
        return LibraryError(
            f"the disk with the library in {folder} is full: what was written before is safe; "
            f"make room and run again"
        )
    if "is locked" in said:
        return LibraryBusyError(
            f"the catalog of the library in {folder} was being written by another program for "
            f"{BUSY_TIMEOUT_SECONDS} s: end that program, or run again"
        )
    is_cut_short = getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_SHORT_READ"
    if "malformed" in said or "not a database" in said or is_cut_short:
        return _damaged(path, said)
    if "readonly" in said or "unable to open" in said:
        return LibraryError(
            f"the catalog of the library in {folder} cannot be opened ({said}): look at who may "
            f"read and write {path.name} and its folder"
        )
    return LibraryError(f"the catalog of the library in {folder} cannot be used: {said}")
