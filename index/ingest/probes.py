"""Probes that come before a run needs them, and are not made again when it does."""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cpd_model.encoder import ClipSpec, Frames
from index.errors import VideoError
from index.file_version import FileVersion
from index.ingest.outcomes import HashedVideo
from index.ingest.pipeline import Decoder

if TYPE_CHECKING:
    from index.decoding.worker import HashedFacts


class RememberedProbes:
    """A decoder that reads no file a second time to hash and probe it, unless the file changed.

    Args:
        gap_seconds: gaps longer than that are looked for ahead.
    """

    def __init__(self, decoder: Decoder, *, gap_seconds: float) -> None:
        self._decoder = decoder
        self._gap_seconds = gap_seconds
        self._probed: dict[Path, tuple[FileVersion, Future[HashedFacts]]] = {}

    @property
    def num_workers(self) -> int:
        """Videos that are decoded at the same time."""
        return self._decoder.num_workers

    def ahead(self, files: Iterable[FileVersion]) -> Iterator[HashedVideo]:
        """The files that can be hashed and probed, in their order; a few are under way at once.

        Those that fail, or change meanwhile, are left out.
        """
        waiting: deque[tuple[FileVersion, Future[HashedFacts]]] = deque()
        try:
            for file in files:
                future = self._decoder.hash_and_probe(file.path, gap_seconds=self._gap_seconds)
                begun = file, future
                self._probed[file.path] = begun
                waiting.append(begun)
                if len(waiting) >= 4 * self.num_workers:
                    yield from _hashed(*waiting.popleft())
            while waiting:
                yield from _hashed(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def forget(self, paths: Iterable[Path]) -> None:
        """Let go of what was learned of these files."""
        for path in paths:
            self._probed.pop(path, None)

    def hash_and_probe(self, path: Path, *, gap_seconds: float) -> "Future[HashedFacts]":
        """As `ahead` found it, where the file still is the same."""
        file, future = self._probed.pop(path, (None, None))
        is_same = file is not None and file.is_current() and gap_seconds == self._gap_seconds
        if future is not None and is_same:
            return future
        return self._decoder.hash_and_probe(path, gap_seconds=gap_seconds)

    def read_frames(self, path: Path, seconds: Sequence[float], spec: ClipSpec) -> Future[Frames]:
        """The frames nearest to the times, (N, H, W, 3)."""
        return self._decoder.read_frames(path, seconds, spec)


def _hashed(file: FileVersion, future: "Future[HashedFacts]") -> Iterator[HashedVideo]:
    with contextlib.suppress(VideoError):
        found = future.result()
        if file.is_current():
            yield HashedVideo(
                file=replace(file, content_hash=found.content_hash),
                facts=found.facts,
                document=found.document,
            )
