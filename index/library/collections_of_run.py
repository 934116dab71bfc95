"""The collections that an add puts its videos into."""

from collections.abc import Sequence
from pathlib import Path

from index.library.collections import Collections

_AT_ONCE = 1_000
"""Files of one transaction. Those that a killed run left out are put in by the next one, for which
they are unchanged."""


class CollectionsOfRun:
    """Puts every video that a run settles, new or not, into some collections.

    Args:
        names: of the collections; those that are not there yet are made.
    """

    def __init__(self, collections: Collections, names: Sequence[str]) -> None:
        self._collections = collections
        self._names = names
        self._settled: list[Path] = []
        self.made = list(collections.make(names))
        """Names of the new ones."""

    def settle(self, path: Path) -> None:
        """Note that a video stands at a path; it is put in before long."""
        if self._names:
            self._settled.append(path)
            if len(self._settled) >= _AT_ONCE:
                self.finish()

    def finish(self) -> None:
        """Put in what has been noted."""
        if self._settled:
            self._collections.put_files(self._names, self._settled)
            self._settled = []
