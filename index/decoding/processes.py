"""How decoder processes come up and go down, around what pebble does about it.

A worker starts clean, without the parent's main module and without its Ctrl-C; a pool starts in a
thread of its own, for the same Ctrl-C, and is stopped within seconds.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess

from pebble import ProcessPool
from pebble.pool.base_pool import PoolStatus

_RETIRE_SECONDS = 5.0
"""Longest wait for pebble's threads, which are daemons; its workers are killed before that."""


class _CleanSpawnProcess(SpawnProcess):
    """A spawned process that does not run the parent's main module again.

    That module may import torch, or start a pool of its own, and no task of ours lives in it.
    """

    def start(self) -> None:
        with _start_lock, _nameless_main(), _ctrl_c_held_back():
            super().start()


class CleanSpawnContext(SpawnContext):
    """What pebble makes its workers by."""

    Process = _CleanSpawnProcess


_start_lock = threading.Lock()
_MAIN_NAMES = ("__spec__", "__file__")


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    # A child has this thread's mask from its birth: until `start_worker` ignores Ctrl-C, which a
    # terminal sends to children as well, it would end with a traceback of its own.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _nameless_main() -> Iterator[None]:
    # multiprocessing.spawn.get_preparation_data reads these two to find the main module.
    main = sys.modules["__main__"]
    names = vars(main)
    hidden: dict[str, object] = {name: names[name] for name in _MAIN_NAMES if name in names}
    try:
        main.__spec__ = None
        names.pop("__file__", None)
        yield
    finally:
        names.update(hidden)


def start_workers(pool: ProcessPool) -> None:
    """Let pebble start the pool's threads and workers, unless it did.

    In a thread of its own: Ctrl-C raises in the main thread alone, and if that were in the middle
    of starting, pebble would start a second set of threads, of which stopping ends one.
    """
    if pool._context.status is PoolStatus.CREATED:
        starter = threading.Thread(target=lambda: pool.active, daemon=True)
        starter.start()
        starter.join()


def retire(pool: ProcessPool) -> None:
    """Stop a pool and its workers now; what is left after some seconds dies with this process."""
    pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
    joiner = threading.Thread(target=pool.join, daemon=True)
    joiner.start()
    joiner.join(_RETIRE_SECONDS)


def cause_of_death(exitcode: int) -> str:
    """Of a process, by its exit code: the signal's name, or the status."""
    if exitcode >= 0:
        return f"exit status {exitcode}"
    try:
        return signal.Signals(-exitcode).name
    except ValueError:
        return f"signal {-exitcode}"
