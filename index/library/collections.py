"""The collections of a library: `library.collections`. Each change is one transaction.

A collection is a named set of videos, of which a video may be in several. Names are compared
without regard to case.
"""

import contextlib
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from index.catalog import collections as stored
from index.catalog.collections import CollectionRow
from index.catalog.connection import Catalog
from index.library.file_selection import select_files
from index.library.selection import Videos


class Collections:
    """The collections of an open library."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def list(self) -> Sequence[CollectionRow]:
        """All collections by name, each with `videos`, `hours` and `created_at`."""
        with self._catalog.read_transaction() as connection:
            return stored.list_collections(connection)

    def get(self, name: str) -> CollectionRow:
        """One of them.

        Raises:
            UnknownCollectionError: there is none of that name.
        """
        with self._catalog.read_transaction() as connection:
            return _row(connection, stored.collection_number(connection, name))

    def create(self, name: str) -> CollectionRow:
        """Make an empty one.

        Args:
            name: one line of 1 to 100 printable characters.

        Raises:
            InputError: there is one of that name in any case, or it can be no name.
            LibraryError: the library is read-only here.
        """
        with self._catalog.write_transaction() as transaction:
            connection = transaction.connection
            return _row(connection, stored.create_collection(connection, name))

    def rename(self, name: str, new_name: str) -> CollectionRow:
        """Give it another name.

        Raises:
            UnknownCollectionError: there is none of that name.
            InputError: another one has the new name, or it can be no name.
        """
        with self._catalog.write_transaction() as transaction:
            connection = transaction.connection
            return _row(connection, stored.rename_collection(connection, name, new_name))

    def drop(self, name: str, *, dry_run: bool = False) -> CollectionRow:
        """Forget the collection; its videos stay. What it was.

        Args:
            dry_run: change nothing, only tell which one it would be.

        Raises:
            UnknownCollectionError: there is none of that name.
        """
        with self._transaction(dry_run=dry_run) as connection:
            number = stored.collection_number(connection, name)
            dropped = _row(connection, number)
            if not dry_run:
                stored.drop_collection(connection, number)
        return dropped

    def add(self, name: str, videos: Videos) -> int:
        """Put videos into it; how many were not in it before.

        Args:
            videos: their ids or paths, or a filter; a folder means all below it, a pattern all that
                fit.

        Raises:
            UnknownCollectionError: there is none of that name.
            InputError: no video is named, or the library has nothing at a path.
            FilterError: the filter names what the library does not have.
        """
        with self._catalog.write_transaction() as transaction:
            number = stored.collection_number(transaction.connection, name)
            videos_N = select_files(transaction.connection, videos, with_failed=False)
            return stored.put_in(transaction.connection, number, videos_N)

    def remove(self, name: str, videos: Videos, *, dry_run: bool = False) -> int:
        """Take videos out of it, named as `add` takes them; how many were in it.

        Args:
            dry_run: change nothing, only tell how many these are.

        Raises:
            UnknownCollectionError: there is none of that name.
            InputError: no video is named, or the library has nothing at a path.
            FilterError: the filter names what the library does not have.
        """
        with self._transaction(dry_run=dry_run) as connection:
            number = stored.collection_number(connection, name)
            videos_N = select_files(connection, videos, with_failed=True)
            num_videos = stored.count_in(connection, number, videos_N)
            if not dry_run:
                stored.take_out(connection, number, videos_N)
        return num_videos

    @contextlib.contextmanager
    def _transaction(self, *, dry_run: bool) -> Iterator[Connection]:
        if dry_run:
            with self._catalog.read_transaction() as connection:
                yield connection
            return
        with self._catalog.write_transaction() as transaction:
            yield transaction.connection


def _row(connection: Connection, number: int) -> CollectionRow:
    (row,) = stored.list_collections(connection, number=number)
    return row
