"""The roots of a library, the folders that its videos stand in: `library.roots`.

Where a folder moves, to another disk or host, its root is set to the new place and the library goes
on with all that it knows: nothing is decoded again.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from cpd_model.errors import InputError
from index.catalog import roots as stored
from index.catalog.connection import Catalog
from index.catalog.roots import RootRow
from index.ingest.files import path_text, printable
from index.library.lock import lease
from index.library.patterns import fixed_front, is_pattern


class RootChange(NamedTuple):
    """What setting a root did."""

    name: str
    path: Path
    made: bool
    """Whether there was no root of that name before."""
    moved: int
    """Videos and failures whose paths were rewritten."""


class Roots:
    """The roots of an open library."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def list(self) -> Sequence[RootRow]:
        """All roots by name, each with `path`, `videos`, `failed` and `hours`."""
        with self._catalog.read_transaction() as connection:
            return stored.list_roots(connection)

    def get(self, name: str) -> RootRow:
        """One of them.

        Raises:
            UnknownRootError: there is none of that name.
        """
        with self._catalog.read_transaction() as connection:
            return _row(connection, stored.root_named(connection, name).number)

    def set(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        even_if_missing: bool = False,
        wait_seconds: float = 0,
    ) -> RootChange:
        """Tell where a root is now: all its videos are there from then on; or make a new root.

        Roots within it stay where they are, with their videos.

        Args:
            even_if_missing: also where there is no such folder yet.
            wait_seconds: how long to wait for an add, or the like, to end.

        Raises:
            InputError: there is no such folder, or another root or video has one of the paths.
            LibraryBusyError: another run holds the library.
            LibraryError: the library is read-only here.
        """
        folder = Path(os.path.realpath(os.path.expanduser(path_text(path))))
        if not even_if_missing and not folder.is_dir():
            raise InputError(
                f"there is no folder {printable(folder)}: check how it is written, or say "
                f"--even-if-missing where it comes later"
            )
        self._catalog.require_writable()
        with lease(self._catalog.path.parent, wait_seconds=wait_seconds):
            return self._set(name, folder)

    def _set(self, name: str, folder: Path) -> RootChange:
        with self._catalog.read_transaction() as connection:
            root = stored.find_root(connection, name)
        if root is not None and root.path == folder:
            return RootChange(root.name, folder, made=False, moved=0)
        with self._catalog.write_transaction() as transaction:
            root = stored.find_root(transaction.connection, name)
            if root is None:
                made = stored.make_root(transaction.connection, folder, name=name)
                return RootChange(made, folder, made=True, moved=0)
            moved = stored.move_root(transaction, root, folder)
            return RootChange(root.name, folder, made=False, moved=moved)

    def rename(self, name: str, new_name: str) -> RootRow:
        """Give it another name.

        Raises:
            UnknownRootError: there is none of that name.
            InputError: another one has the new name, or it can be no name.
        """
        with self._catalog.write_transaction() as transaction:
            connection = transaction.connection
            return _row(connection, stored.rename_root(connection, name, new_name))

    def drop(self, name: str, *, dry_run: bool = False) -> RootRow:
        """Forget a root; its videos stay, in the root around it where there is one. What it was.

        Args:
            dry_run: change nothing, only tell which one it would be.

        Raises:
            UnknownRootError: there is none of that name.
        """
        if dry_run:
            return self.get(name)
        with self._catalog.write_transaction() as transaction:
            root = stored.root_named(transaction.connection, name)
            dropped = _row(transaction.connection, root.number)
            stored.drop_root(transaction.connection, root)
        return dropped


def _row(connection: Connection, number: int) -> RootRow:
    (row,) = stored.list_roots(connection, number=number)
    return row


def make_roots(catalog: Catalog, folders: Iterable[Path]) -> list[str]:
    """Make roots of folders that lie in none, named after them; the names of the new ones."""
    folders = tuple(folders)
    with catalog.read_transaction() as connection:
        if not stored.missing_roots(connection, folders):
            return []
    with catalog.write_transaction() as transaction:
        connection = transaction.connection
        missing = stored.missing_roots(connection, folders)
        return [stored.make_root(connection, folder) for folder in missing]


def named_folders(paths: Sequence[str | Path]) -> set[Path]:
    """The folders that paths of an add name: the parent of a file, the fixed front of a pattern."""
    folders = set()
    for name in paths:
        expanded = os.path.expanduser(os.fspath(name))
        if is_pattern(expanded) and not os.path.lexists(expanded):
            folders.add(fixed_front(expanded)[0])
            continue
        real = Path(os.path.realpath(expanded))
        folders.add(real if real.is_dir() else real.parent)
    return folders
