"""From scored windows to moments, the best moments first and no more of them than asked for.

The rule: the best window of a video that no moment has taken starts a moment. Windows that touch
the moment belong to it while they score at least half-way between the background (the query's mean
score over the whole library) and the moment's best window: a moment is as wide as its peak at half
maximum. Then every window that touches the moment is taken, and the next one starts.

      score      peak ----- ##
                          ######
      half-way - - - - - ######## - - - - -       <- the moment
                       ############
      background ----#################------

A moment ends at the latest MAX_MOMENT_SECONDS / 2 from the middle of its best window, on either
side: where a fixed camera sees one thing for hours, each hit shows a stretch that can be looked at.
A single longer window stays whole.

So no two moments of one video overlap or touch, and each scores what its best window scores. What
scores less than half-way never changes a moment, so windows can be given in parts, best first.

The work is done in NumPy over the windows near a peak: only those are scored, each one once.

Axes: N rows of a view, S windows of one video, K windows near a peak, k rows that were asked about.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns

MAX_MOMENT_SECONDS = 300.0
"""No moment is longer, unless one window is."""

EQUAL = 1e-6
"""Scores closer than this are equal: float32 knows no better."""

_ROWS_AT_ONCE = 64


class Windows(Protocol):
    """Rows that can be scored, as a view has them; the windows of one video stand together."""

    @property
    def num_live(self) -> int:
        """Rows that may be found."""
        ...

    @property
    def num_removed(self) -> int:
        """Rows that may not."""
        ...

    def columns(self, rows: slice, /) -> SegmentColumns:
        """Ids, videos and times of some rows of one video."""
        ...

    def rows_of_video_at(self, row: int) -> slice:
        """All rows of the video that this row belongs to."""
        ...

    def scores(self, rows: slice, query_D: Vectors, /) -> Vectors:
        """Cosine of the query with some rows of one video."""
        ...


class Moment(NamedTuple):
    """A stretch of one video."""

    row: int
    """Of its best window."""

    score: float
    start_seconds: float
    stop_seconds: float


def half_way(peak: float, background: float) -> float:
    """The least score that a window needs to join a moment with this peak."""
    return min(peak, (peak + background) / 2) - EQUAL


class After(NamedTuple):
    """Where a walk goes on: behind this score, and where scores are equal from this row on."""

    score: float
    first_row: int

    def are_past(self, rows_k: NDArray[np.int64], scores_k: Vectors) -> NDArray[np.bool_]:
        """Which rows come behind it, where the best come first (k,)."""
        score = np.float32(self.score)
        past_k: NDArray[np.bool_] = scores_k < score
        past_k |= (scores_k == score) & (rows_k >= self.first_row)
        return past_k


class Merger:
    """The moments of one query, as far as rows were given; for one thread.

    Args:
        background: the query's mean score over the whole library.
        after: the moments that peak before it were found elsewhere: they take their windows, and
            count for `per_video`, and are not in `found`.
        per_video: a video has no more moments than so many.
    """

    def __init__(
        self,
        windows: Windows,
        query_D: Vectors,
        *,
        background: float,
        max_seconds: float = MAX_MOMENT_SECONDS,
        after: After | None = None,
        per_video: int | None = None,
    ) -> None:
        self.found: list[Moment] = []
        self._windows = windows
        self._query_D = query_D
        self._background = background
        self._reach_seconds = max_seconds / 2
        self._after = after
        self._per_video = per_video
        num_rows = windows.num_live + windows.num_removed
        # Zeros cost nothing until they are touched, and few are.
        self._scores_N = np.zeros(num_rows, dtype=np.float32)
        self._scored_N = np.zeros(num_rows, dtype=np.bool_)
        self._taken_N = np.zeros(num_rows, dtype=np.bool_)
        self._videos: dict[int, _Video] = {}

    def take(self, rows_k: NDArray[np.int64], *, limit: int) -> None:
        """Find the moments that start at these rows, until `limit` are found in all.

        Args:
            rows_k: best first. Every row of their videos that scores better than the last of them
                is among them, or was given before.
        """
        for row in self._untaken(rows_k):
            if len(self.found) >= limit:
                return
            video = self._video_at(row)
            self._catch_up(video, row)
            if self._taken_N[row] or video.num_moments == self._per_video:
                continue  # by one that was found elsewhere, as it turns out only now
            self.found.append(self._grow(row, video))

    def scores(self, rows: slice) -> Vectors:
        """Scores of neighbouring rows of one video; nothing is computed twice."""
        scored = self._scored_N[rows]
        first, last_but = int(scored.argmin()), int(scored[::-1].argmin())
        if not scored[first]:
            new = slice(rows.start + first, rows.stop - last_but)
            self._scores_N[new] = self._windows.scores(new, self._query_D)
            self._scored_N[new] = True
        return self._scores_N[rows]

    def _untaken(self, rows_k: NDArray[np.int64]) -> Iterator[int]:
        """Rows that no moment has taken by the time they are asked for."""
        at = 0
        while at < len(rows_k):
            ahead = rows_k[at : at + _ROWS_AT_ONCE]
            taken = self._taken_N[ahead]
            first = int(taken.argmin())
            if not taken[first]:
                yield int(ahead[first])
            at += first + 1 if not taken[first] else len(ahead)

    def _grow(self, row: int, video: "_Video") -> Moment:
        """The moment that peaks at this row; what touches it is taken."""
        video.num_moments += 1
        peak = row - video.first_row
        start, stop = float(video.starts_S[peak]), float(video.stops_S[peak])
        middle = (start + stop) / 2
        earliest = min(start, middle - self._reach_seconds)
        latest = max(stop, middle + self._reach_seconds)
        near = video.near(earliest, latest)
        starts_K, stops_K = video.starts_S[near], video.stops_S[near]
        rows = slice(video.first_row + near.start, video.first_row + near.stop)
        scores_K, taken_K = self.scores(rows), self._taken_N[rows]
        score = float(scores_K[peak - near.start])
        high_K = scores_K >= np.float64(half_way(score, self._background))
        high_K &= (starts_K >= earliest) & (stops_K <= latest) & ~taken_K
        if np.count_nonzero(high_K) > 1:
            start, stop = _stretch_around(start, starts_K[high_K], stops_K[high_K])
        taken_K |= (starts_K <= stop) & (stops_K >= start)  # a view: of the rows themselves
        return Moment(row, score, start, stop)

    def _video_at(self, row: int) -> "_Video":
        run = self._windows.rows_of_video_at(row)
        video = self._videos.get(run.start)
        if video is None:
            video = self._videos[run.start] = _Video(self._windows.columns(run), run.start)
            if self._after is not None:
                video.elsewhere = self._untaken(self._rows_before(run, self._after))
        return video

    def _rows_before(self, run: slice, after: After) -> NDArray[np.int64]:
        """The rows of a video where moments that were found elsewhere may peak, best first."""
        scores_S = self.scores(run)
        rows = np.arange(run.start, run.stop)
        before_S = ~after.are_past(rows, scores_S)
        return rows[before_S][np.argsort(-scores_S[before_S], kind="stable")]

    def _catch_up(self, video: "_Video", row: int) -> None:
        """Let moments of a video that were found elsewhere take their windows, until this row is
        taken; all of them where it is not."""
        for before in video.elsewhere:
            if video.num_moments == self._per_video:
                return
            self._grow(before, video)
            if self._taken_N[row]:
                return


class _Video:
    """When the windows of one video are."""

    def __init__(self, windows: SegmentColumns, first_row: int) -> None:
        self.first_row = first_row
        self.num_moments = 0
        self.elsewhere: Iterator[int] = iter(())
        """Rows where moments begin that were found elsewhere and have yet to take their windows."""
        self.starts_S = windows.starts_N
        self.stops_S = windows.stops_N
        self._latest_stop_S = np.maximum.accumulate(self.stops_S)
        self._ascends = bool((self.starts_S[1:] >= self.starts_S[:-1]).all())

    def near(self, earliest: float, latest: float) -> slice:
        """All windows that overlap or touch that time, and few others."""
        if not self._ascends:  # as a caller of put_video may have them
            return slice(0, len(self.starts_S))
        first = int(self._latest_stop_S.searchsorted(earliest, side="left"))
        return slice(first, int(self.starts_S.searchsorted(latest, side="right")))


def _stretch_around(
    start: float, starts_K: NDArray[np.float64], stops_K: NDArray[np.float64]
) -> tuple[float, float]:
    """From where to where windows touch each other, around the one that begins at `start`."""
    by_start = starts_K.argsort(kind="stable")
    starts_K = starts_K[by_start]
    latest_stop_K = np.maximum.accumulate(stops_K[by_start])
    gaps = (starts_K[1:] > latest_stop_K[:-1]).nonzero()[0]
    num_before = int(starts_K[gaps + 1].searchsorted(start, side="right"))
    first = gaps[num_before - 1] + 1 if num_before else 0
    last = gaps[num_before] if num_before < len(gaps) else -1
    return float(starts_K[first]), float(latest_stop_K[last])
