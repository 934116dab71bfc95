"""Through all moments of a view, best first, as far as somebody asks.

    candidates of the view, widened fourfold until enough moments peak above their floor
    v                                       -> moments grow from them (index.search.merging)
    settled: what was told, in its order    -> never changes again

What is guaranteed: every window that scores above the candidates' floor is a candidate, and what
scores less than a moment's half-way mark never changes it. So moments that peak above the floor are
those of a brute-force walk over the whole library. Where a part is searched approximately that
holds as far as its recall goes.

A walk can begin behind a moment that another walk ended with, in a view that has grown since: of a
video that it meets it first finds the moments that peak before, and of no other.

Axes: k candidates, D dimensions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns
from index.catalog.records import SegmentRow
from index.search.merging import After, Merger
from index.vectors.view import Kept, View

MAX_CANDIDATES = 65_536
"""Live windows after which a walk that may look at all of them does so at once. They hold more than
400 moments where windows follow each other every 2 s, for no moment is longer than five minutes."""

_FIRST_CANDIDATES = 64
_WINDOWS_A_MOMENT = 16
"""Windows that are fetched for each moment that is wanted: fewer are often too few, and each time
that more are fetched an exact search looks at all rows again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSegment(SegmentRow):
    """A segment with its score, or the moment that grew from it."""

    video_number: int
    score: float


class Place(NamedTuple):
    """A moment as a walk knows it again: by its score, and its best window among equal ones."""

    score: float
    segment_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """What a walk goes through."""

    merge: bool
    """False for raw windows instead of moments."""

    kept: Kept | None = None
    """Rows of the videos to search; None for all. A moment is as wide as it would be without: the
    background stays that of the whole library."""

    per_video: int | None = None
    """A video has no more moments than so many."""

    background: float | None = None
    """Of the view where the walk began; None where that is this one."""

    last_segment_id: int | None = None
    """The newest segment there; None where that is this view's."""

    after: Place | None = None
    """The last moment that was told; None for none."""


