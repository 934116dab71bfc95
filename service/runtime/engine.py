"""The engine over a real library and a real model.

    query   -> QueryEncoder -> [model thread] -> vector -> [search thread] -> hits
    video   -> [labelling thread] -> decoder processes -> [model thread] -> probabilities
    picture -> decoder processes -> FileCache

Everything that blocks runs off the event loop, behind a queue that refuses rather than grows.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self

from index.ingest.files import printable
from index.library.library import Library
from index.library.opening import LoadEncoder
from service.core.engine import Load, Readiness
from service.media.file_cache import FileCache
from service.media.store import MediaStore, PictureDecoder
from service.runtime.executors import BoundedExecutor
from service.runtime.labelling import LibraryLabels, ProbingDecoder
from service.runtime.media import LibraryMedia
from service.runtime.model import ServedModel
from service.runtime.searching import LibrarySearches
from service.runtime.videos import LibraryVideos
from service.settings import Settings

MAX_QUEUED_SEARCHES = 1024
MAX_QUEUED_READS = 1024


class ServiceDecoder(ProbingDecoder, PictureDecoder, Protocol):
    """All that the service decodes; `index.decoding.pool.DecodePool` does."""


class CPDEngine:
    """Answers from one library with one model; an async context manager, used on one event loop.

    Entering it returns at once: the model is loaded on its thread meanwhile, and `readiness` tells
    when it has answered. The library and the decoder stay the caller's to close.

    Args:
        library: open.
        decoder: running.
        cache: where thumbnails and previews are kept.
        load: from a model's name and a device to the model; called on the model's thread.
        on_failure: told why the model cannot be had, on the event loop; the engine then answers
            everything that needs the model with NotReadyError.
    """

    def __init__(
        self,
        library: Library,
        decoder: ServiceDecoder,
        cache: FileCache,
        settings: Settings,
        *,
        load: LoadEncoder,
        on_failure: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._library = library
        self._model = ServedModel(library, settings, load=load, on_failure=on_failure)
        # One search at a time: FAISS uses all cores for one, and a GPU's memory allows no two.
        self._searches = BoundedExecutor("searches", num_threads=1, max_queued=MAX_QUEUED_SEARCHES)
        self._reads = BoundedExecutor("reads", num_threads=4, max_queued=MAX_QUEUED_READS)
        self._labelling = BoundedExecutor(
            "videos", num_threads=1, max_queued=settings.max_queued_videos
        )
        self._store = MediaStore(decoder, cache)
        self.searches = LibrarySearches(library, self._model, self._searches)
        self.labels = LibraryLabels(library, self._model, decoder, self._labelling, settings)
        self.videos = LibraryVideos(library, self._reads)
        self.media = LibraryMedia(self.videos, self._store)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for executor in (self._searches, self._reads, self._labelling):
            self._stack.push_async_callback(asyncio.to_thread, executor.shutdown)
        self._stack.push_async_callback(self._store.close)
        await self._stack.enter_async_context(self._model)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def settled(self) -> None:
        """Wait until the model has answered once, or until it is clear that it cannot."""
        await self._model.settled()

    async def readiness(self) -> Readiness:
        status = await self._reads.run(self._library.status)
        return Readiness(
            ready=self._model.why_not is None,
            reason=self._model.why_not,
            model=self._model.name,
            fingerprint=status.fingerprint,
            model_device=self._model.device,
            search_device=status.search_device,
            library=printable(self._library.folder),
            num_videos=status.videos,
            num_segments=status.segments,
        )

    async def load(self) -> Load:
        status = await self._reads.run(self._library.status)
        return Load(
            num_queued_queries=self._model.num_queued,
            num_pending_searches=self._searches.num_pending,
            num_pending_videos=self._labelling.num_pending,
            num_videos=status.videos,
            num_segments=status.segments,
        )
