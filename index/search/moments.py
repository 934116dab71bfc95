"""From a query vector to moments: candidates, widened until enough moments are certain.

What a moment is, and how windows become one: index.search.merging.

What is guaranteed: every window that scores above the candidates' floor is a candidate, and what
scores less than a moment's half-way mark never changes it. So moments that peak above the floor are
those of a brute-force walk over the whole library.

Axes: k candidates, D dimensions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError
from index.catalog.columns import SegmentColumns
from index.catalog.records import SegmentRow
from index.search.merging import EQUAL, Merger, Moment
from index.vectors.view import View

MAX_LIMIT = 10_000

MAX_CANDIDATES = 65_536
"""Live windows after which a search goes no further. They hold more than 400 moments where windows
follow each other every 2 s, for no moment is longer than five minutes."""

_FIRST_CANDIDATES = 64


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


class Hits(list[Hit]):
    """The hits of one search, best first, and how far they are to be trusted."""

    def __init__(
        self, hits: Iterable[Hit], *, exact: bool, recall: float | None, complete: bool
    ) -> None:
        super().__init__(hits)
        self.exact = exact
        """Whether every segment was looked at."""
        self.recall = recall
        """Of the ten best segments the share that such a search finds, as it was measured when the
        index was built; None where it is exact."""
        self.complete = complete
        """False where a search looks no further although better hits than the last may be left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSegment(SegmentRow):
    """A segment with its score, or the moment that grew from it."""

    video_number: int
    score: float


class FoundMoments(NamedTuple):
    """What a search of a view found."""

    moments: list[ScoredSegment]
    """Best first; raw windows where those were asked for."""

    complete: bool
    """False when as many candidates as a search looks at held fewer certain moments than were
    asked for: after the certain ones there may be better ones that are not here."""

    num_candidates: int
    """Windows that were fetched; moments that peak above all others are certain."""


def search_view(
    view: View,
    query_D: Vectors,
    *,
    limit: int,
    merge: bool,
    videos: NDArray[np.int64] | None = None,
    max_candidates: int = MAX_CANDIDATES,
) -> FoundMoments:
    """The best `limit` moments (or raw windows) of a view, best first; fewer if it has no more.

    Args:
        videos: numbers of the videos to search; None for all. A moment is as wide as it would be
            without: the background stays that of the whole library.

    Candidates are fetched and widened fourfold until `limit` results score higher than anything
    that was not fetched, or until they are `max_candidates`. Which of several windows that score
    equal are the last of the list is not defined.

    Raises:
        InputError: limit is not within 1..MAX_LIMIT.
        ValueError: the query is not D finite numbers, or all zero.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InputError(f"the number of results must be between 1 and {MAX_LIMIT}, got {limit}")
    query_D = _unit_query(query_D, len(view.sum_D))
    merger = Merger(view, query_D, background=view.background(query_D)) if merge else None
    kept = None if videos is None else view.rows_of_videos(videos)
    num_wanted = _first_candidates(view, limit, merge=merge)
    while True:
        rows_k, scores_k, floor = view.candidates(query_D, num_wanted, kept=kept)
        if merger:
            # Not those at the floor: a row that was not fetched may score the same and be the peak.
            merger.take(rows_k[scores_k > floor], limit=limit)
            num_certain = len(merger.found)
        else:
            num_certain = int(np.count_nonzero(scores_k >= floor - EQUAL))
        complete = num_certain >= limit or floor == -np.inf
        if complete or num_wanted >= max_candidates:
            break
        num_wanted = min(4 * num_wanted, max_candidates)
    if merger:
        merger.take(rows_k, limit=limit)  # where they are not complete, the likeliest fill up
        moments = _moments(view, merger.found)
    else:
        moments = _windows(view, rows_k[:limit], scores_k[:limit])
    return FoundMoments(moments, complete, len(rows_k))


def _first_candidates(view: View, limit: int, *, merge: bool) -> int:
    """How many windows to fetch first.

    More than is needed cost an exact search nothing, as it looks at all rows anyhow, and a second
    look costs as much again. An approximate one looks further the more is asked for, and the last
    windows that it finds are as certain as they will ever be.
    """
    if merge or view.is_exact:
        return max(_FIRST_CANDIDATES, 2 * limit)
    return limit


def _windows(view: View, rows_k: NDArray[np.int64], scores_k: Vectors) -> list[ScoredSegment]:
    windows = view.columns(rows_k)
    times = zip(windows.starts_N.tolist(), windows.stops_N.tolist(), strict=True)
    return _scored_segments(windows, times, scores_k.tolist())


def _moments(view: View, found: list[Moment]) -> list[ScoredSegment]:
    peaks = view.columns(np.array([moment.row for moment in found], dtype=np.int64))
    times = [(moment.start_seconds, moment.stop_seconds) for moment in found]
    return _scored_segments(peaks, times, [moment.score for moment in found])


def _scored_segments(
    peaks: SegmentColumns, times: Iterable[tuple[float, float]], scores: Iterable[float]
) -> list[ScoredSegment]:
    """What was columns becomes objects here, once it is known what is asked for."""
    names = zip(peaks.ids_N.tolist(), peaks.video_numbers_N.tolist(), strict=True)
    return [
        ScoredSegment(start, stop, segment_id=segment_id, video_number=number, score=score)
        for (segment_id, number), (start, stop), score in zip(names, times, scores, strict=True)
    ]


def _unit_query(query_D: Vectors, embed_dim: int) -> Vectors:
    query_D = np.ascontiguousarray(query_D, dtype=np.float32)
    if query_D.shape != (embed_dim,):
        raise ValueError(f"query must be ({embed_dim},), got {query_D.shape}")
    norm = float(np.linalg.norm(query_D))
    if not np.isfinite(norm) or norm == 0:
        raise ValueError(f"query must be finite and not zero, got norm {norm}")
    return query_D / np.float32(norm)
