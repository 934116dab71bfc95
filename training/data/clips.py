"""Training on clips: decoded and cut in other processes, some batches ahead of the step.

Axes: N pairs, B pairs of a batch, T frames of a clip, S height and width of a frame, C channels.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
import torch

from cpd_model.encoder import Frames
from cpd_model.errors import InputError
from cpd_model.processor import CPDProcessor
from index.decoding.pool import DecodePool
from index.errors import VideoError
from training.config import DataChoice
from training.data.augment import ClipPlan, draw_plan, names_a_side
from training.data.bad_pairs import BadPairs, OnBad, stand_in
from training.data.batch import Batch, BatchOrder
from training.data.media_tasks import read_pair_clip
from training.data.pair import Pair

AHEAD_BYTES = 1 << 30
"""Decoded clips that may wait for their step."""

_TASKS_PER_WORKER = 1000
"""A clip takes far less than reading for an index, and a new process as much as several clips."""


@dataclass(eq=False)
class _Row:
    """One row of a batch on its way."""

    item: int
    caption: int
    clip: Future[Frames] | None
    """None where the pair is known to be bad."""


class ClipPairs:
    """A PairStream that decodes; a context manager, whose end stops the decoders.

    What is random in a batch depends on its step and its pairs alone. A bad pair is replaced by the
    next of the list that is not in the batch, with the caption and cut that one draws there; of
    several processes each replaces its own.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        processor: CPDProcessor,
        *,
        data: DataChoice,
        order: BatchOrder,
        on_bad: OnBad = lambda pair, reason: None,
    ) -> None:
        """`data` says how clips are cut, `on_bad` is told once about each pair that is unreadable.

        Raises:
            InputError: the smallest short side is smaller than a frame, or above the largest.
        """
        self._spec = processor.clip_spec
        low, high = data.short_side_pixels
        if not self._spec.frame_size <= low <= high:
            raise InputError(
                f"data.short_side_pixels must rise from at least {self._spec.frame_size}, "
                f"the model's frame_size, got {low} to {high}"
            )
        self.bad = BadPairs(pairs, max_fraction=data.max_bad_fraction, on_bad=on_bad)
        self._pairs = pairs
        self._processor = processor
        self._data = data
        self._order = order
        self._pool = DecodePool(num_workers=data.num_workers, tasks_per_worker=_TASKS_PER_WORKER)
        self._waited_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the decoders and forget what they are at."""
        self._pool.close()

    @property
    def num_items(self) -> int:
        """N, unreadable pairs included."""
        return len(self._pairs)

    @property
    def waited_seconds(self) -> float:
        """How long the caller waited for decoders so far, in all."""
        return self._waited_seconds

    @property
    def batch_bytes(self) -> int:
        """What this process's clips of one batch take, in bytes."""
        rows = self._order.batch_size // self._order.world_size
        return 3 * rows * self._spec.num_frames * self._spec.frame_size**2

    @property
    def batches_ahead(self) -> int:
        """How many batches are decoded while one is used: 1 to 4, as `AHEAD_BYTES` allows."""
        return max(1, min(4, AHEAD_BYTES // self.batch_bytes))

    def batches(self, first_step: int, stop_step: int) -> Iterator[Batch]:
        """The batches of steps [first_step, stop_step), in order.

        Raises:
            InputError: too many pairs cannot be read.
        """
        ahead: deque[tuple[int, list[_Row]]] = deque()
        coming = iter(range(first_step, stop_step))
        try:
            while True:
                while len(ahead) <= self.batches_ahead and (step := next(coming, None)) is not None:
                    ahead.append((step, [self._start(step, item) for item in self._items(step)]))
                if not ahead:
                    return
                yield self._finish(*ahead.popleft())
        finally:  # a caller that stops early leaves no decoder at work for nothing
            for _, rows in ahead:
                for row in rows:
                    if row.clip is not None:
                        row.clip.cancel()

    def _items(self, step: int) -> list[int]:
        items: list[int] = self._order.items(step).tolist()
        return items

    def _start(self, step: int, item: int) -> _Row:
        """Draw what is random about a pair at a step, and send it to a decoder."""
        random, pair = self._order.random(step, item), self._pairs[item]
        caption = int(random.integers(len(pair.captions)))
        plan = draw_plan(
            random,
            short_side_pixels=self._data.short_side_pixels,
            mirror=self._data.flip and not names_a_side(pair.captions),
        )
        if item in self.bad.reasons:
            return _Row(item, caption, None)
        return _Row(item, caption, self._submit(pair, plan))

    def _submit(self, pair: Pair, plan: ClipPlan) -> Future[Frames]:
        middle = self._data.middle_seconds
        return self._pool.submit_frames(read_pair_clip, pair.path, pair, plan, self._spec, middle)

    def _finish(self, step: int, rows: list[_Row]) -> Batch:
        started = time.monotonic()
        clips = [self._clip_of(row) for row in rows]
        if any(clip is None for clip in clips):
            self._replace_bad(step, rows, clips)
        self._waited_seconds += time.monotonic() - started
        texts = [self._pairs[row.item].captions[row.caption] for row in rows]
        return Batch(
            items_B=torch.tensor([row.item for row in rows]),
            video=torch.from_numpy(np.stack([clip for clip in clips if clip is not None])),
            text=self._processor.texts(texts),
        )

    def _clip_of(self, row: _Row) -> Frames | None:
        """The clip, or None where the pair turned out to be bad."""
        if row.clip is None:
            return None
        try:
            return row.clip.result()
        except VideoError as error:
            self.bad.add(row.item, error.reason)
            return None

    def _replace_bad(self, step: int, rows: list[_Row], clips: list[Frames | None]) -> None:
        """Put another pair where one is bad; the order of rows decides who comes first."""
        taken = set(replace(self._order, rank=0, world_size=1).items(step).tolist())
        found: Frames | None = None
        other: _Row

        def is_readable(item: int) -> bool:
            nonlocal found, other
            other = self._start(step, item)
            found = self._clip_of(other)
            return found is not None

        for place, row in enumerate(rows):
            if clips[place] is None:
                stand_in(row.item, num_items=self.num_items, taken=taken, is_readable=is_readable)
                rows[place], clips[place] = other, found
