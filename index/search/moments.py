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
from index.catalog.records import SegmentRow
from index.search.arranging import TextMatch
from index.search.request import check_limit
from index.search.trace import Explanation
from index.search.walk import MAX_CANDIDATES, Route, ScoredSegment, Walk
from index.vectors.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(SegmentRow):
    """A moment, or a raw window, that fits the query; `segment_id` is its best window's."""

    video_id: str
    path: Path
    score: float
    """Cosine of the query with the best window, in [-1, 1]."""

    text: TextMatch | None = None
    """What its texts say to the query, where they were asked too and say something."""

    fused_score: float | None = None
    """What it is ranked by where texts were asked too: the places on both sides in one."""

    def __repr__(self) -> str:
        times = f"{self.start_seconds:.1f}-{self.stop_seconds:.1f} s"
        return f"Hit({self.path.name!r}, {times}, score {self.score:.3f})"

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, the path as text; those of texts where they count."""
        told: dict[str, Any] = {
            "video_id": self.video_id,
            "path": str(self.path),
            "start_seconds": self.start_seconds,
            "stop_seconds": self.stop_seconds,
            "score": self.score,
            "segment_id": self.segment_id,
        }
        if self.fused_score is not None:
            told["fused_score"] = self.fused_score
            told["text"] = None if self.text is None else self.text.as_json()
        return told


class Hits(list[Hit]):
    """The hits of one search, best first, and how far they are to be trusted."""

    def __init__(
        self,
        hits: Iterable[Hit],
        *,
        exact: bool,
        recall: float | None,
        complete: bool,
        cursor: str | None = None,
        explanation: Explanation | None = None,
    ) -> None:
        super().__init__(hits)
        self.exact = exact
        """Whether every segment was looked at."""
        self.recall = recall
        """Of the ten best segments the share that such a search finds, as it was measured when the
        index was built; None where it is exact."""
        self.complete = complete
        """False where a search looks no further although better hits than the last may be left."""
        self.cursor = cursor
        """For the next page; None where this is the last one."""
        self.explanation = explanation
        """How they were found, where that was asked."""

    @property
    def is_fused(self) -> bool:
        """Whether texts were asked too, and some fit."""
        return any(hit.fused_score is not None for hit in self)

    def as_json(self) -> dict[str, Any]:
        """For `--json`: how it was found, and the hits."""
        told: dict[str, Any] = {
            "exact": self.exact,
            "recall": self.recall,
            "complete": self.complete,
            "hits": [hit.as_json() for hit in self],
            "cursor": self.cursor,
        }
        if self.explanation is not None:
            told["explanation"] = self.explanation.as_json()
        return told


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
    kept = None if videos is None else view.rows_of_videos(videos)
    walk = Walk(view, query_D, Route(merge=merge, kept=kept))
    complete = walk.reach(limit, max_candidates=max_candidates)
    return FoundMoments(walk.settled[:limit], complete, walk.num_candidates)
