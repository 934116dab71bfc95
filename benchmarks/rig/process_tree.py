"""What this process and its children cost: wall time, processor time, memory at its highest."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

_PERIOD_SECONDS = 0.1


@dataclass(slots=True)
class Cost:
    """Filled in when the measured block ends."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of all processes together, user and system; up to a tenth of a second a process is missed."""

    peak_bytes: int = 0
    """Largest sum of resident memory; pages that processes share count once for each."""


@contextlib.contextmanager
def measured() -> Iterator[Cost]:
    """Watch the tree of this process while the block runs."""
    cost = Cost()
    watch = _Watch()
    watch.look()
    before = watch.cpu_seconds
    stop = threading.Event()

    def watch_on() -> None:
        while not stop.wait(_PERIOD_SECONDS):
            watch.look()

    thread = threading.Thread(target=watch_on, daemon=True)
    started = time.perf_counter()
    thread.start()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - started
        stop.set()
        thread.join()
        watch.look()
        cost.cpu_seconds = watch.cpu_seconds - before
        cost.peak_bytes = watch.peak_bytes


class _Watch:
    def __init__(self) -> None:
        self.peak_bytes = 0
        self._root = psutil.Process()
        self._cpu_seconds: dict[psutil.Process, float] = {}

    @property
    def cpu_seconds(self) -> float:
        """Of all processes ever seen, the ended ones included."""
        return sum(self._cpu_seconds.values())

    def look(self) -> None:
        total_bytes = 0
        for process in [self._root, *self._root.children(recursive=True)]:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    total_bytes += process.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
            self._cpu_seconds[process] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, total_bytes)
