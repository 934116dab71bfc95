"""The engine over a real library and a real model.

    query   -> QueryEncoder -> [model thread] -> vector -> [search thread] -> hits
    video   -> [labelling thread] -> decoder processes -> [model thread] -> probabilities
    picture -> decoder processes -> FileCache

Everything that blocks runs off the event loop, behind a queue that refuses rather than grows.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from cpd_model.encoder import Encoder
from index.catalog.records import VideoRow
from index.ingest.files import printable
from index.library.library import Library
from index.library.opening import LoadEncoder
from service.engine import (
    Classification,
    LabelOrder,
    Load,
    MediaFile,
    Readiness,
    SearchAnswer,
    VideoPage,
)
from service.errors import NotReadyError
from service.executors import BoundedExecutor, put_on_thread
from service.file_cache import FileCache
from service.labelling import ProbingDecoder, label_stored, label_upload
from service.logs import open_log
from service.media_store import MediaStore, PictureDecoder
from service.query_encoder import QueryEncoder
from service.settings import Settings

WARM_UP = "a first question"
MAX_QUEUED_SEARCHES = 1024
MAX_QUEUED_READS = 1024

log = open_log()


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
        self._decoder = decoder
        self._cache = cache
        self._settings = settings
        self._load_encoder = load
        self._on_failure = on_failure
        self._model = settings.model or library.settings.model
        self._encoder: Encoder | None = None
        self._queries: QueryEncoder | None = None
        self._failure: Exception | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        self._model_thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        # One search at a time: FAISS uses all cores for one, and a GPU's memory allows no two.
        self._searches = self._open_executor("searches", 1, MAX_QUEUED_SEARCHES)
        self._reads = self._open_executor("reads", 4, MAX_QUEUED_READS)
        self._videos = self._open_executor("videos", 1, self._settings.max_queued_videos)
        self._media = MediaStore(self._decoder, self._cache)
        self._stack.push_async_callback(self._media.close)
        self._stack.push_async_callback(
            asyncio.to_thread, partial(self._model_thread.shutdown, cancel_futures=True)
        )
        self._start = asyncio.create_task(self._start_model(), name="start-model")
        self._stack.push_async_callback(self._stop_model)

    async def settled(self) -> None:
        """Wait until the model has answered once, or until it is clear that it cannot."""
        await asyncio.wait([self._start])

    # -- questions about the engine -------------------------------------------------------------

    async def readiness(self) -> Readiness:
        status = await self._reads.run(self._library.status)
        return Readiness(
            ready=self._encoder is not None,
            reason=None if self._encoder else self._why_not(),
            model=self._model,
            fingerprint=status.fingerprint,
            model_device=self._encoder.device if self._encoder else None,
            search_device=status.search_device,
            library=printable(self._library.folder),
            num_videos=status.videos,
            num_segments=status.segments,
        )

    async def load(self) -> Load:
        status = await self._reads.run(self._library.status)
        return Load(
            num_queued_queries=self._queries.num_queued if self._queries else 0,
            num_pending_searches=self._searches.num_pending,
            num_pending_videos=self._videos.num_pending,
            num_videos=status.videos,
            num_segments=status.segments,
        )

    # -- questions about videos -----------------------------------------------------------------

    async def search(self, query: str, *, limit: int, merge: bool) -> SearchAnswer:
        encoder = self._ready_encoder()
        assert self._queries is not None
        started = time.perf_counter()
        query_D = await self._queries.encode(query)
        encoded = time.perf_counter()
        hits = await self._searches.run(
            partial(
                self._library.search,
                query_D,
                fingerprint=encoder.fingerprint,
                limit=limit,
                merge=merge,
            )
        )
        return SearchAnswer(encoder.name, hits, encoded - started, time.perf_counter() - encoded)

    async def classify_stored(self, video_id: str, order: LabelOrder) -> Classification:
        encoder = self._ready_encoder()
        return await self._videos.run(
            partial(label_stored, self._library, video_id, order, encoder)
        )

    async def classify_upload(
        self, path: Path, file_name: str, order: LabelOrder
    ) -> Classification:
        encoder = self._ready_encoder()
        return await self._videos.run(
            partial(
                label_upload,
                path,
                file_name,
                order,
                encoder,
                self._decoder,
                settings=self._library.settings,
                max_seconds=self._settings.max_upload_seconds,
            )
        )

    async def videos(self, *, limit: int, offset: int) -> VideoPage:
        def read() -> VideoPage:
            rows = self._library.videos(limit=limit, offset=offset)
            return VideoPage(rows, self._library.status().videos)

        return await self._reads.run(read)

    async def video(self, video_id: str) -> VideoRow:
        return await self._reads.run(partial(self._library.video, video_id))

    async def media(self, video_id: str) -> MediaFile:
        return self._media.original(await self.video(video_id))

    async def thumbnail(self, video_id: str, *, at_seconds: float) -> MediaFile:
        return await self._media.thumbnail(await self.video(video_id), at_seconds=at_seconds)

    async def preview(
        self, video_id: str, *, start_seconds: float, stop_seconds: float
    ) -> MediaFile:
        return await self._media.preview(
            await self.video(video_id), start_seconds=start_seconds, stop_seconds=stop_seconds
        )

    # -- the model --------------------------------------------------------------------------------

    async def _start_model(self) -> None:
        """Load the model, let it answer once, and see that the library speaks its language."""
        loop = asyncio.get_running_loop()
        try:
            encoder = await loop.run_in_executor(self._model_thread, self._loaded)
            queries = QueryEncoder(encoder, self._model_thread, self._settings)
            self._queries = await self._stack.enter_async_context(queries)
            self._encoder = put_on_thread(encoder, self._model_thread)
            log.info("ready", model=encoder.name, device=encoder.device)
        except Exception as error:  # whatever it is, readiness tells it
            self._failure = error
            log.error("the model cannot be used", model=self._model, reason=str(error))
            self._on_failure(error)

    def _loaded(self) -> Encoder:
        encoder = self._load_encoder(self._model, self._settings.device)
        self._library.require(fingerprint=encoder.fingerprint, model=encoder.name)
        self._library.prepare()
        encoder.encode_text([WARM_UP])
        return encoder

    async def _stop_model(self) -> None:
        self._start.cancel()
        await asyncio.wait([self._start])

    def _ready_encoder(self) -> Encoder:
        if self._encoder is None:
            raise NotReadyError(self._why_not())
        return self._encoder

    def _why_not(self) -> str:
        if self._failure is not None:
            return f"the model {self._model} cannot be used: {self._failure}"
        return f"the model {self._model} is still being loaded; try again in a moment"

    def _open_executor(self, name: str, num_threads: int, max_queued: int) -> BoundedExecutor:
        executor = BoundedExecutor(name, num_threads=num_threads, max_queued=max_queued)
        self._stack.push_async_callback(asyncio.to_thread, executor.shutdown)
        return executor
