"""Windows into moments, against the rule word by word.

Axes: N rows, D dimensions.
"""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns
from index.search.merging import MAX_MOMENT_SECONDS, Merger, half_way
from index.search.walk import ScoredSegment
from tests.index.search.brute_force import (
    best_first,
    scored_segment,
    slow_merge,
    touch,
    walk_down,
)


class GivenScores:
    """Windows that know their scores, and count how often each is asked for it."""

    def __init__(self, windows: Sequence[ScoredSegment]) -> None:
        table = [(w.segment_id, w.video_number, w.start_seconds, w.stop_seconds) for w in windows]
        ids, numbers, starts, stops = np.array(table, dtype=float).reshape(-1, 4).T.copy()
        self.every = SegmentColumns(ids.astype(np.int64), numbers.astype(np.int64), starts, stops)
        self.num_live, self.num_removed = len(windows), 0
        self.scores_N = np.array([w.score for w in windows], dtype=np.float32)
        self.times_scored_N = np.zeros(len(windows), dtype=int)

    def columns(self, rows: slice) -> SegmentColumns:
        return self.every.take(rows)

    def rows_of_video_at(self, row: int) -> slice:
        numbers = self.every.video_numbers_N.tolist()
        first = numbers.index(numbers[row])
        return slice(first, first + numbers.count(numbers[row]))

    def scores(self, rows: slice, query_D: Vectors) -> Vectors:
        self.times_scored_N[rows] += 1
        return self.scores_N[rows]

    def best_first(self) -> np.ndarray:
        return np.lexsort((np.arange(len(self.scores_N)), -self.scores_N))


def merge_windows(
    windows: Sequence[ScoredSegment],
    *,
    background: float,
    max_seconds: float = MAX_MOMENT_SECONDS,
) -> list[ScoredSegment]:
    """All moments of these windows, best first."""
    windows = sorted(windows, key=lambda w: (w.video_number, w.segment_id))
    rows = GivenScores(windows)
    merger = Merger(rows, np.ones(1), background=background, max_seconds=max_seconds)
    merger.take(rows.best_first(), limit=len(windows))
    return sorted(
        (
            scored_segment(
                windows[m.row].video_number,
                windows[m.row].segment_id,
                m.start_seconds,
                m.stop_seconds,
                m.score,
            )
            for m in merger.found
        ),
        key=best_first,
    )


def row_of_windows(scores: Sequence[float], *, hop_seconds: float = 2.0) -> list[ScoredSegment]:
    """Windows of 4 s of one video, the i-th from i * hop on, with id i."""
    return [
        scored_segment(1, i, i * hop_seconds, i * hop_seconds + 4, s) for i, s in enumerate(scores)
    ]


def extents(moments: Sequence[ScoredSegment]) -> list[tuple[float, float]]:
    return [(moment.start_seconds, moment.stop_seconds) for moment in moments]


def with_ids(
    rows: Sequence[tuple[int, float, float, float]], in_order: bool
) -> list[ScoredSegment]:
    """Windows of video, start, stop and score; those of one video are in the order of time or not.

    Their ids ascend as they stand, video by video.
    """
    rows = sorted(rows) if in_order else sorted(rows, key=lambda row: row[0])
    return [scored_segment(row[0], i, *row[1:]) for i, row in enumerate(rows)]


scored_windows = st.builds(
    with_ids,
    st.lists(
        st.builds(
            lambda video, index, length, score: (video, index / 2, (index + length) / 2, score),
            st.integers(0, 2),
            st.integers(0, 60),
            st.integers(1, 8) | st.just(40),
            st.sampled_from([i / 16 for i in range(-8, 17)]),
        ),
        max_size=60,
    ),
    st.booleans(),
)

backgrounds = st.sampled_from([-0.25, 0.0, 0.25, 0.5, 1.0])


