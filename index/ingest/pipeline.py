"""The state behind `index.ingest.embed.embed_videos`: what is probed, decoded, encoded and ready.

One thread moves it; the decoders' threads only put what they have into a queue.
"""

import os
import queue
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import ClipSpec, Encoder, FrameEncoder, Frames, Vectors
from index.documents import Document
from index.errors import NoFrameError, NotAVideoError, VideoError
from index.file_version import FileVersion
from index.ingest.encode_queue import Encoded, EncodeQueue
from index.ingest.outcomes import (
    CHANGED,
    CHANGED_CODE,
    GONE,
    GONE_CODE,
    UNREADABLE_CODE,
    EmbeddedVideo,
    FailedEmbedding,
    KnownVideo,
    Outcome,
)
from index.ingest.sampling import plan_sampling
from index.ingest.tasks import DecodeTask, FeaturePooler, clip_tasks, frame_tasks
from index.segments import Segment, Windows

if TYPE_CHECKING:
    from index.decoding.worker import HashedFacts
    from index.video.facts import VideoFacts

_TASK_PIXELS = 4e9
"""Pixels that one decode task should pass through: about 15 s of one core, and 64 s of 1080p30."""


class Decoder(Protocol):
    """Decodes videos somewhere else; `index.decoding.pool.DecodePool` does it in child processes.

    Its futures raise VideoError and nothing else.
    """

    @property
    def num_workers(self) -> int:
        """Videos that are decoded at the same time."""
        ...

    def hash_and_probe(self, path: Path, *, gap_seconds: float) -> "Future[HashedFacts]":
        """SHA-256 of the file's content, in hex, its facts, and its gaps longer than that."""
        ...

    def read_frames(self, path: Path, seconds: Sequence[float], spec: ClipSpec) -> Future[Frames]:
        """The frames nearest to the times, (N, H, W, 3)."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How much may be under way at once."""

    memory_bytes: int = 256 * 2**20
    """Decoded frames between the decoders and the encoder, those being decoded included."""

    task_bytes: int = 32 * 2**20
    """Frames that one decode task brings; one frame or clip where that is larger."""

    batch_frames: int = 32
    """Frames in one call of the encoder; one clip where that is longer."""

    @classmethod
    def for_device(cls, device: str) -> "Bounds":
        """What suits a device: larger batches make a GPU faster, and a CPU no slower or faster."""
        return cls(batch_frames=32 if device == "cpu" else 256)

    def __post_init__(self) -> None:
        for name in ("memory_bytes", "task_bytes", "batch_frames"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(eq=False)
class _Video:
    """A video under way."""

    file: FileVersion
    facts: "VideoFacts | None" = None
    document: Document = field(default_factory=dict)
    segments: Sequence[Segment] = ()
    to_decode: deque[DecodeTask] = field(default_factory=deque)
    num_unfinished: int = 0
    """Tasks that are not encoded yet."""
    decodable: bool = False
    """Whether a task of it was decoded; until then it gets one decoder, for it may hang there."""
    running: set[Future[Frames]] = field(default_factory=set)
    pooler: FeaturePooler | None = None
    embeddings_SD: Vectors | None = None


_ProbeFuture: TypeAlias = "Future[HashedFacts]"


class _Probed(NamedTuple):
    video: _Video
    future: _ProbeFuture


class _Decoded(NamedTuple):
    video: _Video
    task: DecodeTask
    future: Future[Frames]


class Pipeline:
    """One run of `embed_videos`."""

    def __init__(
        self,
        paths: Iterator[Path],
        encoder: Encoder,
        decoder: Decoder,
        *,
        windows: Windows,
        known: Callable[[Path, str], bool],
        on_segments: Callable[[int], None],
        bounds: Bounds,
    ) -> None:
        self._paths = paths
        self._decoder = decoder
        self._encoder = encoder
        self._windows = windows
        self._known = known
        self._on_segments = on_segments
        self._bounds = bounds
        spec = encoder.clip_spec
        self._frame_bytes = spec.frame_size * spec.frame_size * 3
        self._queue: EncodeQueue[_Video]
        if isinstance(encoder, FrameEncoder):
            self._queue = EncodeQueue(encoder.encode_frames, max_items=bounds.batch_frames)
        else:
            max_clips = max(1, bounds.batch_frames // spec.num_frames)
            self._queue = EncodeQueue(encoder.encode_video, max_items=max_clips)
        self._done: queue.SimpleQueue[_Probed | _Decoded] = queue.SimpleQueue()
        self._open: dict[_Video, None] = {}  # an ordered set: the oldest video is served first
        self._running: set[Future[Frames] | _ProbeFuture] = set()
        self._bytes_in_flight = 0
        self._ready: deque[Outcome] = deque()

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Move until everything is done, handing out each outcome as soon as it is there."""
        try:
            while True:
                while self._ready:
                    yield self._ready.popleft()
                self._submit()
                if self._ready:
                    continue
                if not self._done.empty():
                    self._settle(self._done.get())
                elif self._queue.num_items:  # full, or nothing else to do: then it need not wait
                    self._encode()
                elif self._running:
                    self._settle(self._done.get())
                else:
                    return
        finally:
            for future in self._running:
                future.cancel()

    # -- decoding ------------------------------------------------------------------------------

    def _submit(self) -> None:
        """Keep the decoders busy, a few tasks ahead."""
        while len(self._running) < 4 * self._decoder.num_workers:
            if not (self._submit_decode() or self._submit_probe()):
                return

    def _submit_decode(self) -> bool:
        for video in self._open:
            if not video.to_decode or (video.running and not video.decodable):
                continue
            num_bytes = self._bytes_of(video.to_decode[0])
            if self._bytes_in_flight and (
                self._bytes_in_flight + num_bytes > self._bounds.memory_bytes
            ):
                return False  # wait for room: a small task that overtakes could starve this one
            task = video.to_decode.popleft()
            self._bytes_in_flight += num_bytes
            future = self._decoder.read_frames(
                video.file.path, task.times_N.tolist(), self._encoder.clip_spec
            )
            video.running.add(future)
            self._running.add(future)
            future.add_done_callback(
                lambda future: self._done.put(_Decoded(video, task, future))  # noqa: B023 - returns now
            )
            return True
        return False

    def _submit_probe(self) -> bool:
        if len(self._open) >= max(16, 8 * self._decoder.num_workers):
            return False
        path = next(self._paths, None)
        if path is None:
            return False
        try:
            video = _Video(FileVersion.of(path))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self._ready.append(
                FailedEmbedding(
                    path, reason, None, is_video=True, is_final=False, code=UNREADABLE_CODE
                )
            )
            return True
        self._open[video] = None
        future = self._decoder.hash_and_probe(path, gap_seconds=self._windows.window_seconds)
        self._running.add(future)
        future.add_done_callback(lambda future: self._done.put(_Probed(video, future)))
        return True

    def _settle(self, event: _Probed | _Decoded) -> None:
        """Take in what a decoder brought."""
        self._running.discard(event.future)
        if isinstance(event, _Decoded):
            self._settle_decoded(event)
            return
        video, future = event
        try:
            content_hash, video.facts, gaps_G2, video.document = future.result()
        except VideoError as error:
            self._fail(video, error.reason, error=error)
            return
        if not video.file.is_current():  # it need not be decoded for hours to learn that
            self._fail(video, CHANGED)
            return
        video.file = replace(video.file, content_hash=content_hash)
        if self._known(video.file.path, content_hash):
            self._finish(video)
        else:
            self._plan(video, video.facts, gaps_G2)

    def _settle_decoded(self, event: _Decoded) -> None:
        video, task, future = event
        video.running.discard(future)
        if video not in self._open:  # it failed meanwhile
            self._bytes_in_flight -= self._bytes_of(task)
            return
        try:
            frames_NHWC = future.result()
        except VideoError as error:
            self._bytes_in_flight -= self._bytes_of(task)
            self._fail(video, error.reason, error=error)
            return
        video.decodable = True
        self._queue.put(video, task, frames_NHWC)

    def _plan(self, video: _Video, facts: "VideoFacts", gaps_G2: NDArray[np.float64]) -> None:
        spec = self._encoder.clip_spec
        plan = plan_sampling(
            facts.duration_seconds,
            window_seconds=self._windows.window_seconds,
            hop_seconds=self._windows.hop_seconds,
            num_frames=spec.num_frames,
            span_seconds=spec.span_seconds,
            gaps_G2=gaps_G2,
        )
        max_frames = max(1, self._bounds.task_bytes // self._frame_bytes)
        max_seconds = _TASK_PIXELS / max(1.0, facts.width * facts.height * facts.fps)
        cut = frame_tasks if isinstance(self._encoder, FrameEncoder) else clip_tasks
        tasks = cut(plan, max_frames=max_frames, max_seconds=max_seconds)
        if isinstance(self._encoder, FrameEncoder):
            video.pooler = FeaturePooler(plan, tasks, self._encoder.pool_frames)
        video.segments = plan.segments
        video.to_decode.extend(tasks)
        video.num_unfinished = len(tasks)
        shape = (len(plan.segments), self._encoder.embed_dim)
        video.embeddings_SD = np.empty(shape, dtype=np.float32)

    # -- encoding ------------------------------------------------------------------------------

    def _encode(self) -> None:
        for encoded in self._queue.encode_batch():
            self._bytes_in_flight -= self._bytes_of(encoded.task)
            if encoded.owner not in self._open:
                continue  # another part of it failed
            error = encoded.error or self._place(encoded)
            if error is not None:
                self._fail(encoded.owner, f"the model could not embed it: {error}")
            elif encoded.owner.num_unfinished == 0:
                self._finish(encoded.owner)

    def _place(self, encoded: Encoded[_Video]) -> Exception | None:
        """Put the rows of one task where they belong; returns why that failed."""
        video, task, rows_NR, _ = encoded
        assert rows_NR is not None
        assert video.embeddings_SD is not None
        try:
            if video.pooler is None:
                segments = np.arange(task.first_item, task.first_item + task.num_items)
                vectors_SD = rows_NR
            else:
                segments, vectors_SD = video.pooler.take(task.number, rows_NR)
            if len(segments):
                video.embeddings_SD[segments] = vectors_SD
        except (ValueError, RuntimeError) as error:
            return error
        video.num_unfinished -= 1
        self._on_segments(len(segments))
        return None

    # -- the end of a video --------------------------------------------------------------------

    def _finish(self, video: _Video) -> None:
        assert video.facts is not None
        if not video.file.is_current():
            self._fail(video, CHANGED)
            return
        del self._open[video]
        if video.embeddings_SD is None:
            self._ready.append(
                KnownVideo(file=video.file, facts=video.facts, document=video.document)
            )
        else:
            self._ready.append(
                EmbeddedVideo(
                    file=video.file,
                    facts=video.facts,
                    document=video.document,
                    segments=video.segments,
                    embeddings_SD=video.embeddings_SD,
                )
            )

    def _fail(self, video: _Video, reason: str, *, error: VideoError | None = None) -> None:
        del self._open[video]
        for task in self._queue.drop(video):
            self._bytes_in_flight -= self._bytes_of(task)
        for future in video.running:
            future.cancel()
        self._ready.append(_failure(video.file, reason, error))

    def _bytes_of(self, task: DecodeTask) -> int:
        return len(task.times_N) * self._frame_bytes


def _failure(file: FileVersion, reason: str, error: VideoError | None) -> FailedEmbedding:
    """What a failure means: of a file that changed under the reader, nothing about its content."""
    if not os.path.lexists(file.path):
        return FailedEmbedding(file.path, GONE, None, is_video=True, is_final=False, code=GONE_CODE)
    is_video = error is None or _should_be_video(error)
    if not file.is_current():
        return FailedEmbedding(file.path, CHANGED, file, is_video, False, CHANGED_CODE)
    is_final = isinstance(error, NotAVideoError | NoFrameError)
    code = VideoError.code if error is None else error.code
    return FailedEmbedding(file.path, reason, file, is_video, is_final, code)


def _should_be_video(error: VideoError) -> bool:
    """Whether a file that cannot be read promised a video, by its content or else by its name."""
    from index.video.extensions import VIDEO_EXTENSIONS

    return not isinstance(error, NotAVideoError) or error.path.suffix.lower() in VIDEO_EXTENSIONS
