"""Texts to vectors for many callers at once: a memory of recent texts, batches for the rest."""

import asyncio
from collections import OrderedDict
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from cpd_model.encoder import Encoder, Vectors
from service.runtime.batching import MicroBatcher
from service.settings import Settings


class QueryEncoder:
    """Unit vectors of queries. An async context manager, used from one event loop.

    Args:
        encoder: called on `executor`, with up to `settings.query_batch_size` texts.
    """

    def __init__(self, encoder: Encoder, executor: Executor, settings: Settings) -> None:
        self._batcher: MicroBatcher[str, Vectors] = MicroBatcher(
            lambda texts: list(encoder.encode_text(texts)),
            executor=executor,
            max_batch_size=settings.query_batch_size,
            max_queued=settings.max_queued_queries,
            wait_seconds=settings.query_batch_wait_seconds,
        )
        self._max_remembered = settings.cached_queries
        self._remembered: OrderedDict[str, Vectors] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Vectors]] = {}
        self._stack = AsyncExitStack()

    @property
    def num_queued(self) -> int:
        """Queries that wait for their batch."""
        return self._batcher.num_queued

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._batcher)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def encode(self, query: str) -> Vectors:
        """The unit vector (D,) of one text; who asks for the same meanwhile waits for the same.

        Raises:
            OverloadedError: too many queries wait already.
        """
        if query in self._remembered:
            self._remembered.move_to_end(query)
            return self._remembered[query]
        task = self._under_way.get(query)
        if task is None:
            task = asyncio.create_task(self._encoded(query))
            self._under_way[query] = task
            task.add_done_callback(lambda task: self._forget(query, task))
        return await asyncio.shield(task)  # one caller that leaves does not take it from the others

    async def _encoded(self, query: str) -> Vectors:
        vector_D = (await self._batcher.submit(query)).copy()  # a row would keep its batch alive
        self._remembered[query] = vector_D
        while len(self._remembered) > self._max_remembered:
            self._remembered.popitem(last=False)
        return vector_D

    def _forget(self, query: str, task: asyncio.Task[Vectors]) -> None:
        del self._under_way[query]
        if not task.cancelled():
            task.exception()  # its callers were told; when all have left, nobody needs to be
