"""Parameters from measurement: cheap, good enough, and honest where they cannot be."""

from typing import Any

import numpy as np
import pytest

from index.vectors.ivf import IvfIndex, build_ivf
from index.vectors.ivf_tuning import Tuned, make_queries, nearest_rows, ranks_of, tune
from index.vectors.matrix import HalfMatrix
from tests.index.vectors.clustered import EMBED_DIM, clustered_matrix

MATRIX = clustered_matrix(2000)
BUILT = build_ivf(MATRIX)


@pytest.fixture(scope="module")
def tuned() -> Tuned:
    return tune(BUILT, MATRIX)


def test_tuned_parameters_reach_the_recall_for_queries_that_were_not_measured(tuned: Tuned) -> None:
    index = IvfIndex(BUILT, MATRIX, tuned.parameters)

    for queries_QD in make_queries(MATRIX, seed=99):
        found = [index.search(query_D, 10).rows_k for query_D in queries_QD]
        true_Qk = nearest_rows(MATRIX, queries_QD)
        recall = np.mean([np.isin(t, f).mean() for t, f in zip(true_Qk, found, strict=True)])
        assert recall >= 0.98
    assert 0.985 <= tuned.recall <= 1
    assert tuned.parameters.nprobe < tuned.parameters.num_lists


def test_less_recall_costs_less(tuned: Tuned) -> None:
    low = tune(BUILT, MATRIX, wanted_recall=0.7)

    assert low.recall >= 0.7
    assert low.parameters.nprobe < tuned.parameters.nprobe


def test_it_depends_on_the_vectors_and_the_seed_alone(tuned: Tuned) -> None:
    assert tune(BUILT, MATRIX) == tuned


def test_a_recall_out_of_reach_is_told_as_it_is() -> None:
    """Codes of other rows say nothing, and there are more rows than are rescored."""
    other = clustered_matrix(6000, seed=1)
    index = build_ivf(clustered_matrix(6000, seed=2))

    found = tune(index, other)

    assert found.recall < 0.95
    assert found.parameters.num_rescored <= 4096


@pytest.mark.parametrize("num_rows", [1, 5, 40])
def test_a_few_rows_can_be_tuned_too(num_rows: int) -> None:
    matrix = clustered_matrix(num_rows)

    assert tune(build_ivf(matrix), matrix).recall >= 0.98


def test_rows_that_are_all_the_same_can_be_tuned() -> None:
    matrix = HalfMatrix.in_memory(np.full((50, EMBED_DIM), EMBED_DIM**-0.5, dtype=np.float16))

    assert tune(build_ivf(matrix), matrix).parameters.nprobe >= 1


def test_the_truth_is_that_of_one_product_over_all_rows() -> None:
    queries_QD = make_queries(MATRIX, seed=0)[1]

    rows_Qk = nearest_rows(MATRIX, queries_QD)

    scores_QN = queries_QD @ MATRIX.decode(slice(0, 2000)).T
    expected = np.take_along_axis(scores_QN, np.argsort(-scores_QN, axis=1)[:, :10], axis=1)
    assert np.take_along_axis(scores_QN, rows_Qk, axis=1) == pytest.approx(expected, abs=1e-5)


def test_far_queries_lie_apart_from_all_rows_and_near_ones_do_not() -> None:
    def best(queries_QD: Any) -> float:
        return float(np.median((queries_QD @ MATRIX.decode(slice(0, 2000)).T).max(axis=1)))

    near_QD, far_QD = make_queries(MATRIX, seed=0)

    assert best(near_QD) > 0.85
    assert best(far_QD) < best(near_QD) - 0.15
    assert np.linalg.norm(far_QD, axis=1) == pytest.approx(1, abs=1e-5)


def test_ranks_tell_where_wanted_rows_stand_among_the_candidates() -> None:
    wanted_Qk = np.array([[5, 8], [1, 9]])
    found_QR = np.array([[8, 2, 5], [9, -1, -1]])

    assert ranks_of(wanted_Qk, found_QR).tolist() == [0, 0, 2, 3]
