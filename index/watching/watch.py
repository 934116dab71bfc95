"""Adds what comes and changes below some folders to a library, for as long as nobody stops it.

    all of it once, as an add does  ->  what the system tells  ->  settled?  ->  add  ->  prune

Files are listened to before the first add begins, so that nothing which happens meanwhile is lost.
An add of a moved file comes before its old path is looked for, so that the video keeps its id.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import LibraryBusyError, RootGoneError
from index.ingest.outcomes import CHANGED_CODE
from index.library.add_report import AddInterrupted
from index.watching.changes import Changes
from index.watching.folders import changes_below, watched_folders

if TYPE_CHECKING:
    from index.library.add_report import AddReport

_TICK_SECONDS = 0.25
"""At least so often it is looked whether something has settled."""


class Feed(Protocol):
    """Brings a library in step with files; takes its lease for each call alone."""

    @property
    def folder(self) -> Path:
        """Of the library."""
        ...

    def add(self, paths: Sequence[Path]) -> "AddReport":
        """Index files and folders."""
        ...

    def remove_gone(self, paths: Sequence[Path]) -> int:
        """Forget the videos at and below these paths whose files are gone; how many there were."""
        ...


class WatchListener(Protocol):
    """Told what a watch does."""

    def added(self, report: "AddReport", *, is_first: bool) -> None:
        """An add ended; the first is of all that was there."""
        ...

    def removed(self, count: int) -> None:
        """So many videos were removed, for their files are gone."""
        ...

    def told(self, sentence: str) -> None:
        """Something that a person should know."""
        ...


@dataclass(kw_only=True, slots=True)
class WatchTotals:
    """What a watch did from its beginning to its end."""

    added: int = 0
    updated: int = 0
    failed: int = 0
    removed: int = 0
    segments: int = 0

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def watch(
    paths: Sequence[str | Path],
    feed: Feed,
    listener: WatchListener,
    *,
    settle_seconds: float = 2.0,
    poll: bool = False,
    prune: bool = False,
) -> WatchTotals:
    """Keep a library in step with files and folders until KeyboardInterrupt.

    Where another run has the lease, what is to be done waits for it. A file that failed is tried
    again when it changes.

    Args:
        paths: files and folders, with all below them.
        settle_seconds: how long a file must be as it is before it is read.
        poll: look at all files again and again, rather than ask the system for changes.
        prune: remove the videos whose files are gone, too.

    Raises:
        InputError: a path is not there, or was there and is gone.
        LibraryError: the library cannot be added to, was removed or replaced, or its disk is full.
    """
    watching = _Watching(watched_folders(paths), feed, listener, prune=prune)
    changes = Changes(settle_seconds=settle_seconds)
    told = changes_below(
        watching.watched,
        leave_out=feed.folder,
        poll=poll,
        tick_seconds=min(_TICK_SECONDS, max(settle_seconds / 2, 0.01)),
        tell=listener.told,
    )
    try:
        watching.follow(told, changes)
    except AddInterrupted as stop:
        watching.count(stop.report)
    except KeyboardInterrupt:
        pass
    return watching.totals


class _Watching:
    """One watch: what is left to do, and what was done."""

    def __init__(
        self, watched: Sequence[Path], feed: Feed, listener: WatchListener, *, prune: bool
    ) -> None:
        self.watched = watched
        self.totals = WatchTotals()
        self._feed = feed
        self._listener = listener
        self._prune = prune
        self._there, self._gone = list(watched), list(watched) if prune else []
        self._waits = False
        self._is_first = True

    def follow(self, told: Iterator[set[Path]], changes: Changes) -> None:
        """Add everything, then what changes, for as long as it is told of changes."""
        for path in next(told):
            changes.note(path, now=time.monotonic())
        while True:
            for path in {*self._try_work(), *next(told)}:
                changes.note(path, now=time.monotonic())
            settled = changes.settle(now=time.monotonic())
            self._there = list(dict.fromkeys([*self._there, *settled.there]))
            if self._prune:
                self._gone = list(dict.fromkeys([*self._gone, *settled.gone]))

    def count(self, report: "AddReport") -> None:
        """Take in what an add did."""
        self.totals.added += report.added
        self.totals.updated += report.updated
        self.totals.failed += report.failed
        self.totals.segments += report.segments

    def _try_work(self) -> list[Path]:
        """Do what is to be done, unless another run has the library; what has to be read again."""
        again: list[Path] = []
        try:
            again = self._add()
            self._remove_gone()
        except LibraryBusyError as error:
            if not self._waits:
                self._listener.told(f"waiting: {error}")
            self._waits = True
        else:
            self._waits = False
        return again

    def _add(self) -> list[Path]:
        """Add what is there; the files that changed while they were read."""
        there = [path for path in self._there if path.exists()]
        report = self._feed.add(there) if there else None
        self._there = []
        if report is None:
            return []
        self.count(report)
        is_first, self._is_first = self._is_first, False
        self._listener.added(report, is_first=is_first)
        return [failed.path for failed in report.failures if failed.code == CHANGED_CODE]

    def _remove_gone(self) -> None:
        if not self._gone:
            return
        count = 0
        try:
            count = self._feed.remove_gone(self._gone)
        except RootGoneError as error:  # its disk may come back; all else goes on
            self._listener.told(str(error))
        self._gone = []
        self.totals.removed += count
        if count:
            self._listener.removed(count)
