"""The collections of a library: `library.collections`. Each change is one transaction.

A collection is a named set of videos, of which a video may be in several. Names are compared
without regard to case.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection

from index.catalog import collections as stored
from index.catalog.collections import CollectionRow
from index.catalog.connection import Catalog
from index.catalog.places import indexed_at
from index.library.file_selection import select_files
from index.library.selection import Videos


class Collections:
    """Makes, fills and drops them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def list(self) -> Sequence[CollectionRow]:
        """All collections by name, each with `videos`, `hours` and `created_at`."""
        with self._catalog.read_transaction() as connection:
            return stored.list_collections(connection)

    def create(self, name: str) -> None:
        """Make an empty one.

        Args:
            name: one line of 1 to 100 printable characters.

        Raises:
            InputError: there is one of that name in any case, or it can be no name.
            LibraryError: the library is read-only here.
        """
        with self._catalog.write_transaction() as transaction:
            stored.create_collection(transaction.connection, name)

    def rename(self, name: str, new_name: str) -> None:
        """Give it another name.

        Raises:
            UnknownCollectionError: there is none of that name.
            InputError: another one has the new name, or it can be no name.
        """
        with self._catalog.write_transaction() as transaction:
            stored.rename_collection(transaction.connection, name, new_name)

    def drop(self, name: str, *, dry_run: bool = False) -> int:
        """Forget the collection; its videos stay. How many were in it.

        Args:
            dry_run: only tell how many these are.

        Raises:
            UnknownCollectionError: there is none of that name.
        """
        with self._transaction(dry_run=dry_run) as connection:
            number = stored.collection_number(connection, name)
            num_videos = stored.count_in(connection, number, None)
            if not dry_run:
                stored.drop_collection(connection, number)
        return num_videos

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
            dry_run: only tell how many these are.

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

    def make(self, names: Iterable[str]) -> Sequence[str]:
        """Make those that are not there yet; these.

        Raises:
            InputError: one can be no name.
        """
        with self._catalog.read_transaction() as connection:
            missing = [name for name in names if stored.find_collection(connection, name) is None]
        made = []
        for name in missing:
            with self._catalog.write_transaction() as transaction:
                # Somebody may have been faster, or a name be given twice.
                if stored.find_collection(transaction.connection, name) is None:
                    stored.create_collection(transaction.connection, name)
                    made.append(name)
        return made

    def put_files(self, names: Sequence[str], paths: Sequence[Path]) -> None:
        """Put the indexed videos at some paths into collections; nothing where all are in them.

        Those that somebody dropped meanwhile are made again.
        """
        self.make(names)
        with self._catalog.read_transaction() as connection:
            videos_N = indexed_at(connection, paths)
            lacking = [
                name
                for name in names
                if stored.lacks(connection, stored.collection_number(connection, name), videos_N)
            ]
        if not lacking:
            return
        with self._catalog.write_transaction() as transaction:
            for name in lacking:
                number = stored.collection_number(transaction.connection, name)
                stored.put_in(transaction.connection, number, videos_N)

    @contextlib.contextmanager
    def _transaction(self, *, dry_run: bool) -> Iterator[Connection]:
        if dry_run:
            with self._catalog.read_transaction() as connection:
                yield connection
            return
        with self._catalog.write_transaction() as transaction:
            yield transaction.connection
