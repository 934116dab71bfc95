"""Windows into moments, against the rule word by word."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index.search.moments import ScoredSegment, half_way, merge_windows
from tests.index.search.brute_force import scored_segment, slow_merge, touch


def row_of_windows(scores: Sequence[float], *, hop_seconds: float = 2.0) -> list[ScoredSegment]:
    """Windows of 4 s of one video, the i-th from i * hop on, with id i."""
    return [
        scored_segment(1, i, i * hop_seconds, i * hop_seconds + 4, s) for i, s in enumerate(scores)
    ]


def extents(moments: Sequence[ScoredSegment]) -> list[tuple[float, float]]:
    return [(moment.start_seconds, moment.stop_seconds) for moment in moments]


scored_windows = st.lists(
    st.builds(
        lambda video, index, length, score: (video, 0.5 * index, 0.5 * (index + length), score),
        st.integers(0, 2),
        st.integers(0, 60),
        st.integers(1, 8),
        st.sampled_from([i / 16 for i in range(-8, 17)]),
    ),
    max_size=60,
).map(lambda rows: [scored_segment(row[0], i, *row[1:]) for i, row in enumerate(rows)])


class TestMerging:
    def test_neighbours_above_half_way_are_one_moment(self) -> None:
        windows = row_of_windows([0.1, 0.6, 0.9, 0.6, 0.1])

        moments = merge_windows(windows, background=0.1)

        # half-way is 0.5: windows 1, 2 and 3 cover [2, 10); 0 and 4 touch it and are left out
        assert moments == [scored_segment(1, 2, 2.0, 10.0, 0.9)]

    def test_neighbours_below_half_way_are_left_out(self) -> None:
        moments = merge_windows(row_of_windows([0.4, 0.9, 0.4]), background=0.1)

        assert extents(moments) == [(2.0, 6.0)]

    def test_two_peaks_with_a_low_valley_stay_two_moments(self) -> None:
        scores = [0.8, 0.2, 0.2, 0.2, 0.9]

        moments = merge_windows(row_of_windows(scores), background=0.1)

        assert extents(moments) == [(8.0, 12.0), (0.0, 4.0)]

    def test_a_high_window_between_two_moments_makes_them_one(self) -> None:
        moments = merge_windows(row_of_windows([0.8, 0.7, 0.9]), background=0.0)

        assert moments == [scored_segment(1, 2, 0.0, 8.0, 0.9)]

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

    @given(scored_windows, st.sampled_from([-0.25, 0.0, 0.25, 0.5, 1.0]))
    def test_it_is_the_rule_word_by_word(
        self, windows: list[ScoredSegment], background: float
    ) -> None:
        moments = merge_windows(windows, background=background)

        assert moments == slow_merge(windows, background=background)

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
        best_first = sorted(windows, key=lambda w: (-w.score, w.segment_id))
        taken, lower = best_first[:num_taken], best_first[num_taken:]
        highest_left = max((window.score for window in lower), default=-np.inf)

        before = merge_windows(taken, background=background)
        after = merge_windows(windows, background=background)

        settled = [m for m in before if half_way(m.score, background) > highest_left]
        assert [moment for moment in settled if moment not in after] == []
