"""Generated vectors have the statistics that their docstring claims, and are drawn by seed."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from rig.generated_vectors import VectorSpace
from rig.vector_cases import Cases, K, recall


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    """More vectors than the truth is found among at once."""
    return Cases.make(tmp_path_factory.mktemp("cases"), num_rows=52_000, num_queries=3)


def test_the_same_seed_gives_the_same_vectors() -> None:
    """In whatever order and however many are asked for: libraries grow by them."""
    one, other = VectorSpace(), VectorSpace()
    one.video(3)

    assert np.array_equal(one.video(7), other.video(7))
    assert not np.array_equal(one.video(7), VectorSpace(seed=1).video(7))


def test_vectors_have_length_one() -> None:
    space = VectorSpace()
    rows_KD = np.concatenate([space.video(0), space.queries(20)])

    np.testing.assert_allclose(np.linalg.norm(rows_KD, axis=1), 1, atol=1e-5)


def test_windows_lie_as_those_of_real_clips_do() -> None:
    """The figures of the docstring: neighbours, other videos, how many directions matter."""
    space = VectorSpace()
    videos_VSD = np.stack([space.video(number)[:3] for number in range(220)])
    firsts_VD = videos_VSD[:, 0]
    among = (firsts_VD @ firsts_VD.T)[np.triu_indices(220, 1)]
    variances = np.linalg.eigvalsh(np.cov(firsts_VD.T))

    assert np.vecdot(videos_VSD[:, 0], videos_VSD[:, 1]).mean() == pytest.approx(0.97, abs=0.01)
    assert among.mean() == pytest.approx(0.14, abs=0.03)
    assert variances.sum() ** 2 / (variances**2).sum() == pytest.approx(18, abs=4)


def test_queries_are_as_far_from_windows_as_real_captions_are() -> None:
    """Far below what a window finds among other videos, and far above chance."""
    space = VectorSpace()
    windows_ND = np.concatenate([space.video(number)[:3] for number in range(220)])
    scores_QN = np.sort(space.queries(500) @ windows_ND.T, axis=1)

    assert np.median(scores_QN[:, -1]) == pytest.approx(0.41, abs=0.03)
    assert np.median(scores_QN[:, -10]) == pytest.approx(0.33, abs=0.03)
    assert scores_QN.mean() == pytest.approx(0.02, abs=0.02)


@pytest.mark.parametrize("name", ["all", "rows_1", "videos_01"])
def test_the_truth_is_what_sorting_finds(cases: Cases, name: str) -> None:
    allowed_N = np.ones(len(cases.vectors_ND), dtype=bool) if name == "all" else cases.keeps[name]
    scores_QN = np.where(allowed_N, cases.queries_QD @ cases.vectors_ND.T, -2)
    best_QK = np.argsort(-scores_QN, axis=1)[:, :K]

    assert recall(list(cases.truth[name]), best_QK) == 1


def test_filters_keep_the_share_that_their_name_says(cases: Cases) -> None:
    assert cases.keeps["rows_1"].mean() == pytest.approx(0.01, abs=0.003)
    assert cases.keeps["videos_10"].mean() == pytest.approx(0.1)


def test_a_filter_of_videos_keeps_whole_ones(cases: Cases) -> None:
    rows = np.flatnonzero(cases.keeps["videos_01"])

    assert len(rows) == 50
    assert rows[0] % 50 == 0
    assert np.all(np.diff(rows) == 1)
