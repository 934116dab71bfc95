"""Decoding in child processes, so that no video can hang, crash or fill the process that asks.

A worker that exceeds its time is killed and replaced; one that dies takes only its task with it;
one that wants too much memory fails that task. Results are futures, which raise VideoError alone.
Under it is `pebble.ProcessPool`; this module adds our errors, large results through files, and a
new pool where pebble gives up on one (it does when an idle worker dies).
"""

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from cpd_model.encoder import ClipSpec, Frames
from index.decoding.processes import CleanSpawnContext, cause_of_death, retire, start_workers
from index.decoding.worker import (
    FramesFile,
    HashedFacts,
    frames_to_file,
    hash_and_probe,
    run_task,
    start_worker,
)
from index.errors import VideoCrashError, VideoTimeoutError
from index.video.facts import VideoFacts
from index.video.file import probe, read_frames, read_jpeg, read_preview

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

GIBIBYTE = 1 << 30

SLOWEST_BYTES_PER_SECOND = 8 << 20
"""Speed that a task is granted beyond its time limit: a slow disk is no hung decoder."""

_ATTEMPTS = 10
"""How often a task is started before it is blamed for the deaths of idle workers."""

_WATCH_SECONDS = 0.5


class DecodePool:
    """Worker processes that read videos; a context manager.

    Leaving it stops the workers at once and cancels what is not done. Methods may be called from
    any thread. Workers start with the first task.
    """

    def __init__(
        self,
        *,
        num_workers: int | None = None,
        timeout_seconds: float = 120,
        memory_bytes: int | None = 2 * GIBIBYTE,
        tasks_per_worker: int = 64,
    ) -> None:
        """
        Args:
            num_workers: processes, one decoder thread each; None takes one for each CPU.
            timeout_seconds: longest time for one task, waiting not counted; a second more for each
                8 MiB of its file.
            memory_bytes: what a worker may allocate beyond its start; None sets no cap. Enforced
                on Linux alone, see `index.decoding.worker.start_worker`.
            tasks_per_worker: a worker is replaced after so many, against slow leaks.
        """
        if num_workers is not None and num_workers < 1:
            raise ValueError(f"num_workers must be positive or None, got {num_workers}")
        if timeout_seconds <= 0 or tasks_per_worker < 1:
            raise ValueError(f"must be positive: {timeout_seconds = }, {tasks_per_worker = }")
        self.num_workers = num_workers or _num_cpus()
        self._timeout_seconds = timeout_seconds
        self._tasks_per_worker = tasks_per_worker
        self._memory_bytes = memory_bytes
        self._folder = Path(tempfile.mkdtemp(prefix="cpd-frames-"))
        self._remove_folder = weakref.finalize(self, shutil.rmtree, self._folder, True)
        self._lock = threading.RLock()
        self._tasks: dict[_Task, None] = {}  # in the order in which they came
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._pool = self._new_pool()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def probe(self, path: Path | str) -> Future[VideoFacts]:
        """`index.video.file.probe` in a worker."""
        return self.submit(probe, Path(path), Path(path))

    def hash_and_probe(self, path: Path | str, *, gap_seconds: float) -> Future[HashedFacts]:
        """SHA-256 of the file's content, its facts, and its gaps longer than that, in one visit."""
        return self.submit(hash_and_probe, Path(path), Path(path), gap_seconds=gap_seconds)

    def read_frames(
        self, path: Path | str, seconds: Sequence[float], spec: ClipSpec
    ) -> Future[Frames]:
        """`index.video.file.read_frames` in a worker."""
        path = Path(path)
        return self.submit_frames(read_frames, path, path, [float(time) for time in seconds], spec)

    def read_jpeg(
        self, path: Path | str, at_seconds: float, *, max_side: int = 320, quality: int = 80
    ) -> Future[bytes]:
        """`index.video.file.read_jpeg` in a worker."""
        path = Path(path)
        call = partial(read_jpeg, max_side=max_side, quality=quality)
        return self.submit(call, path, path, at_seconds)

    def read_preview(
        self, path: Path | str, start_seconds: float, stop_seconds: float, *, max_side: int = 480
    ) -> Future[bytes]:
        """`index.video.file.read_preview` in a worker."""
        path = Path(path)
        call = partial(read_preview, max_side=max_side)
        return self.submit(call, path, path, start_seconds, stop_seconds)

    def submit(
        self, function: Callable[P, R], path: Path, /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Call a function in a worker; `path` is the file that its errors name.

        The function must be importable by name there; its arguments and result must pickle.

        Raises:
            RuntimeError: the pool is closed.
        """
        return self._submit(function, path, _as_it_is, *args, **kwargs)

    def submit_frames(
        self, function: Callable[P, Frames], path: Path, /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[Frames]:
        """`submit` for a function that returns frames; many of them do not hold up the others.

        Raises:
            RuntimeError: the pool is closed.
        """
        to_file = partial(frames_to_file, self._folder, function)
        return self._submit(to_file, path, _fetch_frames, *args, **kwargs)

    def close(self) -> None:
        """Stop the workers now and cancel every task that is not done."""
        with self._lock:
            self._closed.set()
            pool, unfinished = self._pool, list(self._tasks)
        for task in unfinished:
            task.future.cancel()
        retire(pool)
        if self._watcher.is_alive():
            self._watcher.join()
        self._remove_folder()

    def _submit(
        self,
        function: Callable[..., T],
        path: Path,
        fetch: Callable[[T], R],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Future[R]:
        future: Future[R] = Future()
        call = partial(run_task, function, path, *args, **kwargs)
        timeout_seconds = self._timeout_seconds + _size_bytes(path) / SLOWEST_BYTES_PER_SECOND
        task = _Task(call, path, fetch, future, timeout_seconds)
        future.add_done_callback(partial(self._forget, task))
        with self._lock:
            if self._closed.is_set():
                raise RuntimeError("the decode pool is closed")
            if self._watcher.ident is None:
                self._watcher.start()
            self._tasks[task] = None
            self._start(task)
        return future

    def _start(self, task: "_Task") -> None:
        """Hand the task to pebble; the lock is held."""
        if task.attempts == _ATTEMPTS:
            task.fail(VideoCrashError(task.path, "decoder processes keep dying"))
            return
        task.attempts += 1
        task.pool = self._pool
        start_workers(self._pool)
        try:
            task.inner = self._pool.schedule(task.call, timeout=task.timeout_seconds)
        except RuntimeError:  # pebble gave up on it; so do we, and this task is started again
            self._replace(self._pool)
        else:
            task.inner.add_done_callback(partial(self._settle, task))

    def _settle(self, task: "_Task", inner: ProcessFuture[Any]) -> None:
        """Turn pebble's outcome into ours."""
        if task.inner is not inner:
            return  # it was started again elsewhere
        try:
            task.succeed(task.fetch(inner.result()))
        except CancelledError:
            task.future.cancel()
        except BrokenProcessPool:
            with self._lock:
                self._replace(task.pool)
        except TimeoutError:
            reason = f"its decoder did not finish in {task.timeout_seconds:.3g} s"
            task.fail(VideoTimeoutError(task.path, reason))
        except ProcessExpired as error:
            reason = f"its decoder process died ({cause_of_death(error.exitcode)})"
            task.fail(VideoCrashError(task.path, reason))
        except Exception as error:
            task.fail(error)

    def _forget(self, task: "_Task", future: Future[Any]) -> None:
        with self._lock:
            self._tasks.pop(task, None)
            inner = task.inner
        if future.cancelled():
            future.set_running_or_notify_cancel()  # or `concurrent.futures.wait` would not see it
            if inner is not None:
                inner.cancel()  # type: ignore[no-untyped-call]  # pebble leaves it untyped

    def _watch(self) -> None:
        """Notice a pool that broke while a task was on its way to it: pebble forgets such tasks."""
        while not self._closed.wait(_WATCH_SECONDS):
            with self._lock:
                if self._tasks and not self._pool.active:
                    self._replace(self._pool)

    def _replace(self, broken: ProcessPool | None) -> None:
        """Start a broken pool's tasks again in a new one; the lock is held."""
        if self._pool is not broken or self._closed.is_set():
            return
        self._pool = self._new_pool()
        # Joining its threads from one of them, which is where we may be, would not end.
        threading.Thread(target=retire, args=(broken,), daemon=True).start()
        for task in [task for task in self._tasks if task.pool is broken]:
            self._start(task)

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self.num_workers,
            max_tasks=self._tasks_per_worker,
            initializer=start_worker,
            initargs=(self._memory_bytes, self._folder),
            context=CleanSpawnContext(),
        )


@dataclass(eq=False)
class _Task:
    """A task and the future that its caller holds."""

    call: Callable[[], Any]
    path: Path
    fetch: Callable[[Any], Any]
    future: Future[Any]
    timeout_seconds: float
    pool: ProcessPool | None = None
    inner: ProcessFuture[Any] | None = None
    attempts: int = 0

    def succeed(self, result: Any) -> None:
        with suppress(InvalidStateError):  # cancelled in the meantime
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)


def _fetch_frames(result: FramesFile | Frames) -> Frames:
    if not isinstance(result, FramesFile):
        return result
    frames_NHWC = np.fromfile(result.path, dtype=np.uint8).reshape(result.shape)
    result.path.unlink()
    return frames_NHWC


def _as_it_is(result: R) -> R:
    return result


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _num_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
