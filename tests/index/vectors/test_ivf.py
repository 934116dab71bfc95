"""The approximate kind of index, against looking at every row."""

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.errors import LibraryCorruptError
from index.vectors.ivf import (
    IvfIndex,
    IvfParameters,
    build_ivf,
    num_lists_for,
    num_lists_of,
    open_ivf,
    write_ivf,
)
from index.vectors.matrix import HalfMatrix
from tests.index.libraries import unit_rows
from tests.index.vectors.clustered import EMBED_DIM, clustered_matrix, clustered_rows

NUM_ROWS = 2000
MATRIX = clustered_matrix(NUM_ROWS)
BUILT = build_ivf(MATRIX)
NUM_LISTS = num_lists_of(BUILT)
PARAMETERS = IvfParameters(num_lists=NUM_LISTS, nprobe=64, num_rescored=300)
INDEX = IvfIndex(BUILT, MATRIX, PARAMETERS)
QUERIES_QD = unit_rows(50, seed=7, embed_dim=EMBED_DIM)


def true_rows(
    matrix: HalfMatrix, query_D: Vectors, k: int, keep_N: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """The best rows, by looking at every one."""
    scores_N = matrix.decode(slice(0, matrix.num_rows)) @ query_D
    if keep_N is not None:
        scores_N[~keep_N] = -np.inf
    return np.argsort(-scores_N, kind="stable")[:k]


def recall(index: IvfIndex, k: int, keep_N: NDArray[np.bool_] | None = None) -> float:
    """The mean share of the `k` best rows that is found."""
    shares = [
        np.isin(true_rows(MATRIX, query_D, k, keep_N), found.rows_k).mean()
        for query_D in QUERIES_QD
        for found in [index.search(query_D, k, keep_N=keep_N)]
    ]
    return float(np.mean(shares))


@pytest.mark.parametrize("k", [1, 10, 100])
def test_it_finds_nearly_what_looking_at_every_row_finds(k: int) -> None:
    assert recall(INDEX, k) > 0.97


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
def test_a_filter_costs_no_recall(share: float) -> None:
    keep_N = np.random.default_rng(3).random(NUM_ROWS) < share

    assert recall(INDEX, 10, keep_N) > 0.97


def test_scores_are_those_of_the_rows_and_the_best_come_first() -> None:
    query_D = QUERIES_QD[0]

    found = INDEX.search(query_D, 30)

    assert found.scores_k == pytest.approx(MATRIX.decode(found.rows_k) @ query_D, abs=1e-5)
    assert (np.diff(found.scores_k) <= 0).all()
    assert len(set(found.rows_k.tolist())) == 30


def test_all_lists_and_all_candidates_find_exactly_what_is_best() -> None:
    thorough = IvfParameters(num_lists=NUM_LISTS, nprobe=NUM_LISTS, num_rescored=NUM_ROWS)

    assert recall(IvfIndex(BUILT, MATRIX, thorough), 10) == 1


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    share=st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.9, 1.0]),
    k=st.sampled_from([1, 3, 10, 77, 500, NUM_ROWS, NUM_ROWS + 5]),
    nprobe=st.sampled_from([1, 2, NUM_LISTS]),
)
def test_a_filtered_search_finds_no_row_outside_and_never_too_few(
    seed: int, share: float, k: int, nprobe: int
) -> None:
    rng = np.random.default_rng(seed)
    keep_N = rng.random(NUM_ROWS) < share
    query_D = unit_rows(1, seed=seed, embed_dim=EMBED_DIM)[0]
    hasty = IvfParameters(num_lists=NUM_LISTS, nprobe=nprobe, num_rescored=1)

    rows_k = IvfIndex(BUILT, MATRIX, hasty).search(query_D, k, keep_N=keep_N).rows_k

    assert keep_N[rows_k].all()
    assert len(set(rows_k.tolist())) == len(rows_k) == min(k, np.count_nonzero(keep_N))


def test_rows_of_one_far_corner_are_found_though_no_list_nearby_has_any() -> None:
    query_D = QUERIES_QD[0]
    keep_N = np.zeros(NUM_ROWS, dtype=np.bool_)
    keep_N[true_rows(MATRIX, -query_D, 25)] = True

    rows_k = INDEX.search(query_D, 25, keep_N=keep_N).rows_k

    assert sorted(rows_k.tolist()) == np.flatnonzero(keep_N).tolist()


