"""Search parameters: made in one place, and honoured by each index that the engine uses."""

import gc
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.vectors import search_parameters as module
from index.vectors.search_parameters import search_parameters
from tests.index.libraries import unit_rows

ROOT = Path(__file__).resolve().parents[3]
EMBED_DIM = 8
NUM_ROWS = 300
NUM_LISTS = 4


def built(factory: str) -> Any:
    faiss.omp_set_num_threads(1)
    index = faiss.index_factory(EMBED_DIM, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(unit_rows(NUM_ROWS, seed=0, embed_dim=EMBED_DIM))
    index.add(unit_rows(NUM_ROWS, seed=0, embed_dim=EMBED_DIM))
    return index


LISTS = f"IVF{NUM_LISTS},RaBitQfs"
INDEXES: dict[str, tuple[Any, dict[str, Any]]] = {
    "flat": (built("SQfp16"), {}),
    "ivf": (built(LISTS), {"nprobe": NUM_LISTS}),
    "rotated ivf": (built(f"RR{EMBED_DIM},{LISTS}"), {"nprobe": NUM_LISTS}),
    "refined ivf": (
        built(f"RR{EMBED_DIM},{LISTS},Refine(SQfp16)"),
        {"nprobe": NUM_LISTS, "refine_factor": 1.0},
    ),
}
"""Each index, and what it is asked for beside the filter."""


@pytest.mark.parametrize("kind", INDEXES)
@settings(max_examples=40, deadline=None)
@given(kept=st.sets(st.integers(0, NUM_ROWS - 1)), seed=st.integers(0, 99))
def test_a_search_finds_the_rows_to_keep_and_no_other(kind: str, kept: set[int], seed: int) -> None:
    index, asked = INDEXES[kind]
    keep_N = np.zeros(NUM_ROWS, dtype=np.bool_)
    keep_N[list(kept)] = True
    query_1D = unit_rows(1, seed=seed, embed_dim=EMBED_DIM)

    parameters = search_parameters(keep_N, **asked)
    rows = index.search(query_1D, NUM_ROWS, params=parameters.faiss)[1][0]

    assert sorted(rows[rows >= 0].tolist()) == sorted(kept)


@pytest.mark.parametrize("kind", INDEXES)
def test_without_a_filter_all_rows_can_be_found(kind: str) -> None:
    index, asked = INDEXES[kind]
    parameters = search_parameters(**asked)

    rows = index.search(
        unit_rows(1, seed=5, embed_dim=EMBED_DIM), NUM_ROWS, params=parameters.faiss
    )

    assert sorted(rows[1][0].tolist()) == list(range(NUM_ROWS))


def test_the_memory_of_the_filter_lives_as_long_as_the_parameters() -> None:
    keep_N = np.arange(NUM_ROWS) % 7 == 0
    parameters = search_parameters(keep_N)
    gc.collect()
    _ = [np.full(NUM_ROWS // 8 + 1, 255, dtype=np.uint8) for _ in range(1000)]

    rows = INDEXES["flat"][0].search(
        unit_rows(1, seed=5, embed_dim=EMBED_DIM), 20, params=parameters.faiss
    )[1][0]

    assert keep_N[rows].all()


def test_nobody_else_makes_search_parameters() -> None:
    """The wrong field is ignored without a word: see the facts of FAISS."""
    own = Path(module.__file__)
    packages = ("cpd", "cpd_model", "index", "training", "service")
    makers = [
        str(path.relative_to(ROOT))
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != own and any(word in path.read_text() for word in ("SearchParam", "IDSelector"))
    ]

    assert makers == []
