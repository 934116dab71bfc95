"""Searches of a view against brute force.

Axes: N rows, D dimensions, k hits.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError
from index.catalog.columns import SegmentColumns
from index.catalog.reads import StoredVectors
from index.search.moments import ScoredSegment, search_view
from index.vectors.faiss_device import CpuSearcher
from index.vectors.snapshot import build_vectors
from index.vectors.view import MainIndex, View, first_view
from tests.index.libraries import unit_rows
from tests.index.search.brute_force import scored_segment, slow_merge

FAR_APART = 1e-5
"""Scores of FAISS and NumPy differ by less."""


class Truth(NamedTuple):
    """A view, and its live windows with their vectors."""

    view: View
    windows: list[ScoredSegment]
    vectors_ND: Vectors

    def __repr__(self) -> str:
        return f"{len(self.windows)} live windows, {self.view.num_removed} removed rows"


def make_view(
    sizes: Sequence[int], *, num_in_main: int, removed: set[int], seed: int, num_distinct: int
) -> Truth:
    """Videos of these sizes: `num_in_main` in FAISS, the others newer, some removed later.

    Args:
        num_distinct: vectors are drawn from so many, so that scores are often equal.
    """
    rng = np.random.default_rng(seed)
    palette = unit_rows(num_distinct, seed=seed).astype(np.float16)
    stored, columns, first_id = [], [], 1
    for number, size in enumerate(sizes):
        vectors_SD = palette[rng.integers(0, num_distinct, size)]
        stored.append(StoredVectors(number, first_id, vectors_SD))
        columns += [(first_id + i, number, 2.0 * i, 2.0 * i + 4) for i in range(size)]
        first_id += size + 1
    table = np.array(columns, dtype=float).reshape(-1, 4)
    every = as_columns(table)
    in_main = every.video_numbers_N < num_in_main
    all_vectors = build_vectors(stored, embed_dim=4).vectors_ND
    main_vectors = build_vectors(stored[:num_in_main], embed_dim=4)
    main = MainIndex(main_vectors, CpuSearcher(main_vectors.flat), 1, from_snapshot=True)
    view = first_view(
        main, as_columns(table[in_main]), generation=1, tail_MD=np.empty((0, 4), np.float32)
    )
    gone = np.isin(every.video_numbers_N, list(removed))
    view = view.advanced(
        generation=2,
        added=as_columns(table[~in_main]),
        added_MD=all_vectors[~in_main],
        removed_ids=every.ids_N[gone],
    )
    windows = [scored_segment(int(v), int(i), a, b, 0.0) for i, v, a, b in table[~gone].tolist()]
    return Truth(view, windows, all_vectors[~gone])


def as_columns(table: np.ndarray) -> SegmentColumns:
    ids, videos = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    return SegmentColumns(ids, videos, table[:, 2].copy(), table[:, 3].copy())


def scored(truth: Truth, query_D: Vectors) -> list[ScoredSegment]:
    scores_N = np.vecdot(truth.vectors_ND, query_D / np.linalg.norm(query_D)).clip(-1, 1)
    pairs = zip(truth.windows, scores_N.tolist(), strict=True)
    return [replace(window, score=score) for window, score in pairs]


views = st.builds(
    make_view,
    st.lists(st.integers(1, 120), max_size=8),
    num_in_main=st.integers(0, 8),
    removed=st.sets(st.integers(0, 7)),
    seed=st.integers(0, 1000),
    num_distinct=st.sampled_from([1, 5, 10_000]),
)


class TestSearching:
    @given(views, st.integers(1, 300), st.integers(0, 100))
    def test_raw_windows_are_those_of_brute_force(
        self, truth: Truth, limit: int, seed: int
    ) -> None:
        query_D = unit_rows(1, seed=seed)[0]
        everything = sorted(scored(truth, query_D), key=lambda w: -w.score)

        found = search_view(truth.view, query_D, limit=limit, merge=False)

        expected = [window.score for window in everything[:limit]]
        assert [window.score for window in found] == pytest.approx(expected, abs=FAR_APART)
        assert set(found) <= set(everything)
        assert len(set(found)) == len(found)

    @given(views, st.integers(1, 30), st.integers(0, 100))
    def test_moments_are_those_of_brute_force(self, truth: Truth, limit: int, seed: int) -> None:
        query_D = unit_rows(1, seed=seed)[0]
        windows = scored(truth, query_D)
        background = float(np.mean([w.score for w in windows])) if windows else 0.0
        everything = slow_merge(windows, background=background)

        found = search_view(truth.view, query_D, limit=limit, merge=True)

        expected = [moment.score for moment in everything[:limit]]
        assert [moment.score for moment in found] == pytest.approx(expected, abs=FAR_APART)
        assert set(found) <= set(everything)
        assert len(set(found)) == len(found)

    def test_removed_rows_that_score_best_are_replaced_by_the_next(self) -> None:
        sizes = [200, 5]
        truth = make_view(sizes, num_in_main=2, removed={0}, seed=1, num_distinct=10_000)

        found = search_view(truth.view, truth.vectors_ND[0], limit=5, merge=False)

        assert {window.video_number for window in found} == {1}
        assert len(found) == 5

    def test_a_moment_is_wider_than_the_candidates_that_found_it(self) -> None:
        """400 windows turn slowly away from the query: far more than 64 are above half-way."""
        angles_N = np.abs(np.arange(400) - 200) * 0.004 + np.arange(400) * 1e-6
        rows_ND = np.zeros((400, 4), dtype=np.float32)
        rows_ND[:, 0], rows_ND[:, 1] = np.cos(angles_N), np.sin(angles_N)
        vectors = build_vectors([StoredVectors(1, 1, rows_ND.astype(np.float16))], embed_dim=4)
        table = np.array([(1 + i, 1, 2.0 * i, 2.0 * i + 4) for i in range(400)])
        view = first_view(
            MainIndex(vectors, CpuSearcher(vectors.flat), 1, from_snapshot=True),
            as_columns(table),
            generation=1,
            tail_MD=np.empty((0, 4), np.float32),
        )
        query_D = rows_ND[200]
        windows = [scored_segment(1, int(i), a, b, 0.0) for i, _, a, b in table.tolist()]
        truth = Truth(view, windows, vectors.vectors_ND)

        found = search_view(view, query_D, limit=1, merge=True)

        background = float(np.mean(np.vecdot(vectors.vectors_ND, query_D)))
        assert found == slow_merge(scored(truth, query_D), background=background)[:1]
        assert found[0].stop_seconds - found[0].start_seconds > 2 * 64 + 4

    def test_the_length_of_a_query_does_not_change_the_scores(self) -> None:
        truth = make_view([5], num_in_main=1, removed=set(), seed=1, num_distinct=10)
        query_D = truth.vectors_ND[2] * 7

        best = search_view(truth.view, query_D, limit=1, merge=False)[0]

        assert best.score == pytest.approx(1)

    @pytest.mark.parametrize("merge", [True, False])
    def test_an_empty_library_has_no_hits(self, merge: bool) -> None:
        truth = make_view([], num_in_main=0, removed=set(), seed=1, num_distinct=1)

        assert search_view(truth.view, unit_rows(1, seed=1)[0], limit=3, merge=merge) == []

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
        table = np.array(
            [
                [w.segment_id, w.video_number, w.start_seconds, w.stop_seconds]
                for w in truth.windows
            ],
            float,
        ).reshape(-1, 4)
        main, tail = truth.view.main, truth.view.tail
        in_tail = ~np.isin(table[:, 0], main.vectors.ids_N)

        fresh = first_view(main, as_columns(table), generation=2, tail_MD=truth.vectors_ND[in_tail])

        query_D = unit_rows(1, seed=3)[0]
        assert tail.num_rows >= fresh.tail.num_rows
        assert fresh.num_live == truth.view.num_live == len(truth.windows)
        assert fresh.sum_D == pytest.approx(truth.view.sum_D, abs=1e-4)
        assert search_view(fresh, query_D, limit=500, merge=False) == search_view(
            truth.view, query_D, limit=500, merge=False
        )

    def test_an_older_view_does_not_notice_the_newer_one(self) -> None:
        old = make_view([3, 2], num_in_main=1, removed=set(), seed=1, num_distinct=99)
        ids = np.array([100, 101])
        added = SegmentColumns(ids, np.array([7, 7]), np.array([0.0, 2.0]), np.array([4.0, 6.0]))

        new = old.view.advanced(
            generation=3, added=added, added_MD=unit_rows(2, seed=9), removed_ids=np.array([1])
        )

        query_D = unit_rows(1, seed=3)[0]
        found_old = search_view(old.view, query_D, limit=99, merge=False)
        assert {window.video_number for window in found_old} == {0, 1}
        assert len(found_old) == 5
        found_new = search_view(new, query_D, limit=99, merge=False)
        assert {window.video_number for window in found_new} == {0, 1, 7}
        assert len(found_new) == 6
