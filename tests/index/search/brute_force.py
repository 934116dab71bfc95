"""The rule of moments as it is written, slow and plain: the truth that searches are held to."""

from collections.abc import Sequence
from dataclasses import replace

from index.search.merging import MAX_MOMENT_SECONDS, half_way
from index.search.walk import ScoredSegment


def scored_segment(
    video_number: int, segment_id: int, start_seconds: float, stop_seconds: float, score: float
) -> ScoredSegment:
    return ScoredSegment(
        start_seconds,
        stop_seconds,
        segment_id=segment_id,
        video_number=video_number,
        score=score,
    )


def slow_merge(
    windows: Sequence[ScoredSegment],
    *,
    background: float,
    max_seconds: float = MAX_MOMENT_SECONDS,
) -> list[ScoredSegment]:
    """The rule as it is written: peak by peak, every window against the moment."""
    left = sorted(windows, key=best_first)
    moments = []
    while left:
        peak = left[0]
        high = [
            window
            for window in left
            if window.score >= half_way(peak.score, background)
            and is_near(peak, window, max_seconds / 2)
        ]
        moment = peak
        while joining := [window for window in high if touch(moment, window)]:
            high = [window for window in high if window not in joining]
            moment = grown(moment, joining)
        moments.append(moment)
        left = [window for window in left if not touch(moment, window)]
    return moments


def walk_down(windows: Sequence[ScoredSegment], *, background: float) -> list[ScoredSegment]:
    """Another way to the same moments where none is cut: window by window, best first.

    One that touches no moment starts one; one that touches some joins them, and them to each other,
    if its score reaches the half-way mark of the best of them.
    """
    moments: list[ScoredSegment] = []
    for window in sorted(windows, key=best_first):
        touched = [moment for moment in moments if touch(moment, window)]
        best = min(touched, key=best_first, default=window)
        if window.score < half_way(best.score, background):
            continue
        moments = [moment for moment in moments if moment not in touched]
        moments.append(grown(best, [*touched, window]))
    return sorted(moments, key=best_first)


def best_first(window: ScoredSegment) -> tuple[float, int]:
    return -window.score, window.segment_id


def touch(a: ScoredSegment, b: ScoredSegment) -> bool:
    same_video = a.video_number == b.video_number
    return same_video and a.start_seconds <= b.stop_seconds and b.start_seconds <= a.stop_seconds


def is_near(peak: ScoredSegment, window: ScoredSegment, reach_seconds: float) -> bool:
    middle = (peak.start_seconds + peak.stop_seconds) / 2
    earliest, latest = middle - reach_seconds, middle + reach_seconds
    return window.start_seconds >= earliest and window.stop_seconds <= latest


def grown(moment: ScoredSegment, joining: Sequence[ScoredSegment]) -> ScoredSegment:
    group = [moment, *joining]
    start_seconds = min(member.start_seconds for member in group)
    stop_seconds = max(member.stop_seconds for member in group)
    return replace(moment, start_seconds=start_seconds, stop_seconds=stop_seconds)
