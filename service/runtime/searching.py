"""Searches of a library: text to vector on the model's thread, vector to moments on another."""

import time
from functools import partial

from index.library.library import Library
from service.core.search import SearchAnswer
from service.runtime.executors import BoundedExecutor
from service.runtime.model import ServedModel


class LibrarySearches:
    """`service.core.search.Searches` over a library."""

    def __init__(self, library: Library, model: ServedModel, executor: BoundedExecutor) -> None:
        self._library = library
        self._model = model
        self._executor = executor

    async def search(self, query: str, *, limit: int, merge: bool) -> SearchAnswer:
        encoder = self._model.encoder
        started = time.perf_counter()
        query_D = await self._model.queries.encode(query)
        encoded = time.perf_counter()
        hits = await self._executor.run(
            partial(
                self._library.search,
                query_D,
                fingerprint=encoder.fingerprint,
                limit=limit,
                merge=merge,
            )
        )
        return SearchAnswer(encoder.name, hits, encoded - started, time.perf_counter() - encoded)
