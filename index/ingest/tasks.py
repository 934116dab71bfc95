"""Cuts a video into decode tasks of bounded size, and puts what comes back together again.

Axes: N frames of the video, S segments, T frames of a clip, F features of a frame, D embedding.

    times of the video   0  1  2  3  4  5  6  7  8  9
    frame tasks          [ task 0  ][ task 1 ][task 2]     each frame in one task
    segments                [ ..a.. ]                      a needs tasks 0 and 1
                                  [ ..b.. ]                b needs tasks 1 and 2

An encoder that looks at each frame alone gets frame tasks, and `FeaturePooler` pools a segment as
soon as its tasks are there. Any other encoder gets clip tasks: whole segments, whose few shared
frames at the borders are decoded twice.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Frames, Vectors
from index.ingest.sampling import SamplingPlan

_POOL_SEGMENTS = 256
"""Segments pooled in one call: bounds the gathered (S, T, F) array."""


@dataclass(frozen=True, eq=False)
class DecodeTask:
    """Frames of one video that are decoded in one go."""

    number: int
    """Position among the video's tasks."""

    first_item: int
    """Position of its first item among all frames, or all segments, of the video."""

    times_N: NDArray[np.float64]
    """Seconds, ascending."""

    clip_index_ST: NDArray[np.intp] | None
    """Rows of the task's frames that make each clip; None when the items are the frames."""

    @property
    def num_items(self) -> int:
        """Frames or clips that the encoder gets from this task."""
        return len(self.times_N if self.clip_index_ST is None else self.clip_index_ST)

    def items(self, frames_NHWC: Frames, start: int, stop: int) -> Frames:
        """Items [start, stop): frames (n, H, W, 3), or clips (n, T, H, W, 3)."""
        if self.clip_index_ST is None:
            return frames_NHWC[start:stop]
        clips: Frames = frames_NHWC[self.clip_index_ST[start:stop]]
        return clips


def frame_tasks(plan: SamplingPlan, *, max_frames: int, max_seconds: float) -> list[DecodeTask]:
    """Even runs of the plan's frames, each in one task.

    Args:
        max_frames: of one task; >= 1.
        max_seconds: of video that one task should span; > 0.
    """
    times_N = plan.times_N
    borders = _even_borders(
        len(times_N),
        max(len(times_N) / max_frames, float(times_N[-1] - times_N[0]) / max_seconds),
    )
    return [
        DecodeTask(number, start, times_N[start:stop], None)
        for number, (start, stop) in enumerate(itertools.pairwise(borders))
    ]


def clip_tasks(plan: SamplingPlan, *, max_frames: int, max_seconds: float) -> list[DecodeTask]:
    """Even runs of whole segments; a task holds at most `max_frames`, or one segment."""
    num_segments, frames_per_clip = plan.frame_index_ST.shape
    max_segments = max(1, max_frames // frames_per_clip)
    span_seconds = float(plan.times_N[-1] - plan.times_N[0])
    borders = _even_borders(
        num_segments, max(num_segments / max_segments, span_seconds / max_seconds)
    )
    tasks = []
    for number, (start, stop) in enumerate(itertools.pairwise(borders)):
        rows, clip_index = np.unique(plan.frame_index_ST[start:stop], return_inverse=True)
        clip_index_ST = clip_index.reshape(stop - start, frames_per_clip).astype(np.intp)
        tasks.append(DecodeTask(number, start, plan.times_N[rows], clip_index_ST))
    return tasks


def _even_borders(count: int, num_parts: float) -> list[int]:
    """Borders of nearly equal parts of range(count): `num_parts` or a few more, none empty."""
    parts = min(count, max(1, math.ceil(num_parts)))
    return [count * part // parts for part in range(parts + 1)]


class FeaturePooler:
    """Embeds each segment as soon as all of its frames' features have come, in any order.

    Features that no waiting segment needs are let go: a long video costs no more than a short one.
    """

    def __init__(
        self,
        plan: SamplingPlan,
        tasks: Sequence[DecodeTask],
        pool_frames: Callable[[Vectors], Vectors],
    ) -> None:
        self._frame_index_ST = plan.frame_index_ST
        self._pool_frames = pool_frames
        self._starts = np.array([task.first_item for task in tasks])
        last_frame_S = self._frame_index_ST.max(axis=1)
        first_frame_S = self._frame_index_ST.min(axis=1)
        self._first_task_S = np.searchsorted(self._starts, first_frame_S, side="right") - 1
        self._last_task_S = np.searchsorted(self._starts, last_frame_S, side="right") - 1
        self._pooled_S = np.zeros(len(self._frame_index_ST), dtype=bool)
        self._arrived = np.zeros(len(tasks), dtype=bool)
        self._features: dict[int, Vectors] = {}

    @property
    def num_kept(self) -> int:
        """Tasks whose features are kept for segments that still wait."""
        return len(self._features)

    def take(self, number: int, features_NF: Vectors) -> tuple[NDArray[np.intp], Vectors]:
        """Take the features of a task; returns which segments that completes, and their (n, D)."""
        self._arrived[number] = True
        self._features[number] = features_NF
        missing = np.concatenate([[0], np.cumsum(~self._arrived)])
        complete_S = missing[self._last_task_S + 1] == missing[self._first_task_S]
        ready = np.flatnonzero(complete_S & ~self._pooled_S).astype(np.intp)
        blocks = [
            self._pool(ready[start : start + _POOL_SEGMENTS])
            for start in range(0, len(ready), _POOL_SEGMENTS)
        ]
        self._pooled_S[ready] = True
        self._let_go()
        return ready, np.concatenate(blocks) if blocks else np.empty((0, 0), dtype=np.float32)

    def _pool(self, segments: NDArray[np.intp]) -> Vectors:
        # Every segment that became ready touches the task that came, so these tasks are neighbours.
        first = int(self._first_task_S[segments].min())
        last = int(self._last_task_S[segments].max())
        features_NF = np.concatenate([self._features[task] for task in range(first, last + 1)])
        rows_ST = self._frame_index_ST[segments] - self._starts[first]
        return self._pool_frames(features_NF[rows_ST])

    def _let_go(self) -> None:
        waiting_S = ~self._pooled_S
        first_S, last_S = self._first_task_S[waiting_S], self._last_task_S[waiting_S]
        for task in list(self._features):
            if not ((first_S <= task) & (task <= last_S)).any():
                del self._features[task]
