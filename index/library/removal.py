"""Videos and failures forgotten on request; their files are never touched.

What is removed is decided at one moment and carried out in several transactions, so that no other
writer waits for long. Whatever changed in between is left, and told. Killed at any moment, what
was removed is; the same request goes on with the rest.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from index.catalog.connection import Catalog, Stand, stand_of
from index.catalog.places import StoredFile, files_of
from index.catalog.removal import batches, remove_unchanged
from index.library.file_selection import select_files
from index.library.selection import Videos

_PAUSE_SECONDS = 0.02
"""Between two transactions: whoever waits for the catalog asks ten times a second."""


class RemovedVideo(NamedTuple):
    """A video, or a file that had failed, as the library knew it."""

    video_id: str
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalReport:
    """What was removed, or would be."""

    removed: list[RemovedVideo]

    changed: list[RemovedVideo]
    """Left, because they changed while others were removed: ask again."""

    dry_run: bool
    """Whether nothing was done and `removed` tells what would be."""

    def __repr__(self) -> str:
        would = "would be removed" if self.dry_run else "removed"
        changed = f", {len(self.changed)} changed meanwhile" if self.changed else ""
        return f"RemovalReport({len(self.removed)} {would}{changed})"

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, and how many were removed as `count`."""
        return {
            "count": len(self.removed),
            "dry_run": self.dry_run,
            "removed": [_as_json(video) for video in self.removed],
            "changed": [_as_json(video) for video in self.changed],
        }


class Removal:
    """Videos that somebody named, not removed yet.

    Args:
        stand: where the catalog stood when they were named.
    """

    def __init__(self, catalog: Catalog, stand: Stand, files: Sequence[StoredFile]) -> None:
        self._catalog = catalog
        self._stand = stand
        self._files = {file.number: file for file in files}

    def __len__(self) -> int:
        return len(self._files)

    def report(self) -> RemovalReport:
        """What would be removed."""
        return self._report(set(self._files), dry_run=True)

    def carry_out(self) -> RemovalReport:
        """Remove them, as far as they are what they were when they were named.

        Raises:
            LibraryReplacedError: another library took its place meanwhile.
            LibraryError: the library is read-only here, or its disk is full; what was removed
                before is.
        """
        with self._catalog.read_transaction() as connection:
            planned = list(batches(connection, list(self._files)))
        gone: set[int] = set()
        stand = self._stand
        for batch in planned:
            with self._catalog.write_transaction(after=stand) as transaction:
                gone |= remove_unchanged(transaction, batch.numbers, since=self._stand.generation)
            stand = transaction.stand
            time.sleep(_PAUSE_SECONDS)
        return self._report(gone, dry_run=False)

    def _report(self, gone: set[int], *, dry_run: bool) -> RemovalReport:
        removed: list[RemovedVideo] = []
        changed: list[RemovedVideo] = []
        for number, file in self._files.items():
            to = removed if number in gone else changed
            to.append(RemovedVideo(file.video_id, Path(file.path)))
        return RemovalReport(removed=removed, changed=changed, dry_run=dry_run)


def plan_removal(catalog: Catalog, videos: Videos) -> Removal:
    """The removal of what is named, or of the videos that a filter means.

    Args:
        videos: as index.library.file_selection.select_files takes them; files that failed too.

    Raises:
        InputError: nothing is named, or the library has nothing there.
        FilterError: the filter names what the library does not have.
    """
    with catalog.read_transaction() as connection:
        numbers_N = select_files(connection, videos, with_failed=True)
        return Removal(catalog, stand_of(connection), files_of(connection, numbers_N))


def _as_json(video: RemovedVideo) -> dict[str, str]:
    return {"video_id": video.video_id, "path": str(video.path)}
