"""How decoder processes come up and go down, around what pebble does about it.

A worker starts clean, without the parent's main module and without its Ctrl-C; a pool starts in a
thread of its own, for the same Ctrl-C, and is stopped within seconds.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import spawn
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.popen_spawn_posix import Popen
from multiprocessing.process import BaseProcess
from types import FunctionType, SimpleNamespace
from typing import Any

from pebble import ProcessPool
from pebble.pool.base_pool import PoolStatus

_RETIRE_SECONDS = 5.0
"""Longest wait for pebble's threads, which are daemons; its workers are killed before that."""


def _data_without_main(name: str) -> dict[str, Any]:
    data = spawn.get_preparation_data(name)
    return {key: value for key, value in data.items() if not key.startswith("init_main_")}


_launch_of_all: FunctionType = vars(Popen)["_launch"]


class _CleanPopen(Popen):
    """Launches a child that is told of no main module.

    `Popen._launch` asks its global `spawn` what a child shall prepare. Ours is the same code, with
    another `spawn` to ask: hiding the main module's names for a moment, the usual way, would hide
    them from the program's other threads too.
    """

    _launch = FunctionType(
        _launch_of_all.__code__,
        _launch_of_all.__globals__
        | {"spawn": SimpleNamespace(**vars(spawn) | {"get_preparation_data": _data_without_main})},
    )


class _CleanSpawnProcess(SpawnProcess):
    """A spawned process that does not run the parent's main module again.

    That module may import torch, or start a pool of its own, and no task of ours lives in it.
    """

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:  # noqa: N802 - multiprocessing calls it so
        return _CleanPopen(process_obj)

    def start(self) -> None:
        with _ctrl_c_held_back():
            super().start()


class CleanSpawnContext(SpawnContext):
    """What pebble makes its workers by."""

    Process = _CleanSpawnProcess


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    # A child has this thread's mask from its birth: until `start_worker` ignores Ctrl-C, which a
    # terminal sends to children as well, it would end with a traceback of its own.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
