"""What the benchmark of learning makes of a list of pairs. Axes: R rows, F features."""

import sys
from pathlib import Path

import numpy as np
import pytest

from training.frame_table import FrameTable

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from learning_lab import mean_table, shared_places, spread


@pytest.mark.parametrize("seed", range(3))
def test_a_smaller_part_lies_within_a_larger_one(seed: int) -> None:
    sources = ["film"] * 16 + ["photograph"] * 32

    half, quarter = (set(shared_places(sources, parts, seed)) for parts in (2, 4))

    assert quarter < half


def test_every_source_gives_its_share() -> None:
    sources = ["film"] * 16 + ["photograph"] * 32

    places = shared_places(sources, 8, seed=0)

    assert [sources[place] for place in places] == ["film"] * 2 + ["photograph"] * 4


def test_the_only_frame_is_the_mean_of_all() -> None:
    rows_RF = np.array([[0.0, 2.0], [4.0, 6.0], [8.0, 8.0]], dtype=np.float16)
    table = FrameTable(rows_RF=rows_RF, row_of_VNT=np.array([[[0, 1], [-1, -1], [2, 2]]]))

    only = mean_table(table)

    assert only.readable().tolist() == [True, False, True]
    assert only.features_of(np.array([0, 2])).tolist() == [[[2.0, 4.0]], [[8.0, 8.0]]]


def test_one_value_has_no_spread() -> None:
    assert spread([0.5]) == "0.500"
    assert spread([0.4, 0.6]) == "0.500 +- 0.141"
