"""How an answer was found: the path that was taken, how far it looked, where the time went."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What `explain` tells."""

    path: str
    """`exact`: every segment was looked at; `kept rows`: every one that the filter keeps; `ivf`:
    the likeliest."""

    candidates: int
    """Segments that were fetched as candidates."""

    widenings: int
    """How often more of them had to be fetched."""

    videos: int | None
    """How many the filter keeps; None where nothing is filtered."""

    stages_ms: dict[str, float]
    """Milliseconds of each stage, in their order."""

    def lines(self) -> list[str]:
        """For people."""
        kept = "" if self.videos is None else f", in {self.videos} videos"
        stages = ", ".join(f"{name} {ms:.1f} ms" for name, ms in self.stages_ms.items())
        return [
            f"path: {self.path}; {self.candidates} candidates, {self.widenings} widenings{kept}",
            f"time: {stages}",
        ]

    def as_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(slots=True)
class Trace:
    """The times of one search's stages, while it goes on."""

    clock: Callable[[], float] = time.perf_counter
    _seconds: dict[str, float] = field(default_factory=dict)
    _chain: list[str] = field(default_factory=list)
    """Stages that draw from each other, each from the one before."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens in the block."""
        start = self.clock()
        try:
            yield
        finally:
            self._add(name, self.clock() - start)

    def through(self, name: str, items: Iterator[Item]) -> Iterator[Item]:
        """The same items; the time that they take to come is counted, without the stage before."""
        self._chain.append(name)
        return self._timed(name, items)

    def restart(self) -> None:
        """Count from here on: for another page."""
        self._seconds.clear()

    def stages_ms(self) -> dict[str, float]:
        """Milliseconds by stage."""
        seconds = dict(self._seconds)
        for before, name in zip(self._chain, self._chain[1:], strict=False):
            seconds[name] = self._seconds.get(name, 0.0) - self._seconds.get(before, 0.0)
        return {name: round(1000 * each, 3) for name, each in seconds.items()}

    def _timed(self, name: str, items: Iterator[Item]) -> Iterator[Item]:
        while True:
            with self.stage(name):
                item = next(items, None)
            if item is None:
                return
            yield item

    def _add(self, name: str, seconds: float) -> None:
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds
