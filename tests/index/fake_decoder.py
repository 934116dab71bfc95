"""A decoder without processes: it paints frames from a path and a time, in any order it likes."""

import hashlib
import os
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from cpd_model.encoder import ClipSpec, Frames
from index.decoding.worker import HashedFacts
from index.documents import Document
from index.errors import VideoError
from index.video.facts import VideoFacts

REFUSAL = "the fake will not have it"


def facts_of(duration_seconds: float) -> VideoFacts:
    """A plain 320x240 video of that length."""
    return VideoFacts(
        duration_seconds=duration_seconds,
        fps=25.0,
        width=320,
        height=240,
        rotation_degrees=0,
        sample_aspect_ratio=1.0,
        codec="h264",
        container="mov",
        num_frames=max(1, round(duration_seconds * 25)),
        has_audio=False,
    )


def painted_frames(path: Path, seconds: Sequence[float], spec: ClipSpec) -> Frames:
    """One colour a frame, drawn from the file's name and the time in milliseconds."""
    colors_N3 = [
        list(hashlib.sha256(os.fsencode(f"{path.name} {round(at * 1000)}")).digest()[:3])
        for at in seconds
    ]
    size = spec.frame_size
    frames_NHWC = np.empty((len(seconds), size, size, 3), dtype=np.uint8)
    frames_NHWC[:] = np.array(colors_N3, dtype=np.uint8)[:, None, None, :]
    return frames_NHWC


class FakeDecoder:
    """Answers from its own thread, picking among what waits by a seed.

    Args:
        durations: of the videos by file name; others cannot be probed.
        bad_reads: files whose frames cannot be read, from this time on.
        refused: what is raised where a file of this name is probed.
        hung: files whose frames never come. They are probed at once, so that they hang early.
        gaps: where no frame appears for long, by file name: (start, stop) in seconds.
        documents: what the container says, by file name.
        num_held: answers that wait at least until so many do, so that orders mix.
    """

    def __init__(
        self,
        durations: dict[str, float],
        *,
        bad_reads: dict[str, float] | None = None,
        refused: dict[str, type[VideoError]] | None = None,
        hung: frozenset[str] = frozenset(),
        gaps: dict[str, list[tuple[float, float]]] | None = None,
        documents: dict[str, Document] | None = None,
        num_workers: int = 2,
        seed: int = 0,
        num_held: int = 3,
        on_read: Callable[[Path, int], None] | None = None,
    ) -> None:
        self.num_workers = num_workers
        self._durations = durations
        self._bad_reads = bad_reads or {}
        self._refused = refused or {}
        self._hung = hung
        self._gaps = gaps or {}
        self._documents = documents or {}
        self._random = random.Random(seed)
        self._num_held = num_held
        self._on_read = on_read or (lambda path, count: None)
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._changed = threading.Condition()
        self._closed = False
        self.cancelled = 0
        self.probed: list[Path] = []
        self._thread = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def hash_and_probe(self, path: Path, *, gap_seconds: float) -> Future[HashedFacts]:
        self.probed.append(path)

        def answer() -> HashedFacts:
            if path.name in self._refused:
                raise self._refused[path.name](path, REFUSAL)
            if path.name not in self._durations:
                raise VideoError(path, "no frame in it")
            content_hash = hashlib.sha256(path.read_bytes()).hexdigest()
            gaps = [gap for gap in self._gaps.get(path.name, []) if gap[1] - gap[0] > gap_seconds]
            gaps_G2 = np.array(gaps, dtype=np.float64).reshape(-1, 2)
            facts = facts_of(self._durations[path.name])
            return HashedFacts(content_hash, facts, gaps_G2, self._documents.get(path.name, {}))

        if path.name in self._hung:
            probed: Future[HashedFacts] = Future()
            probed.set_result(answer())
            return probed
        return self._enqueue(answer)

    def read_frames(self, path: Path, seconds: Sequence[float], spec: ClipSpec) -> Future[Frames]:
        self._on_read(path, len(seconds))
        if path.name in self._hung:
            return Future()

        def answer() -> Frames:
            if max(seconds) >= self._bad_reads.get(path.name, np.inf):
                raise VideoError(path, "it is damaged")
            return painted_frames(path, seconds, spec)

        return self._enqueue(answer)

    def _enqueue(self, answer: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            self._waiting.append((future, answer))
            self._changed.notify()
        return future

    def _answer(self) -> None:
        while True:
            with self._changed:
                # Wait for company, but not for ever: nobody may be left to come.
                self._changed.wait_for(
                    lambda: self._closed or len(self._waiting) >= self._num_held, timeout=0.005
                )
                if not self._waiting:
                    if self._closed:
                        return
                    continue
                future, answer = self._waiting.pop(self._random.randrange(len(self._waiting)))
            if not future.set_running_or_notify_cancel():
                self.cancelled += 1
                continue
            try:
                future.set_result(answer())
            except Exception as error:
                future.set_exception(error)
