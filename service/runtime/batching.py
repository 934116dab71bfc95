"""Many callers, few calls: a generic micro-batcher that knows nothing of models."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from service.core.errors import OverloadedError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, eq=False, slots=True)
class _Job(Generic[T, R]):
    item: T
    future: asyncio.Future[R]


class MicroBatcher(Generic[T, R]):
    """Collects items of concurrent callers and computes them together on an executor.

    A batch that fails is tried again item by item, so that only the caller of a bad item hears of
    it. A caller that leaves never shifts the answers of others. Leaving the context cancels what
    still waits. Use as an async context manager, from one event loop.

    Args:
        run: results of a batch, one per item, in order; called on `executor`.
        max_batch_size: most items of one call.
        max_queued: items that may wait; one more raises OverloadedError at once.
        wait_seconds: how long the first item of a batch waits for company.
    """

    def __init__(
        self,
        run: Callable[[list[T]], Sequence[R]],
        *,
        executor: Executor,
        max_batch_size: int,
        max_queued: int,
        wait_seconds: float = 0.0,
    ) -> None:
        if max_batch_size < 1 or max_queued < 1:
            raise ValueError(f"sizes must be positive, got {max_batch_size = }, {max_queued = }")
        self._run = run
        self._executor = executor
        self._max_batch_size = max_batch_size
        self._wait_seconds = wait_seconds
        self._queue: asyncio.Queue[_Job[T, R]] = asyncio.Queue(max_queued)
        self._unsettled: set[asyncio.Future[R]] = set()
        self._worker: asyncio.Task[None] | None = None

    @property
    def num_queued(self) -> int:
        """Items that wait for their batch."""
        return self._queue.qsize()

    async def __aenter__(self) -> Self:
        self._worker = asyncio.create_task(self._work(), name="micro-batcher")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._worker is not None, "left without being entered"
        self._worker.cancel()
        await asyncio.wait([self._worker])
        self._worker = None
        for future in list(self._unsettled):
            future.cancel()

    async def submit(self, item: T) -> R:
        """The result of one item, computed with others.

        Raises:
            OverloadedError: `max_queued` items wait already.
            RuntimeError: the batcher is not running.
        """
        if self._worker is None:
            raise RuntimeError("the batcher is not running: enter it first")
        job: _Job[T, R] = _Job(item, asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(job)
        except asyncio.QueueFull:
            raise OverloadedError(
                f"{self._queue.maxsize} queries wait already; try again in a moment"
            ) from None
        self._unsettled.add(job.future)
        job.future.add_done_callback(self._unsettled.discard)
        return await job.future

    async def _work(self) -> None:
        while True:
            batch = [job for job in await self._collect() if not job.future.done()]
            if batch:
                await self._complete(batch)

    async def _collect(self) -> list[_Job[T, R]]:
        """The first item that comes, and those that come within `wait_seconds` of it."""
        batch = [await self._queue.get()]
        deadline = time.monotonic() + self._wait_seconds
        while len(batch) < self._max_batch_size:
            try:
                batch.append(self._queue.get_nowait())
                continue
            except asyncio.QueueEmpty:
                remaining_seconds = deadline - time.monotonic()
            if remaining_seconds <= 0:
                break
            try:
                batch.append(await asyncio.wait_for(self._queue.get(), remaining_seconds))
            except TimeoutError:
                break
        return batch

    async def _complete(self, batch: list[_Job[T, R]]) -> None:
        """Settle a batch; one that fails is tried again item by item."""
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(
                self._executor, self._run, [job.item for job in batch]
            )
            settled = list(zip(batch, results, strict=True))
        except Exception as error:  # this batch only; the next one runs
            if len(batch) > 1:
                for job in batch:
                    if not job.future.done():
                        await self._complete([job])
            elif not batch[0].future.done():
                batch[0].future.set_exception(error)
            return
        for job, result in settled:
            if not job.future.done():
                job.future.set_result(result)
