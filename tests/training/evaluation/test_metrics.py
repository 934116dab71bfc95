"""Figures worked out by hand, and equal to slow loops that say what they mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.evaluation.metrics import (
    best_own_ranks,
    bootstrap_interval,
    mean_per_class,
    mean_reciprocal_rank,
    median_rank,
    pessimistic_ranks,
    rank_figures,
    rank_intervals,
    recall_at,
)

NAN, INF = np.nan, np.inf

# Steps of 0.25 are exact in binary and far wider than the tie tolerance.
score_tables = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 8)),
    elements=st.sampled_from([-1.0, -0.25, 0.0, 0.25, 0.5, NAN, -INF]),
)


@pytest.mark.parametrize(
    ("scores", "target", "rank"),
    [
        pytest.param([0.9, 0.5, 0.1], 0, 1, id="best"),
        pytest.param([0.9, 0.5, 0.1], 2, 3, id="last"),
        pytest.param([0.5, 0.5, 0.5], 1, 3, id="all equal is last"),
        pytest.param([0.9, 0.5, 0.5], 1, 3, id="tied with a later one"),
        pytest.param([0.5, 0.5 + 1e-7, 0.1], 0, 2, id="closer than float32 can tell"),
        pytest.param([0.5, NAN, 0.1], 2, 2, id="an unscored rival stands behind"),
        pytest.param([0.5, NAN, 0.1], 1, INF, id="an unscored target is never found"),
        pytest.param([-INF, -INF], 0, INF, id="nothing could be scored"),
        pytest.param([0.3], 0, 1, id="alone"),
    ],
)
def test_a_rank_counts_every_tie_against_the_target(scores, target, rank):
    ranks = pessimistic_ranks(np.array([scores], dtype=np.float32), [target])

    assert ranks.tolist() == [rank]


@given(scores_QV=score_tables, data=st.data())
def test_ranks_equal_a_slow_loop(scores_QV, data):
    num_queries, num_candidates = scores_QV.shape
    targets = data.draw(
        st.lists(st.integers(0, num_candidates - 1), min_size=num_queries, max_size=num_queries)
    )

    ranks = pessimistic_ranks(scores_QV, targets)

    assert ranks.tolist() == [
        slow_rank(list(row), target) for row, target in zip(scores_QV, targets, strict=True)
    ]


def slow_rank(scores, target):
    own = scores[target]
    if np.isnan(own) or own == -INF:
        return INF
    rivals = [score for place, score in enumerate(scores) if place != target]
    return 1 + sum(1 for score in rivals if not np.isnan(score) and score >= own)


@pytest.mark.parametrize(
    ("scores", "owners", "ranks"),
    [
        pytest.param([[0.9, 0.1, 0.5], [0.2, 0.8, 0.1]], [0, 1, 0], [1, 1], id="each its best"),
        pytest.param([[0.1, 0.8, 0.5], [0.2, 0.1, 0.3]], [0, 1, 0], [2, 3], id="others ahead"),
        pytest.param([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]], [0, 1, 0], [2, 3], id="ties are losses"),
        pytest.param([[0.9, 0.8, 0.7], [NAN, NAN, NAN]], [0, 0, 1], [1, INF], id="failed"),
    ],
)
def test_a_query_with_several_own_candidates_has_the_rank_of_the_best(scores, owners, ranks):
    assert best_own_ranks(np.array(scores), owners).tolist() == ranks


@given(scores_QV=score_tables)
def test_with_one_own_candidate_each_the_best_own_rank_is_the_rank(scores_QV):
    square = scores_QV[: min(scores_QV.shape), : min(scores_QV.shape)]
    targets = list(range(len(square)))

    np.testing.assert_array_equal(
        best_own_ranks(square, targets), pessimistic_ranks(square, targets)
    )


def test_a_query_without_an_own_candidate_is_refused():
    with pytest.raises(ValueError, match="candidate of its own"):
        best_own_ranks(np.zeros((2, 3)), [0, 0, 0])


def test_intervals_have_the_names_of_the_figures_and_hold_them():
    ranks = np.array([1.0, 2.0, 6.0, 20.0, INF] * 6)

    figures = rank_figures(ranks, num_candidates=30)
    intervals = rank_intervals(ranks, num_candidates=30)

    assert list(figures) == list(intervals)
    assert list(figures) == ["recall_at_1", "recall_at_5", "recall_at_10", "median_rank", "mrr"]
    for name, (low, high) in intervals.items():
        assert low <= figures[name] <= high
        assert low < high


def test_a_constant_model_looks_worst_in_every_figure():
    ranks = pessimistic_ranks(np.zeros((4, 20), dtype=np.float32), [0, 5, 10, 19])

    assert [recall_at(ranks, k) for k in (1, 5, 10)] == [0, 0, 0]
    assert median_rank(ranks, num_candidates=20) == 20


@pytest.mark.parametrize(("scores", "targets"), [([[0.0, 1.0]], [0, 1]), ([0.0, 1.0], [0, 1])])
def test_scores_need_one_target_for_each_row(scores, targets):
    with pytest.raises(ValueError, match="one target a row"):
        pessimistic_ranks(np.array(scores), targets)


def test_figures_of_ranks_are_the_ones_worked_out_by_hand():
    ranks = np.array([1.0, 2.0, 6.0, 20.0, INF])

    assert recall_at(ranks, 1) == pytest.approx(1 / 5)
    assert recall_at(ranks, 5) == pytest.approx(2 / 5)
    assert recall_at(ranks, 10) == pytest.approx(3 / 5)
    assert median_rank(ranks, num_candidates=30) == 6
    assert mean_reciprocal_rank(ranks) == pytest.approx((1 + 1 / 2 + 1 / 6 + 1 / 20) / 5)


def test_a_target_that_cannot_be_found_is_missed_even_in_a_pool_smaller_than_k():
    ranks = pessimistic_ranks(np.array([[0.5, -INF]]), [1])

    assert recall_at(ranks, 10) == 0
    assert mean_reciprocal_rank(ranks) == 0
    assert median_rank(ranks, num_candidates=2) == 2


def test_each_class_weighs_the_same_however_many_videos_it_has():
    correct = np.array([True, True, False, False, False])

    assert mean_per_class(correct, [7, 7, 7, 7, 3]) == pytest.approx((2 / 4 + 0 / 1) / 2)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=30),
)
def test_mean_per_class_equals_a_slow_loop(items):
    shares = []
    for label in {label for _, label in items}:
        own = [correct for correct, other in items if other == label]
        shares.append(sum(own) / len(own))

    figure = mean_per_class(
        np.array([correct for correct, _ in items]), [label for _, label in items]
    )

    assert figure == pytest.approx(sum(shares) / len(shares))


@pytest.mark.parametrize(
    "figure",
    [
        lambda: recall_at(np.array([]), 1),
        lambda: median_rank(np.array([]), num_candidates=3),
        lambda: mean_reciprocal_rank(np.array([])),
        lambda: mean_per_class(np.array([], dtype=bool), []),
    ],
)
def test_no_figure_of_nothing(figure):
    with pytest.raises(ValueError, match="at least one item"):
        figure()


def test_a_bootstrap_interval_of_a_share_is_near_the_normal_one():
    values = np.arange(400) < 100  # a quarter

    low, high = bootstrap_interval(400, lambda items: values[items].mean(), seed=0)

    half_width = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert (low, high) == pytest.approx((0.25 - half_width, 0.25 + half_width), abs=0.008)


def test_a_bootstrap_interval_repeats_with_its_seed_and_has_no_width_where_nothing_varies():
    values = np.random.default_rng(3).random(30)

    first = bootstrap_interval(30, lambda items: values[items].mean(), seed=1)

    assert first == bootstrap_interval(30, lambda items: values[items].mean(), seed=1)
    assert first != bootstrap_interval(30, lambda items: values[items].mean(), seed=2)
    assert bootstrap_interval(30, lambda items: 0.5, seed=1, num_resamples=10) == (0.5, 0.5)


@pytest.mark.parametrize(("num_items", "confidence"), [(0, 0.95), (3, 0.0), (3, 1.0)])
def test_a_bootstrap_interval_needs_items_and_a_confidence_between_0_and_1(num_items, confidence):
    with pytest.raises(ValueError, match="num_items"):
        bootstrap_interval(num_items, lambda items: 0.0, seed=0, confidence=confidence)
