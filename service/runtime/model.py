"""The model of a service: loaded on a thread of its own, which alone enters it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Self

from cpd_model.encoder import Encoder
from index.library.library import Library
from index.library.opening import LoadEncoder
from service.core.errors import NotReadyError
from service.logs import open_log
from service.runtime.executors import put_on_thread
from service.runtime.query_vectors import QueryEncoder
from service.settings import Settings

WARM_UP = "a first question"

log = open_log()


class ServedModel:
    """A model that comes up beside a service that answers already; an async context manager.

    Args:
        library: whose vectors the model has to fit.
        load: from a model's name and a device to the model; called on the model's thread.
        on_failure: told why the model cannot be had, on the event loop.
    """

    def __init__(
        self,
        library: Library,
        settings: Settings,
        *,
        load: LoadEncoder,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.name = settings.model or library.settings.model
        self._library = library
        self._settings = settings
        self._load = load
        self._on_failure = on_failure
        self._encoder: Encoder | None = None
        self._queries: QueryEncoder | None = None
        self._failure: Exception | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._stack.push_async_callback(
            asyncio.to_thread, partial(self._thread.shutdown, cancel_futures=True)
        )
        self._start = asyncio.create_task(self._bring_up(), name="start-model")
        self._stack.push_async_callback(self._stop)
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
        await asyncio.wait([self._start])

    @property
    def why_not(self) -> str | None:
        """Why it cannot be asked, in one sentence; None when it can."""
        if self._encoder is not None:
            return None
        if self._failure is not None:
            return f"the model {self.name} cannot be used: {self._failure}"
        return f"the model {self.name} is still being loaded; try again in a moment"

    @property
    def device(self) -> str | None:
        """Where it runs; None until it has answered once."""
        return self._encoder.device if self._encoder else None

    @property
    def encoder(self) -> Encoder:
        """The model, to be called from any thread but the event loop's.

        Raises:
            NotReadyError: it has not answered yet, or cannot.
        """
        if self._encoder is None:
            raise NotReadyError(self.why_not or "")
        return self._encoder

    @property
    def queries(self) -> QueryEncoder:
        """What encodes texts of many callers at once.

        Raises:
            NotReadyError: the model has not answered yet, or cannot.
        """
        if self._queries is None:
            raise NotReadyError(self.why_not or "")
        return self._queries

    @property
    def num_queued(self) -> int:
        """Texts that wait for it."""
        return self._queries.num_queued if self._queries else 0

    async def _bring_up(self) -> None:
        """Load the model, let it answer once, and see that the library speaks its language."""
        loop = asyncio.get_running_loop()
        try:
            encoder = await loop.run_in_executor(self._thread, self._loaded)
            queries = QueryEncoder(encoder, self._thread, self._settings)
            self._queries = await self._stack.enter_async_context(queries)
            self._encoder = put_on_thread(encoder, self._thread)
            log.info("ready", model=encoder.name, device=encoder.device)
        except Exception as error:  # whatever it is, readiness tells it
            self._failure = error
            log.error("the model cannot be used", model=self.name, reason=str(error))
            self._on_failure(error)

    def _loaded(self) -> Encoder:
        encoder = self._load(self.name, self._settings.device)
        self._library.require(fingerprint=encoder.fingerprint, model=encoder.name)
        self._library.prepare()
        encoder.encode_text([WARM_UP])
        return encoder

    async def _stop(self) -> None:
        self._start.cancel()
        await asyncio.wait([self._start])
