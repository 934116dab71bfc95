"""Cuts a video's time into segments and chooses the frames that stand for each: arithmetic only.

Axes: N different times, S segments, T frames of a clip, G gaps, K windows that a cut may have.

    window 4, hop 2, T = 4    0   1   2   3   4   5   6   7   8   9  9.5
    segment 0                 [ x   x   x   x )
    segment 1                         [ x   x   x   x )
    segment 2                                 [ x   x   x   x )
    segment 3                                         [ x   x   x )       the rest; a time repeats

    slides              0                   1                   2             one every ten seconds
    time                0   2   4   6   8  10  12  14  16  18  20  22  24
    segments            [ ..0.. )       [ ..1.. )           [ ..3.. )
                                            [ ..2.. )           [ ..4.. )

What stands still for longer than a window is searched where it appears: a window in which no frame
begins shows nothing that the last one before it did not show, and is left out. So the segments of a
video are bounded by its frames, whatever its timestamps claim: each frame lies in as many windows
as a window has hops, and one segment more may hold the rest.

Ranges are half-open. Neighbours whose times coincide share them, so their frames are decoded (and,
by an encoder that looks at each frame alone, encoded) once.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.segments import Segment

NO_GAPS: NDArray[np.float64] = np.empty((0, 2))
"""Of a video in which frames follow each other."""

_TICKS_PER_SECOND = 1_000_000
"""Times are told apart to a microsecond, so that rounding does not part what coincides."""

_HAIR = 1e-9
"""Of a hop: how far a time may be off a border of the grid and still stand on it."""


@dataclass(frozen=True, eq=False)
class SamplingPlan:
    """Which stretches of a video are looked at, and at which times."""

    segments: list[Segment]
    """In order of time; together they cover [0, duration) but for the insides of gaps."""

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
    gaps_G2: NDArray[np.float64] = NO_GAPS,
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
        gaps_G2: where no frame begins for longer than the window: from the time of one frame to
            that of the next, or to the end; in seconds, in order.

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
    tiny = window_seconds / num_frames / 2
    segments = _cut(duration_seconds, window_seconds, hop_seconds, tiny=tiny, gaps_G2=gaps_G2)
    times_ST = _times_of(segments, duration_seconds, window_seconds, num_frames, span_seconds)
    ticks, index = np.unique(np.rint(times_ST * _TICKS_PER_SECOND), return_inverse=True)
    return SamplingPlan(
        segments, ticks / _TICKS_PER_SECOND, index.reshape(times_ST.shape).astype(np.intp)
    )


def _cut(
    duration: float, window: float, hop: float, *, tiny: float, gaps_G2: NDArray[np.float64]
) -> list[Segment]:
    if duration <= window:
        return [Segment(0.0, duration)]
    # A duration that is a whole number of hops may come out a hair short of it.
    last = math.floor((duration - window) / hop + _HAIR)
    if duration - (last * hop + window) > tiny:
        last += 1  # the rest
    places_K = _places_with_a_frame(last + 1, duration, window, hop, gaps_G2)
    return [
        Segment(place * hop, duration if place == last else min(place * hop + window, duration))
        for place in places_K.tolist()
    ]


def _places_with_a_frame(
    count: int, duration: float, window: float, hop: float, gaps_G2: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Which of `count` windows, one every hop, do not lie inside a gap; the last ends the video."""
    starts_G, stops_G = gaps_G2.T
    first_G = np.floor(starts_G / hop + _HAIR).astype(np.intp) + 1
    after_G = np.floor((stops_G - window) / hop + _HAIR).astype(np.intp) + 1
    after_G = np.where(stops_G < duration, np.minimum(after_G, count - 1), count)
    kept = []
    place = 0
    for first, after in zip(first_G.tolist(), after_G.tolist(), strict=True):
        if first < after:
            kept.append(np.arange(place, first))
            place = after
    return np.concatenate([*kept, np.arange(place, count)])


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
