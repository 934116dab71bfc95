"""What a search finds, and a plain search of a view.

What a moment is, and how windows become one: index.search.merging. How far a search looks:
index.search.walk.

Axes: D dimensions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError
from index.catalog.records import SegmentRow
from index.search.walk import MAX_CANDIDATES, Route, ScoredSegment, Walk
from index.vectors.view import View

MAX_LIMIT = 10_000


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
    check_limit(limit)
    walk = Walk(view, query_D, Route(merge=merge, videos=videos))
    complete = walk.reach(limit, max_candidates=max_candidates)
    return FoundMoments(walk.settled[:limit], complete, walk.num_candidates)


def check_limit(limit: int) -> None:
    """Raises InputError: limit is not within 1..MAX_LIMIT."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InputError(f"the number of results must be between 1 and {MAX_LIMIT}, got {limit}")