class Walk:
    """The moments of a view for one query, best first; for one thread."""

    def __init__(self, view: View, query_D: Vectors, route: Route, *, num_before: int = 0) -> None:
        """Fetch nothing yet.

        Args:
            num_before: about so many windows score more than the moment that it begins behind.

        Raises:
            ValueError: the query is not D finite numbers, or all zero.
        """
        self.view = view
        self.query_D = unit_query(query_D, len(view.sum_D))
        self.background = (
            view.background(self.query_D) if route.background is None else route.background
        )
        self.num_candidates = 0
        """Windows that were fetched; moments that peak above all others are certain."""
        self.num_fetches = 0
        self.settled: list[ScoredSegment] = []
        """Best first."""
        self.route = route
        newest = route.last_segment_id
        self.stop_row = (
            view.num_in_parts + view.tail.num_rows if newest is None else view.num_up_to(newest)
        )
        """Rows from here on are newer than what is asked about."""
        self._after = _after(view, route.after)
        self._num_before = num_before
        self._wanted = 0
        self._rows_k: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._scores_k: Vectors = np.empty(0, dtype=np.float32)
        self._floor = np.inf
        self._merger = self._made_merger() if route.merge else None
        self._num_taken = 0
        self._passed: list[int] = []
        """Of each settled moment how many candidates score more."""

    def num_passed(self, num: int) -> int:
        """How many windows that were looked at score more than the last of `num` moments."""
        return self._passed[num - 1] if num else 0

    def reach(self, num: int, *, max_candidates: int | None = None) -> bool:
        """Go on until `num` moments are settled, or all there are.

        Args:
            max_candidates: look no further than at so many windows; None looks at all if need be.

        Returns:
            False where it was stopped: the last ones are the likeliest, and may not be the best.
        """
        complete = True
        while len(self.settled) < num:
            if not self.num_fetches:
                # Where it is known how far down it begins, all windows would be too many.
                first = self._num_before + self._allowed(self._first_candidates(num), None)
                self._fetch(first if max_candidates is None else min(first, max_candidates))
            missing = num - len(self.settled)
            num_certain = self._take(missing, self._floor)
            if num_certain < missing and self._floor > -np.inf:
                if max_candidates is None or self._wanted < max_candidates:
                    self._fetch(self._allowed(4 * self._wanted, max_candidates))
                    continue
                complete = False
                num_certain = self._take(missing, -np.inf)
            if not num_certain:
                break
            self._settle(missing)
        return complete

    def _first_candidates(self, num: int) -> int:
        """How many windows to fetch first.

        More than is needed cost an exact search nothing, as it looks at all rows anyhow, and a
        second look costs as much again. An approximate one looks further the more is asked for,
        and of the windows that it finds all but the last are as certain as they will ever be.
        """
        if self._merger is not None:
            each = _WINDOWS_A_MOMENT if self.view.is_exact else _WINDOWS_A_MOMENT // 2
            return max(_FIRST_CANDIDATES, each * num)
        return max(_FIRST_CANDIDATES, 2 * num) if self.view.is_exact else num + 1

    def _allowed(self, wanted: int, max_candidates: int | None) -> int:
        if max_candidates is not None:
            return min(wanted, max_candidates)
        return wanted if wanted <= MAX_CANDIDATES else max(wanted, self.view.num_live)

    def _fetch(self, num_wanted: int) -> None:
        self.num_fetches += 1
        self._wanted = num_wanted
        # To count hits of a video all of its windows are needed, from the best one on.
        counts = self._merger is None and self.route.per_video is not None
        ceiling = None if self._after is None or counts else self._after.score
        rows_k, scores_k, self._floor, self.num_candidates = self.view.candidates(
            self.query_D, num_wanted, kept=self.route.kept, ceiling=ceiling
        )
        if self.route.last_segment_id is not None:
            old_k = rows_k < self.stop_row
            rows_k, scores_k = rows_k[old_k], scores_k[old_k]
        if self._merger is None and self.route.per_video is not None:
            few_k = self._first_of_their_videos(rows_k, self.route.per_video)
            rows_k, scores_k = rows_k[few_k], scores_k[few_k]
        if self._after is not None:
            past_k = self._after.are_past(rows_k, scores_k)
            rows_k, scores_k = rows_k[past_k], scores_k[past_k]
        self._rows_k, self._scores_k = rows_k, scores_k

    def _first_of_their_videos(self, rows_k: NDArray[np.int64], num: int) -> NDArray[np.bool_]:
        """Which rows, of these from the best one on, are among the first `num` of their video."""
        numbers_k = self.view.columns(rows_k).video_numbers_N
        by_video = np.argsort(numbers_k, kind="stable")
        sorted_k = numbers_k[by_video]
        places_k = np.arange(len(rows_k)) - np.searchsorted(sorted_k, sorted_k, side="left")
        few_k = np.empty(len(rows_k), dtype=bool)
        few_k[by_video] = places_k < num
        return few_k

    def _take(self, missing: int, floor: float) -> int:
        """Find moments among the candidates above a floor; how many are found, yet unsettled."""
        # Not those at the floor: a row that was not fetched may score the same and come before.
        above = slice(0, int(np.searchsorted(-self._scores_k, -floor, side="left")))
        if self._merger is None:
            return len(self._scores_k[above])
        self._merger.take(self._rows_k[above], limit=self._num_taken + missing)
        return len(self._merger.found) - self._num_taken

    def _settle(self, missing: int) -> None:
        """Tell what was found, in its order.

        What an approximate search finds only when it looks further, and scores more than what was
        told before, comes too late and is lost, as what it never finds.
        """
        scores_before_k = self._scores_k
        if self._merger is None:
            told = _windows(self.view, self._rows_k[:missing], self._scores_k[:missing])
            self._rows_k, self._scores_k = self._rows_k[missing:], self._scores_k[missing:]
        else:
            told = self._merger_moments()
        if told:
            num_gone = self.num_candidates - len(scores_before_k)
            better_n = np.searchsorted(-scores_before_k, [-moment.score for moment in told])
            self._passed += (num_gone + better_n).tolist()
            last = told[-1]
            self._after = _after(self.view, Place(last.score, last.segment_id))
            # What scores more is of moments that are told: nobody has to pass over it again.
            left = slice(int(np.searchsorted(-self._scores_k, -np.float32(last.score))), None)
            self._rows_k, self._scores_k = self._rows_k[left], self._scores_k[left]
        self.settled += told

    def _merger_moments(self) -> list[ScoredSegment]:
        assert self._merger is not None
        found = sorted(
            self._merger.found[self._num_taken :], key=lambda moment: (-moment.score, moment.row)
        )
        self._num_taken = len(self._merger.found)
        rows = np.array([moment.row for moment in found], dtype=np.int64)
        if self._after is not None and found:
            scores = np.array([moment.score for moment in found], dtype=np.float32)
            past = self._after.are_past(rows, scores)
            found, rows = [m for m, is_past in zip(found, past, strict=True) if is_past], rows[past]
        times = [(moment.start_seconds, moment.stop_seconds) for moment in found]
        return _scored(self.view.columns(rows), times, [moment.score for moment in found])

    def _made_merger(self) -> Merger:
        return Merger(
            self.view,
            self.query_D,
            background=self.background,
            after=self._after,
            per_video=self.route.per_video,
        )


def _after(view: View, place: Place | None) -> After | None:
    return None if place is None else After(place.score, view.num_up_to(place.segment_id))


def _windows(view: View, rows_k: NDArray[np.int64], scores_k: Vectors) -> list[ScoredSegment]:
    windows = view.columns(rows_k)
    times = zip(windows.starts_N.tolist(), windows.stops_N.tolist(), strict=True)
    return _scored(windows, times, scores_k.tolist())


def _scored(
    peaks: SegmentColumns, times: Iterable[tuple[float, float]], scores: Iterable[float]
) -> list[ScoredSegment]:
    """What was columns becomes objects here, once it is known what is asked for."""
    names = zip(peaks.ids_N.tolist(), peaks.video_numbers_N.tolist(), strict=True)
    return [
        ScoredSegment(start, stop, segment_id=segment_id, video_number=number, score=score)
        for (segment_id, number), (start, stop), score in zip(names, times, scores, strict=True)
    ]


def unit_query(query_D: Vectors, embed_dim: int) -> Vectors:
    """A query at length 1, float32 (D,).

    Raises:
        ValueError: it is not D finite numbers, or all zero.
    """
    query_D = np.ascontiguousarray(query_D, dtype=np.float32)
    if query_D.shape != (embed_dim,):
        raise ValueError(f"query must be ({embed_dim},), got {query_D.shape}")
    norm = float(np.linalg.norm(query_D))
    if not np.isfinite(norm) or norm == 0:
        raise ValueError(f"query must be finite and not zero, got norm {norm}")
    return query_D / np.float32(norm)
