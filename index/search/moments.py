"""From a query vector to hits: candidates, widened until there are enough, merged into moments.

How windows become moments: windows of one video are taken by descending score. One that touches no
moment starts a new one. One that overlaps or touches moments joins them, and joins them to each
other, if its score reaches the half-way mark of the best of them; otherwise it is suppressed.
Half-way is the mean of that moment's peak score and of the background, the query's mean score over
the whole library: a moment is as wide as its peak at half maximum.

      score      peak ----- ##
                          ######
      half-way - - - - - ######## - - - - -       <- the moment
                       ############
      background ----#################------

So no two moments of one video overlap or touch, each scores what its best window scores, and one
long scene becomes one hit only where its scores stay high.

What is guaranteed: merging depends on one video's windows and the background alone. Taking in more
windows never changes a moment whose half-way mark is above them; so the hits are those of a
brute-force walk over the whole library.

Axes: k candidates, D dimensions.
"""

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError
from index.catalog.columns import SegmentColumns
from index.catalog.records import SegmentRow
from index.vectors.view import Candidates, View

MAX_LIMIT = 10_000
_FIRST_CANDIDATES = 64
_EQUAL = 1e-6
"""Scores closer than this are equal: float32 knows no better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(SegmentRow):
    """A moment, or a raw window, that fits the query; `segment_id` is its best window's."""

    video_id: str
    path: Path
    score: float
    """Cosine of the query with the best window, in [-1, 1]."""

    def __repr__(self) -> str:
        times = f"{self.start_seconds:.1f}-{self.stop_seconds:.1f} s"
        return f"Hit({self.path.name!r}, {times}, score {self.score:.3f})"

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, the path as text."""
        return {
            "video_id": self.video_id,
            "path": str(self.path),
            "start_seconds": self.start_seconds,
            "stop_seconds": self.stop_seconds,
            "score": self.score,
            "segment_id": self.segment_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSegment(SegmentRow):
    """A segment with its score, or the moment that grew from it."""

    video_number: int
    score: float


def merge_windows(windows: Iterable[ScoredSegment], *, background: float) -> list[ScoredSegment]:
    """Moments of scored windows, best first, by the rule on top of this module.

    Returns:
        One ScoredSegment a moment: its extent, with score and segment_id of its best window.
    """
    moments: dict[int, _Moments] = {}
    for window in sorted(windows, key=_best_first):
        in_video = moments.get(window.video_number)
        if in_video is None:
            in_video = moments[window.video_number] = _Moments(background)
        in_video.take(window)
    return sorted((m for in_video in moments.values() for m in in_video.found), key=_best_first)


def half_way(peak: float, background: float) -> float:
    """The least score that a window needs to join a moment with this peak."""
    return min(peak, (peak + background) / 2) - _EQUAL


def search_view(view: View, query_D: Vectors, *, limit: int, merge: bool) -> list[ScoredSegment]:
    """The best `limit` moments (or raw windows) of a view, best first; fewer if it has no more.

    Candidates are fetched and widened fourfold until `limit` results score at least as high as
    anything that was not fetched. Which of several that score equal are the last of the list is not
    defined.

    Raises:
        InputError: limit is not within 1..MAX_LIMIT.
        ValueError: the query is not D finite numbers, or all zero.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InputError(f"the number of results must be between 1 and {MAX_LIMIT}, got {limit}")
    query_D = _unit_query(query_D, len(view.sum_D))
    num_candidates = max(_FIRST_CANDIDATES, 2 * limit)
    while True:
        candidates = view.candidates(query_D, num_candidates)
        found = _moments(view, query_D, candidates) if merge else _windows(view, candidates)
        certain = [window for window in found if window.score >= candidates.floor - _EQUAL]
        if len(certain) >= limit or candidates.floor == -np.inf:
            return certain[:limit]
        num_candidates *= 4


def _windows(view: View, candidates: Candidates) -> list[ScoredSegment]:
    return list(_scored(view.columns(candidates.rows_k), candidates.scores_k))


def _moments(view: View, query_D: Vectors, candidates: Candidates) -> list[ScoredSegment]:
    """Moments of every video that has a candidate, right for all that peak at the floor or above.

    A moment can be wider than its candidates: windows down to its half-way mark belong to it,
    wherever the candidates end. So whole videos are scored, which costs at most one more walk
    through memory.
    """
    background = view.background(query_D)
    least = half_way(candidates.floor, background)
    windows: list[ScoredSegment] = []
    seen: set[int] = set()
    numbers_k = view.columns(candidates.rows_k).video_numbers_N
    for row, video_number in zip(candidates.rows_k.tolist(), numbers_k.tolist(), strict=True):
        if video_number in seen:
            continue
        seen.add(video_number)
        rows = view.rows_of_video_at(row)
        scores = view.scores(rows, query_D)
        high = np.flatnonzero(scores >= least)
        windows += _scored(view.columns(rows).take(high), scores[high])
    return merge_windows(windows, background=background)


def _scored(columns: SegmentColumns, scores_N: Vectors) -> Iterator[ScoredSegment]:
    rows = zip(*(column.tolist() for column in columns), scores_N.tolist(), strict=True)
    for segment_id, video_number, start_seconds, stop_seconds, score in rows:
        yield ScoredSegment(
            start_seconds,
            stop_seconds,
            segment_id=segment_id,
            video_number=video_number,
            score=score,
        )


class _Moments:
    """The moments of one video: disjoint, none touching another, ascending in time."""

    def __init__(self, background: float) -> None:
        self._background = background
        self._starts: list[float] = []
        self._stops: list[float] = []
        self.found: list[ScoredSegment] = []

    def take(self, window: ScoredSegment) -> None:
        """Start a moment, join those that the window touches, or leave it out."""
        first = bisect.bisect_left(self._stops, window.start_seconds)
        end = bisect.bisect_right(self._starts, window.stop_seconds)
        touched = self.found[first:end]
        if not touched:
            self._replace(first, first, window)
            return
        best = min(touched, key=_best_first)
        if window.score >= half_way(best.score, self._background):
            start_seconds = min(window.start_seconds, touched[0].start_seconds)
            stop_seconds = max(window.stop_seconds, touched[-1].stop_seconds)
            grown = replace(best, start_seconds=start_seconds, stop_seconds=stop_seconds)
            self._replace(first, end, grown)

    def _replace(self, first: int, end: int, moment: ScoredSegment) -> None:
        self._starts[first:end] = [moment.start_seconds]
        self._stops[first:end] = [moment.stop_seconds]
        self.found[first:end] = [moment]


def _best_first(window: ScoredSegment) -> tuple[float, int]:
    return -window.score, window.segment_id


def _unit_query(query_D: Vectors, embed_dim: int) -> Vectors:
    query_D = np.ascontiguousarray(query_D, dtype=np.float32)
    if query_D.shape != (embed_dim,):
        raise ValueError(f"query must be ({embed_dim},), got {query_D.shape}")
    norm = float(np.linalg.norm(query_D))
    if not np.isfinite(norm) or norm == 0:
        raise ValueError(f"query must be finite and not zero, got norm {norm}")
    return query_D / np.float32(norm)
