"""Which files have come to rest since something happened to them.

A file that is being written changes again and again: it is settled once its size and time have
been what they are for a while. What happens is told by the
system, or seen by looking again, so that a write of which no system tells is noticed too.
"""

import os
from pathlib import Path
from typing import NamedTuple, TypeAlias

_Look: TypeAlias = tuple[int, int] | None
"""Size and time of change; None where nothing is."""


class Settled(NamedTuple):
    """Paths that have come to rest, each sorted."""

    there: list[Path]
    gone: list[Path]


class Changes:
    """Paths to which something happened, until they have come to rest.

    Args:
        settle_seconds: how long nothing may happen to a path before it is settled.
    """

    def __init__(self, *, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._since: dict[Path, tuple[float, _Look]] = {}

    def __len__(self) -> int:
        return len(self._since)

    def note(self, path: Path, *, now: float) -> None:
        """Something happened to what is, or was, at a path, or beside it.

        A file that is as it was waits no longer for that: its sidecar may never come to rest.
        """
        found = _look(path)
        if found is None or path not in self._since or self._since[path][1] != found:
            self._since[path] = (now, found)

    def settle(self, *, now: float) -> Settled:
        """Hand out what has come to rest; it is forgotten here."""
        settled = Settled([], [])
        for path, (since, seen) in sorted(self._since.items()):
            if now - since < self._settle_seconds:
                continue
            found = _look(path)
            if found != seen:
                self._since[path] = (now, found)
                continue
            del self._since[path]
            (settled.gone if found is None else settled.there).append(path)
        return settled


def _look(path: Path) -> _Look:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
