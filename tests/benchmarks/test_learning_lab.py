"""What the benchmark of learning makes of a list of pairs. Axes: R rows, F features."""

import sys
from pathlib import Path

import numpy as np
import pytest

from training.data.pair import Pair
from training.features.frame_table import FrameTable
from training.features.pooled_texts import PooledTexts

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from rig.learning_lab import Part, mean_table, shared_places, spread


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


def test_some_pairs_keep_their_own_features_and_captions() -> None:
    """Whoever judges counts captions from the first of the list."""
    pairs = [
        Pair(id=f"film/{name}", path=Path(name), captions=tuple(captions))
        for name, captions in (("a", "kl"), ("b", "m"), ("c", "no"))
    ]
    table = FrameTable(
        rows_RF=np.arange(3, dtype=np.float16).reshape(3, 1), row_of_VNT=np.array([[[0], [1], [2]]])
    )
    texts = PooledTexts(
        rows_UE=np.arange(5, dtype=np.float16).reshape(5, 1),
        row_of_M=np.arange(5),
        start_N=np.array([0, 2, 3]),
    )

    part = Part(pairs, table, texts).only([0, 2])

    assert [pair.id for pair in part.pairs] == ["film/a", "film/c"]
    assert part.table.features_of(np.array([0, 1])).tolist() == [[[0.0]], [[2.0]]]
    assert part.texts.start_N.tolist() == [0, 2]
    assert part.texts.pooled_of(np.array([0, 1]), np.array([1, 0])).tolist() == [[1.0], [3.0]]
    assert len(part.texts.row_of_M) == 4


def test_one_value_has_no_spread() -> None:
    assert spread([0.5]) == "0.500"
    assert spread([0.4, 0.6]) == "0.500 +- 0.141"
