"""Cuts a video's time into segments and chooses the frames that stand for each: arithmetic only.

Axes: N different times, S segments, T frames of a clip.

    window 4, hop 2, T = 4    0   1   2   3   4   5   6   7   8   9  9.5
    segment 0                 [ x   x   x   x )
    segment 1                         [ x   x   x   x )
    segment 2                                 [ x   x   x   x )
    segment 3                                         [ x   x   x )       the rest; a time repeats

Ranges are half-open. Neighbours whose times coincide share them, so their frames are decoded (and,
by an encoder that looks at each frame alone, encoded) once.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.segments import Segment

_TICKS_PER_SECOND = 1_000_000
"""Times are told apart to a microsecond, so that rounding does not part what coincides."""


@dataclass(frozen=True, eq=False)
class SamplingPlan:
    """Which stretches of a video are looked at, and at which times."""

    segments: list[Segment]
    """In order of time; together they cover [0, duration)."""

    times_N: NDArray[np.float64]
    """Seconds, increasing, inside the video: each needed frame once."""

    frame_index_ST: NDArray[np.intp]
    """For each segment the places in `times_N` of its T frames, never decreasing."""


def plan_sampling(
    duration_seconds: float,
    *,
    window_seconds: float = 4.0,
    hop_seconds: float = 2.0,
    num_frames: int,
    span_seconds: float | None = None,
) -> SamplingPlan:
    """Segments of `window_seconds`, one every `hop_seconds`, with `num_frames` times in each.

    The times of a window are the middles of `num_frames` equal parts of it, or of its central
    `span_seconds`. A video shorter than the window is one segment. What remains after the last
    whole window becomes a shorter segment that begins one hop later; it takes the times of its
    window that lie inside the video, each repeated about equally often (with a span: times of its
    own, spread over its central `span_seconds`). A rest of up to half a frame spacing only
    lengthens the last segment.

    Args:
        duration_seconds: of the video; positive.
        hop_seconds: at most `window_seconds`, so that no moment is left out.
        span_seconds: time that the frames of one clip cover; None, or more than the window,
            spreads them over the whole window.

    Raises:
        ValueError: a length is not positive and finite, or the hop exceeds the window.
    """
    _require_positive(duration=duration_seconds, window=window_seconds, hop=hop_seconds)
    if hop_seconds > window_seconds:
        raise ValueError(
            f"hop_seconds must be at most window_seconds, so that every moment is covered, "
            f"got {hop_seconds} > {window_seconds}"
        )
    if num_frames < 1:
        raise ValueError(f"num_frames must be positive, got {num_frames}")
    if span_seconds is not None:
        _require_positive(span=span_seconds)
        if span_seconds >= window_seconds:
            span_seconds = None
    segments = _cut(
        duration_seconds, window_seconds, hop_seconds, tiny=window_seconds / num_frames / 2
    )
    times_ST = _times_of(segments, duration_seconds, window_seconds, num_frames, span_seconds)
    ticks, index = np.unique(np.rint(times_ST * _TICKS_PER_SECOND), return_inverse=True)
    return SamplingPlan(
        segments, ticks / _TICKS_PER_SECOND, index.reshape(times_ST.shape).astype(np.intp)
    )


def _cut(duration: float, window: float, hop: float, *, tiny: float) -> list[Segment]:
    if duration <= window:
        return [Segment(0.0, duration)]
    # A duration that is a whole number of hops may come out a hair short of it.
    num_whole = math.floor((duration - window) / hop + 1e-9) + 1
    segments = [Segment(k * hop, min(k * hop + window, duration)) for k in range(num_whole)]
    if duration - segments[-1].stop_seconds > tiny:
        segments.append(Segment(num_whole * hop, duration))
    else:
        segments[-1] = replace(segments[-1], stop_seconds=duration)
    return segments


def _times_of(
    segments: list[Segment],
    duration: float,
    window: float,
    num_frames: int,
    span: float | None,
) -> NDArray[np.float64]:
    """Times (S, T) in seconds."""
    parts_T = (np.arange(num_frames) + 0.5) / num_frames
    starts_S = np.array([segment.start_seconds for segment in segments])
    length = min(window, duration)
    covered = length if span is None else min(span, length)
    times_ST = starts_S[:, None] + (length - covered) / 2 + parts_T * covered
    last = segments[-1]
    if times_ST[-1, -1] >= duration and len(segments) > 1:
        times_ST[-1] = _rest_times(last, times_ST[-1], parts_T, span)
    return times_ST


def _rest_times(
    rest: Segment, times_T: NDArray[np.float64], parts_T: NDArray[np.float64], span: float | None
) -> NDArray[np.float64]:
    length = rest.stop_seconds - rest.start_seconds
    if span is not None:
        covered = min(span, length)
        own_T: NDArray[np.float64] = rest.start_seconds + (length - covered) / 2 + parts_T * covered
        return own_T
    inside = times_T[times_T < rest.stop_seconds]
    repeated_T: NDArray[np.float64] = inside[np.arange(len(times_T)) * len(inside) // len(times_T)]
    return repeated_T


def _require_positive(**lengths: float) -> None:
    for name, value in lengths.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}_seconds must be positive and finite, got {value}")
