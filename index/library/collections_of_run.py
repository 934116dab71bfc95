"""The collections that an add puts its videos into."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from index.catalog import collections as stored
from index.catalog.connection import Catalog
from index.catalog.places import indexed_at

_AT_ONCE = 1_000
"""Files of one transaction. Those that a killed run left out are put in by the next one, for which
they are unchanged."""


class CollectionsOfRun:
    """Puts every video that a run settles, new or not, into some collections.

    Args:
        names: of the collections; those that are not there yet are made.
    """

    def __init__(self, catalog: Catalog, names: Sequence[str]) -> None:
        self._catalog = catalog
        self._names = names
        self._settled: list[Path] = []
        self.made = make_collections(catalog, names)
        """Names of the new ones."""

    def settle(self, path: Path) -> None:
        """Note that a video stands at a path; it is put in before long."""
        if self._names:
            self._settled.append(path)
            if len(self._settled) >= _AT_ONCE:
                self.finish()

    def finish(self) -> None:
        """Put in what has been noted; collections that somebody dropped are made again."""
        if self._settled:
            make_collections(self._catalog, self._names)
            self._put(self._settled)
            self._settled = []

    def _put(self, paths: Sequence[Path]) -> None:
        """Put the indexed videos at some paths in; nothing where all are in."""
        with self._catalog.read_transaction() as connection:
            videos_N = indexed_at(connection, paths)
            lacking = [
                name
                for name in self._names
                if stored.lacks(connection, stored.collection_number(connection, name), videos_N)
            ]
        if not lacking:
            return
        with self._catalog.write_transaction() as transaction:
            for name in lacking:
                number = stored.collection_number(transaction.connection, name)
                stored.put_in(transaction.connection, number, videos_N)


def make_collections(catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Make those that are not there yet; these.

    Raises:
        InputError: one can be no name.
    """
    with catalog.read_transaction() as connection:
        missing = [name for name in names if stored.find_collection(connection, name) is None]
    made = []
    for name in missing:
        with catalog.write_transaction() as transaction:
            # Somebody may have been faster, or a name be given twice.
            if stored.find_collection(transaction.connection, name) is None:
                stored.create_collection(transaction.connection, name)
                made.append(name)
    return made
