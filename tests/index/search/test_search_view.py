"""Searches of a view against brute force.

Axes: N rows, D dimensions, k hits.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError
from index.catalog.connection import Stand
from index.search.moments import search_view
from tests.index.libraries import unit_rows
from tests.index.search.brute_force import scored_segment
from tests.index.search.views import (
    Truth,
    a_video,
    a_video_of,
    all_moments,
    make_view,
    scored,
    view_of,
    views,
)

FAR_APART = 1e-5
"""Scores of FAISS and NumPy differ by less."""


def turning_view() -> Truth:
    """400 windows that turn slowly away from window 200: far more than 64 are above half-way."""
    angles_N = np.abs(np.arange(400) - 200) * 0.004 + np.arange(400) * 1e-6
    rows_ND = np.zeros((400, 4), dtype=np.float32)
    rows_ND[:, 0], rows_ND[:, 1] = np.cos(angles_N), np.sin(angles_N)
    video = a_video(1, 1, rows_ND.astype(np.float16))
    windows = [scored_segment(1, 1 + i, 2.0 * i, 2.0 * i + 4, 0.0) for i in range(400)]
    return Truth(view_of([video]), windows, video.vectors_ND.astype(np.float32))


class TestSearching:
    @given(views, st.integers(1, 300), st.integers(0, 100))
    def test_raw_windows_are_those_of_brute_force(
        self, truth: Truth, limit: int, seed: int
    ) -> None:
        query_D = unit_rows(1, seed=seed)[0]
        everything = sorted(scored(truth, query_D), key=lambda w: -w.score)

        found = search_view(truth.view, query_D, limit=limit, merge=False).moments

        expected = [window.score for window in everything[:limit]]
        assert [window.score for window in found] == pytest.approx(expected, abs=FAR_APART)
        assert set(found) <= set(everything)
        assert len(set(found)) == len(found)

    @given(views, st.integers(1, 30), st.integers(0, 100))
    def test_moments_are_those_of_brute_force(self, truth: Truth, limit: int, seed: int) -> None:
        query_D = unit_rows(1, seed=seed)[0]
        everything = all_moments(truth, query_D)

        found = search_view(truth.view, query_D, limit=limit, merge=True).moments

        expected = [moment.score for moment in everything[:limit]]
        assert [moment.score for moment in found] == pytest.approx(expected, abs=FAR_APART)
        assert set(found) <= set(everything)
        assert len(set(found)) == len(found)

    @given(views, st.sets(st.integers(0, 8)), st.integers(1, 30), st.integers(0, 100))
    def test_a_search_in_some_videos_finds_their_moments_and_no_others(
        self, truth: Truth, numbers: set[int], limit: int, seed: int
    ) -> None:
        query_D = unit_rows(1, seed=seed)[0]
        theirs = [m for m in all_moments(truth, query_D) if m.video_number in numbers]

        found = search_view(
            truth.view, query_D, limit=limit, merge=True, videos=np.array(sorted(numbers), int)
        ).moments

        expected = [moment.score for moment in theirs[:limit]]
        assert [moment.score for moment in found] == pytest.approx(expected, abs=FAR_APART)
        assert {moment.video_number for moment in found} <= numbers

    def test_removed_rows_that_score_best_are_replaced_by_the_next(self) -> None:
        sizes = [200, 5]
        truth = make_view(sizes, num_in_main=2, removed={0}, seed=1, num_distinct=10_000)

        found = search_view(truth.view, truth.vectors_ND[0], limit=5, merge=False).moments

        assert {window.video_number for window in found} == {1}
        assert len(found) == 5

    def test_a_moment_is_wider_than_the_candidates_that_found_it(self) -> None:
        truth = turning_view()
        query_D = truth.vectors_ND[200]

        found = search_view(truth.view, query_D, limit=1, merge=True)

        assert found.moments == all_moments(truth, query_D)[:1]
        assert found.num_candidates == 64
        assert found.moments[0].stop_seconds - found.moments[0].start_seconds > 2 * 64 + 4

    def test_a_search_that_stops_before_enough_moments_are_certain_says_so(self) -> None:
        """The best 153 windows are one moment, or touch it."""
        truth = turning_view()
        query_D = truth.vectors_ND[200]

        stopped = search_view(truth.view, query_D, limit=3, merge=True, max_candidates=128)
        went_on = search_view(truth.view, query_D, limit=3, merge=True)

        everything = all_moments(truth, query_D)
        assert stopped == (everything[:1], False, 128)
        assert went_on == (everything[:3], True, 256)

    def test_fewer_moments_than_asked_for_are_complete_where_there_are_no_more(self) -> None:
        truth = make_view([3, 5], num_in_main=1, removed=set(), seed=1, num_distinct=10_000)

        found = search_view(truth.view, truth.vectors_ND[0], limit=50, merge=True)

        assert found.complete
        assert found.num_candidates == 8

    def test_removed_rows_do_not_count_as_candidates(self) -> None:
        truth = make_view([200, 5], num_in_main=2, removed={0}, seed=1, num_distinct=10_000)

        found = search_view(truth.view, truth.vectors_ND[0], limit=5, merge=False, max_candidates=5)

        assert found.complete
        assert len(found.moments) == 5

    def test_windows_that_all_score_the_same_are_cut_as_the_rule_says(self) -> None:
        """Any 64 of them may be the candidates; the first of the video is the first peak."""
        truth = make_view([400], num_in_main=1, removed=set(), seed=1, num_distinct=1)
        query_D = truth.vectors_ND[0]

        found = search_view(truth.view, query_D, limit=4, merge=True)

        assert found == (all_moments(truth, query_D)[:4], True, 400)

    def test_a_search_that_stops_fills_up_with_what_is_not_certain(self) -> None:
        truth = make_view([400, 400], num_in_main=2, removed=set(), seed=1, num_distinct=1)

        found = search_view(
            truth.view, truth.vectors_ND[0], limit=2, merge=True, max_candidates=400
        )

        assert not found.complete
        assert len(found.moments) == 2

    def test_the_length_of_a_query_does_not_change_the_scores(self) -> None:
        truth = make_view([5], num_in_main=1, removed=set(), seed=1, num_distinct=10)
        query_D = truth.vectors_ND[2] * 7

        best = search_view(truth.view, query_D, limit=1, merge=False).moments[0]

        assert best.score == pytest.approx(1)

    @pytest.mark.parametrize("merge", [True, False])
    def test_an_empty_library_has_no_hits(self, merge: bool) -> None:
        truth = make_view([], num_in_main=0, removed=set(), seed=1, num_distinct=1)

        found = search_view(truth.view, unit_rows(1, seed=1)[0], limit=3, merge=merge)

        assert found == ([], True, 0)

    @pytest.mark.parametrize("limit", [0, -1, 10_001])
    def test_a_limit_out_of_range_is_the_senders_fault(self, limit: int) -> None:
        truth = make_view([3], num_in_main=1, removed=set(), seed=1, num_distinct=9)

        with pytest.raises(InputError, match="between 1 and 10000"):
            search_view(truth.view, unit_rows(1, seed=1)[0], limit=limit, merge=True)

    @pytest.mark.parametrize(
        "query_D",
        [np.zeros(4), np.full(4, np.nan), np.full(4, np.inf), np.ones(3), np.ones((1, 4))],
    )
    def test_a_query_without_direction_is_refused(self, query_D: Vectors) -> None:
        truth = make_view([3], num_in_main=1, removed=set(), seed=1, num_distinct=9)

        with pytest.raises(ValueError, match="query must be"):
            search_view(truth.view, query_D, limit=1, merge=True)


class TestViews:
    @given(views)
    def test_an_advanced_view_equals_one_loaded_afresh(self, truth: Truth) -> None:
        live = [
            a_video_of(truth, number) for number in sorted({w.video_number for w in truth.windows})
        ]

        fresh = view_of(live)

        query_D = unit_rows(1, seed=3)[0]
        assert fresh.num_live == truth.view.num_live == len(truth.windows)
        assert fresh.sum_D == pytest.approx(truth.view.sum_D, abs=1e-4)
        found = search_view(truth.view, query_D, limit=500, merge=False).moments
        expected = search_view(fresh, query_D, limit=500, merge=False).moments
        assert [w.score for w in found] == pytest.approx([w.score for w in expected], abs=FAR_APART)

    def test_an_older_view_does_not_notice_the_newer_one(self) -> None:
        old = make_view([3, 2], num_in_main=1, removed=set(), seed=1, num_distinct=99)

        new = old.view.advanced(
            stand=Stand("library", 3, "third"),
            added=[a_video(7, 100, unit_rows(2, seed=9).astype(np.float16))],
            removed_ids=np.array([1]),
        )

        query_D = unit_rows(1, seed=3)[0]
        found_old = search_view(old.view, query_D, limit=99, merge=False).moments
        assert {window.video_number for window in found_old} == {0, 1}
        assert len(found_old) == 5
        found_new = search_view(new, query_D, limit=99, merge=False).moments
        assert {window.video_number for window in found_new} == {0, 1, 7}
        assert len(found_new) == 6

    @given(views, st.sets(st.integers(0, 8)), st.integers(1, 40), st.integers(0, 100))
    def test_what_is_kept_to_some_videos_is_theirs_and_all_of_it(
        self, truth: Truth, numbers: set[int], k: int, seed: int
    ) -> None:
        query_D = unit_rows(1, seed=seed)[0]
        theirs = [w for w in scored(truth, query_D) if w.video_number in numbers]
        kept = truth.view.rows_of_videos(np.array(sorted(numbers), dtype=np.int64))

        found = truth.view.candidates(query_D, k, kept=kept)

        columns = truth.view.columns(found.rows_k)
        assert set(columns.video_numbers_N.tolist()) <= numbers
        assert len(found.rows_k) >= min(k, len(theirs))
        best = sorted((w.score for w in theirs), reverse=True)
        certain = [score for score in found.scores_k.tolist() if score >= found.floor]
        assert certain == pytest.approx(best[: len(certain)], abs=FAR_APART)

    @given(views, st.integers(1, 40), st.integers(0, 100), st.floats(-1, 1, width=32))
    def test_what_scores_more_than_is_asked_for_is_looked_at_and_left_out(
        self, truth: Truth, k: int, seed: int, ceiling: float
    ) -> None:
        query_D = unit_rows(1, seed=seed)[0]
        all_of_it = truth.view.candidates(query_D, k)

        found = truth.view.candidates(query_D, k, ceiling=ceiling)

        wanted = all_of_it.scores_k <= np.float32(ceiling)
        low = found.scores_k <= np.float32(ceiling)
        assert found.rows_k[low].tolist() == all_of_it.rows_k[wanted].tolist()
        assert found.scores_k[low].tolist() == all_of_it.scores_k[wanted].tolist()
        assert found.num_looked_at == all_of_it.num_looked_at == len(all_of_it.rows_k)
        missing = [w.score for w in scored(truth, query_D) if w.score <= ceiling - FAR_APART]
        certain = [score for score in missing if score > found.floor + FAR_APART]
        assert len(certain) <= np.count_nonzero(low)

    def test_scores_and_columns_of_rows_from_everywhere(self) -> None:
        truth = make_view([3, 2, 4], num_in_main=1, removed={1}, seed=1, num_distinct=99)
        query_D = unit_rows(1, seed=3)[0]
        rows = np.array([8, 0, 5, 2])

        together = truth.view.scores(rows, query_D)

        alone = [truth.view.scores(np.array([row]), query_D)[0] for row in rows]
        assert together.tolist() == alone
        assert truth.view.columns(rows).ids_N.tolist() == [11, 1, 8, 3]
