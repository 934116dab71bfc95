"""Threads with a bounded queue, and an encoder that lives on one of them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

from cpd_model.encoder import ClipSpec, Encoder, FrameEncoder, Frames, Vectors
from service.core.errors import OverloadedError

R = TypeVar("R")


class BoundedExecutor:
    """A thread pool that refuses work at once when too much waits.

    Args:
        name: of the threads, and of the work in the refusal: "too many searches wait".
        num_threads: pieces of work that run at a time.
        max_queued: pieces of work that may wait besides those that run.
    """

    def __init__(self, name: str, *, num_threads: int, max_queued: int) -> None:
        self._name = name
        self._most = num_threads + max_queued
        self._num_pending = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(num_threads, thread_name_prefix=name)

    @property
    def num_pending(self) -> int:
        """Pieces of work that run or wait."""
        return self._num_pending

    async def run(self, function: Callable[[], R]) -> R:
        """The result of `function`, called on a thread of the pool.

        A caller that gives up takes its work out of the queue, but cannot stop what already runs.

        Raises:
            OverloadedError: `max_queued` pieces of work wait already.
        """
        with self._lock:
            if self._num_pending >= self._most:
                raise OverloadedError(f"too many {self._name} wait already; try again in a moment")
            self._num_pending += 1
        future = self._threads.submit(function)
        future.add_done_callback(self._forget)
        return await asyncio.wrap_future(future)

    def shutdown(self) -> None:
        """Cancel what waits and wait for what runs."""
        self._threads.shutdown(cancel_futures=True)

    def _forget(self, _: Future[R]) -> None:
        with self._lock:
            self._num_pending -= 1


class EncoderOnThread:
    """An encoder whose every computation runs on one executor, whichever thread asks.

    So text queries and the batches of a video that is being classified take turns, and the model
    is never entered by two threads.
    """

    def __init__(self, encoder: Encoder, executor: Executor) -> None:
        self._encoder = encoder
        self._executor = executor

    @property
    def name(self) -> str:
        return self._encoder.name

    @property
    def fingerprint(self) -> str:
        return self._encoder.fingerprint

    @property
    def embed_dim(self) -> int:
        return self._encoder.embed_dim

    @property
    def clip_spec(self) -> ClipSpec:
        return self._encoder.clip_spec

    @property
    def temperature(self) -> float:
        return self._encoder.temperature

    @property
    def device(self) -> str:
        return self._encoder.device

    def encode_video(self, clips_BTHWC: Frames) -> Vectors:
        return self._executor.submit(self._encoder.encode_video, clips_BTHWC).result()

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        return self._executor.submit(self._encoder.encode_text, texts).result()


class FrameEncoderOnThread(EncoderOnThread):
    """The same for an encoder whose backbone looks at each frame alone."""

    def __init__(self, encoder: FrameEncoder, executor: Executor) -> None:
        super().__init__(encoder, executor)
        self._frame_encoder = encoder

    def encode_frames(self, frames_NHWC: Frames) -> Vectors:
        return self._executor.submit(self._frame_encoder.encode_frames, frames_NHWC).result()

    def pool_frames(self, features_BTF: Vectors) -> Vectors:
        return self._executor.submit(self._frame_encoder.pool_frames, features_BTF).result()


def put_on_thread(encoder: Encoder, executor: Executor) -> Encoder:
    """The same encoder, computing on `executor` only; a FrameEncoder stays one."""
    if isinstance(encoder, FrameEncoder):
        return FrameEncoderOnThread(encoder, executor)
    return EncoderOnThread(encoder, executor)