@pytest.mark.parametrize("num_different", [1, 3])
def test_pictures_that_stand_still_are_found_like_others(num_different: int) -> None:
    """A code of a row that is its list's centre has no direction."""
    rows_ND = np.repeat(clustered_rows(num_different), 200 // num_different, axis=0)
    matrix = HalfMatrix.in_memory(rows_ND)
    parameters = IvfParameters(num_lists=num_lists_for(len(rows_ND)), nprobe=1, num_rescored=10)

    found = IvfIndex(build_ivf(matrix), matrix, parameters).search(QUERIES_QD[0], len(rows_ND))

    assert sorted(found.rows_k.tolist()) == list(range(len(rows_ND)))
    assert np.isfinite(found.scores_k).all()


@pytest.mark.parametrize("num_rows", [1, 2, 7, 40])
def test_a_few_rows_make_an_index_too(num_rows: int) -> None:
    matrix = clustered_matrix(num_rows)
    parameters = IvfParameters(num_lists=num_lists_for(num_rows), nprobe=1, num_rescored=1)

    found = IvfIndex(build_ivf(matrix), matrix, parameters).search(QUERIES_QD[0], 100)

    assert sorted(found.rows_k.tolist()) == list(range(num_rows))


def test_no_rows_make_no_index() -> None:
    with pytest.raises(ValueError, match="needs rows"):
        build_ivf(HalfMatrix.in_memory(np.empty((0, EMBED_DIM), dtype=np.float16)))


@pytest.mark.parametrize(
    ("num_rows", "num_lists"), [(1, 1), (10, 10), (2000, 128), (100_000, 1024), (10**6, 4096)]
)
def test_the_number_of_lists_grows_with_the_root_of_the_rows(num_rows: int, num_lists: int) -> None:
    assert num_lists_for(num_rows) == num_lists


def test_the_same_rows_and_seed_make_the_same_index() -> None:
    again, other = build_ivf(MATRIX), build_ivf(MATRIX, seed=1)

    assert np.array_equal(faiss.serialize_index(BUILT), faiss.serialize_index(again))
    assert not np.array_equal(faiss.serialize_index(BUILT), faiss.serialize_index(other))


def test_more_hits_and_filters_take_more_effort() -> None:
    parameters = IvfParameters(num_lists=1024, nprobe=100, num_rescored=300)

    assert parameters.effort(10, share=1) == (100, 300)
    assert parameters.effort(3, share=1) == (100, 300)
    assert parameters.effort(100, share=1) == (200, 1195)
    assert parameters.effort(10, share=0.1) == (200, 300)
    assert parameters.effort(10, share=1e-9).nprobe == 1024
    assert parameters.effort(10**6, share=1).num_rescored == 10**6


@pytest.mark.parametrize(
    ("nprobe", "num_rescored", "named"), [(0, 10, "nprobe"), (9, 10, "nprobe"), (1, 0, "rescored")]
)
def test_parameters_that_cannot_be_are_a_programmers_mistake(
    nprobe: int, num_rescored: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        IvfParameters(num_lists=8, nprobe=nprobe, num_rescored=num_rescored)


def written(folder: Path) -> Path:
    path = folder / "index.faiss"
    write_ivf(BUILT, path)
    return path


def test_what_is_mapped_finds_what_was_built_for_many_threads_at_once(tmp_path: Path) -> None:
    opened = open_ivf(written(tmp_path), PARAMETERS, MATRIX)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda query_D: opened.search(query_D, 10), QUERIES_QD))

    expected = [INDEX.search(query_D, 10) for query_D in QUERIES_QD]
    same = [np.array_equal(a.rows_k, b.rows_k) for a, b in zip(found, expected, strict=True)]
    assert all(same)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_file_that_ends_early_is_one_sentence(tmp_path: Path, share: float) -> None:
    path = written(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    with pytest.raises(LibraryCorruptError, match=r"not one FAISS can read .*cpd index repair"):
        open_ivf(path, PARAMETERS, MATRIX)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LibraryCorruptError, match="of the library's vectors is not one FAISS can"):
        open_ivf(tmp_path / "index.faiss", PARAMETERS, MATRIX)


def test_a_file_of_another_kind_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "index.faiss"
    faiss.write_index(faiss.IndexFlatIP(EMBED_DIM), str(path))

    with pytest.raises(LibraryCorruptError, match="not one FAISS can read"):
        open_ivf(path, PARAMETERS, MATRIX)


@pytest.mark.parametrize(
    "matrix",
    [clustered_matrix(100), HalfMatrix.in_memory(np.ones((NUM_ROWS, 8), dtype=np.float16))],
    ids=["fewer rows", "other dimensions"],
)
def test_a_file_of_other_rows_is_one_sentence(tmp_path: Path, matrix: HalfMatrix) -> None:
    with pytest.raises(LibraryCorruptError, match="were written"):
        open_ivf(written(tmp_path), PARAMETERS, matrix)


def test_a_disk_that_takes_no_more_is_an_oserror(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_ivf(BUILT, tmp_path / "index.faiss")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
