"""What this process and its children cost: wall time, processor time, memory at its highest."""

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    peak_private_bytes: int = 0
    """The same without pages of files and shared ones; only Linux tells them apart."""


def private_bytes() -> int:
    """Resident memory of this process that is neither of a file nor shared; on Linux."""
    return _private(psutil.Process().memory_info())


def peak_bytes() -> int:
    """The most resident memory that this process ever had, pages of files included; on Linux."""
    told = Path("/proc/self/status").read_text()
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", told)[0])


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
        cost.peak_private_bytes = watch.peak_private_bytes


class _Watch:
    def __init__(self) -> None:
        self.peak_bytes = 0
        self.peak_private_bytes = 0
        self._root = psutil.Process()
        self._cpu_seconds: dict[psutil.Process, float] = {}

    @property
    def cpu_seconds(self) -> float:
        """Of all processes ever seen, the ended ones included."""
        return sum(self._cpu_seconds.values())

    def look(self) -> None:
        total_bytes = total_private_bytes = 0
        for process in [self._root, *self._root.children(recursive=True)]:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    memory = process.memory_info()
            except psutil.Error:
                continue  # it has just ended
            total_bytes += memory.rss
            total_private_bytes += _private(memory)
            self._cpu_seconds[process] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, total_bytes)
        self.peak_private_bytes = max(self.peak_private_bytes, total_private_bytes)


def _private(memory: Any) -> int:
    return int(memory.rss - getattr(memory, "shared", 0))