class TestMerging:
    def test_neighbours_above_half_way_are_one_moment(self) -> None:
        windows = row_of_windows([0.125, 0.625, 0.875, 0.625, 0.125])

        moments = merge_windows(windows, background=0.125)

        # half-way is 0.5: windows 1, 2 and 3 cover [2, 10); 0 and 4 touch it and are left out
        assert moments == [scored_segment(1, 2, 2.0, 10.0, 0.875)]

    def test_neighbours_below_half_way_are_left_out(self) -> None:
        moments = merge_windows(row_of_windows([0.4, 0.9, 0.4]), background=0.1)

        assert extents(moments) == [(2.0, 6.0)]

    def test_two_peaks_with_a_low_valley_stay_two_moments(self) -> None:
        scores = [0.8, 0.2, 0.2, 0.2, 0.9]

        moments = merge_windows(row_of_windows(scores), background=0.1)

        assert extents(moments) == [(8.0, 12.0), (0.0, 4.0)]

    def test_a_high_window_between_two_moments_makes_them_one(self) -> None:
        moments = merge_windows(row_of_windows([0.75, 0.625, 0.875]), background=0.0)

        assert moments == [scored_segment(1, 2, 0.0, 8.0, 0.875)]

    def test_windows_that_only_touch_are_one_moment(self) -> None:
        moments = merge_windows(row_of_windows([0.8, 0.9], hop_seconds=4.0), background=0.0)

        assert extents(moments) == [(0.0, 8.0)]

    def test_windows_with_a_gap_between_them_are_two(self) -> None:
        moments = merge_windows(row_of_windows([0.8, 0.9], hop_seconds=4.5), background=0.0)

        assert extents(moments) == [(4.5, 8.5), (0.0, 4.0)]

    def test_equal_scores_throughout_are_one_moment(self) -> None:
        moments = merge_windows(row_of_windows([0.5] * 9), background=0.5)

        assert extents(moments) == [(0.0, 20.0)]

    def test_a_long_video_is_not_one_hit_because_it_is_uniform(self) -> None:
        scores = 0.3 + 0.02 * np.random.default_rng(0).standard_normal(500)

        moments = merge_windows(row_of_windows(scores.tolist()), background=0.3)

        best = moments[0]
        assert best.stop_seconds - best.start_seconds < 20

    def test_a_scene_without_end_is_cut_around_its_peak(self) -> None:
        """A moment of four hours is no moment."""
        scores = [0.8] * 7200
        scores[3000] = 0.9

        best, *others = merge_windows(row_of_windows(scores), background=0.1)

        assert extents([best]) == [(6002 - 150, 6002 + 150)]
        assert all(stop - start <= MAX_MOMENT_SECONDS for start, stop in extents(others))
        assert len(others) > 14_400 / MAX_MOMENT_SECONDS

    def test_a_window_that_is_longer_than_a_moment_stays_whole(self) -> None:
        windows = [scored_segment(1, i, 500.0 * i, 500.0 * i + 1000, 0.9) for i in range(3)]

        assert extents(merge_windows(windows, background=0.0)) == [(0.0, 1000.0)]

    @given(scored_windows, backgrounds, st.sampled_from([1.0, 4.0, 10.0, MAX_MOMENT_SECONDS]))
    def test_it_is_the_rule_word_by_word(
        self, windows: list[ScoredSegment], background: float, max_seconds: float
    ) -> None:
        moments = merge_windows(windows, background=background, max_seconds=max_seconds)

        assert moments == slow_merge(windows, background=background, max_seconds=max_seconds)

    @given(scored_windows, backgrounds)
    def test_where_no_moment_is_cut_a_walk_down_the_scores_finds_the_same(
        self, windows: list[ScoredSegment], background: float
    ) -> None:
        moments = merge_windows(windows, background=background, max_seconds=np.inf)

        assert moments == walk_down(windows, background=background)

    @given(scored_windows, backgrounds, st.sampled_from([1.0, 4.0, 10.0]))
    def test_no_moment_is_longer_than_the_bound_unless_a_window_is(
        self, windows: list[ScoredSegment], background: float, max_seconds: float
    ) -> None:
        moments = merge_windows(windows, background=background, max_seconds=max_seconds)

        lengths = {w.segment_id: w.stop_seconds - w.start_seconds for w in windows}
        assert all(
            m.stop_seconds - m.start_seconds <= max(max_seconds, lengths[m.segment_id])
            for m in moments
        )

    @given(scored_windows)
    def test_no_two_moments_of_a_video_overlap_or_touch(self, windows: list[ScoredSegment]) -> None:
        moments = merge_windows(windows, background=0.0)

        pairs = [(a, b) for a in moments for b in moments if a is not b]
        assert not any(touch(a, b) for a, b in pairs)

    @given(scored_windows)
    def test_moments_come_best_first_and_score_what_their_best_window_scores(
        self, windows: list[ScoredSegment]
    ) -> None:
        moments = merge_windows(windows, background=0.0)

        by_id = {window.segment_id: window for window in windows}
        assert [m.score for m in moments] == sorted((m.score for m in moments), reverse=True)
        assert [m.score for m in moments] == [by_id[m.segment_id].score for m in moments]

    @given(scored_windows)
    def test_every_window_touches_a_moment(self, windows: list[ScoredSegment]) -> None:
        moments = merge_windows(windows, background=0.0)

        assert all(any(touch(window, moment) for moment in moments) for window in windows)

    @given(scored_windows, st.integers(0, 60), st.sampled_from([-0.25, 0.0, 0.5]))
    def test_lower_windows_do_not_change_a_moment_that_ends_above_them(
        self, windows: list[ScoredSegment], num_taken: int, background: float
    ) -> None:
        ranked = sorted(windows, key=best_first)
        taken, lower = ranked[:num_taken], ranked[num_taken:]
        highest_left = max((window.score for window in lower), default=-np.inf)

        before = merge_windows(taken, background=background)
        after = merge_windows(windows, background=background)

        settled = [m for m in before if half_way(m.score, background) > highest_left]
        assert [moment for moment in settled if moment not in after] == []

    @given(scored_windows, backgrounds, st.integers(0, 60), st.integers(1, 9))
    def test_rows_may_come_in_parts_and_moments_are_found_up_to_a_limit(
        self, windows: list[ScoredSegment], background: float, num_first: int, limit: int
    ) -> None:
        windows = sorted(windows, key=lambda w: (w.video_number, w.segment_id))
        rows = GivenScores(windows)
        merger = Merger(rows, np.ones(1), background=background)

        merger.take(rows.best_first()[:num_first], limit=limit)
        merger.take(rows.best_first(), limit=limit)

        expected = slow_merge(windows, background=background)[:limit]
        assert [windows[m.row].segment_id for m in merger.found] == [m.segment_id for m in expected]
        found = [(m.start_seconds, m.stop_seconds) for m in merger.found]
        assert found == extents(expected)

    def test_only_windows_near_a_peak_are_scored_and_each_once(self) -> None:
        scores = np.full(20_000, 0.5)
        scores[10_000:10_100] = np.linspace(0.8, 0.9, 100)
        rows = GivenScores(row_of_windows(scores.tolist()))
        merger = Merger(rows, np.ones(1), background=0.1)

        merger.take(rows.best_first()[:100], limit=10)

        assert len(merger.found) == 2
        assert rows.times_scored_N.max() == 1
        assert rows.times_scored_N.sum() < 400
