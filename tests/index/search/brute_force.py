"""The rule of moments as it is written, slow and plain: the truth that searches are held to."""

from collections.abc import Sequence
from dataclasses import replace

from index.search.moments import ScoredSegment, half_way


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


def slow_merge(windows: Sequence[ScoredSegment], *, background: float) -> list[ScoredSegment]:
    """The rule as it is written, every window against every moment."""
    moments: list[ScoredSegment] = []
    for window in sorted(windows, key=lambda w: (-w.score, w.segment_id)):
        touched = [moment for moment in moments if touch(moment, window)]
        best = max(touched, key=lambda m: (m.score, -m.segment_id), default=None)
        if best is not None and window.score < half_way(best.score, background):
            continue
        group = [*touched, window]
        moments = [moment for moment in moments if moment not in touched]
        start_seconds = min(member.start_seconds for member in group)
        stop_seconds = max(member.stop_seconds for member in group)
        moments.append(
            replace(best or window, start_seconds=start_seconds, stop_seconds=stop_seconds)
        )
    return sorted(moments, key=lambda m: (-m.score, m.segment_id))


def touch(a: ScoredSegment, b: ScoredSegment) -> bool:
    same_video = a.video_number == b.video_number
    return same_video and a.start_seconds <= b.stop_seconds and b.start_seconds <= a.stop_seconds
