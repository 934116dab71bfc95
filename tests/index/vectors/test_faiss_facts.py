"""What FAISS does with filters, removal and files, which its documents do not say.

The engine is built around these facts, measured with faiss-cpu 1.15.1. A newer FAISS that changes
one fails here, and then what was built around it can be thought over.
"""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.index.libraries import unit_rows

# Its type stubs tell the C++ signatures.
FAISS: Any = faiss

EMBED_DIM = 32
NUM_ROWS = 3000
ROWS_ND = unit_rows(NUM_ROWS, seed=0, embed_dim=EMBED_DIM)
QUERIES_QD = unit_rows(20, seed=1, embed_dim=EMBED_DIM)
KEEP_N = np.random.default_rng(2).random(NUM_ROWS) < 0.1
BITMAP = np.packbits(KEEP_N, bitorder="little")


def selector() -> Any:
    return FAISS.IDSelectorBitmap(BITMAP)


def built(factory: str, *, num_rows: int = NUM_ROWS) -> Any:
    faiss.omp_set_num_threads(1)
    index = faiss.index_factory(EMBED_DIM, factory, faiss.METRIC_INNER_PRODUCT)
    if "IVF" in factory:
        FAISS.extract_index_ivf(index).cp.min_points_per_centroid = 1
    index.train(ROWS_ND[:num_rows])
    if factory.startswith("IDMap"):
        index.add_with_ids(ROWS_ND[:num_rows], np.arange(num_rows))
    else:
        index.add(ROWS_ND[:num_rows])
    return index


def found_rows(index: Any, parameters: Any, *, k: int = 10) -> NDArray[np.int64]:
    """Rows that a search found (Q, k); -1 where there was none."""
    rows_Qk: NDArray[np.int64] = index.search(QUERIES_QD, k, params=parameters)[1]
    return rows_Qk


def share_outside(rows_Qk: NDArray[np.int64]) -> float:
    """Of what was found, how much the filter should have kept out."""
    return float(1 - KEEP_N[rows_Qk[rows_Qk >= 0]].mean())


@pytest.mark.parametrize("factory", ["Flat", "SQfp16", "SQ8", "RaBitQ", "IDMap,Flat"])
def test_indexes_without_lists_honour_a_filter(factory: str) -> None:
    rows_Qk = found_rows(built(factory), FAISS.SearchParameters(sel=selector()))

    assert share_outside(rows_Qk) == 0
    assert (rows_Qk >= 0).all()


@pytest.mark.parametrize(
    "factory",
    [
        "IVF16,Flat",
        "IVF16,SQfp16",
        "IVF16,PQ8x4fs",
        "IVF16,RaBitQ",
        "IVF16,RaBitQfs",
        "RR32,IVF16,RaBitQfs",
    ],
)
def test_indexes_with_lists_honour_a_filter(factory: str) -> None:
    parameters = FAISS.SearchParametersIVF(sel=selector(), nprobe=16)

    rows_Qk = found_rows(built(factory), parameters)

    assert share_outside(rows_Qk) == 0
    assert (rows_Qk >= 0).all()


@pytest.mark.parametrize("factory", ["RR32,Flat", "RR32,IVF16,RaBitQfs"])
def test_a_transform_ignores_its_own_filter_and_hands_on_that_of_the_index_below(
    factory: str,
) -> None:
    index = built(factory)
    below = FAISS.SearchParametersIVF if "IVF" in factory else FAISS.SearchParameters

    ignored = found_rows(index, FAISS.SearchParametersPreTransform(sel=selector()))
    inner = FAISS.SearchParametersPreTransform(index_params=below(sel=selector()))
    honoured = found_rows(index, inner)

    assert share_outside(ignored) > 0.8
    assert share_outside(honoured) == 0


def test_a_refining_index_ignores_its_own_filter_and_hands_on_that_of_its_base() -> None:
    index = built("SQ8,RFlat")

    ignored = found_rows(index, FAISS.IndexRefineSearchParameters(k_factor=2, sel=selector()))
    base = FAISS.SearchParameters(sel=selector())
    inner = FAISS.IndexRefineSearchParameters(k_factor=2, base_index_params=base)
    honoured = found_rows(index, inner)

    assert share_outside(ignored) > 0.8
    assert share_outside(honoured) == 0


@pytest.mark.parametrize(("bounded", "is_honoured"), [(True, True), (False, False)])
def test_hnsw_ignores_a_filter_where_its_queue_is_not_bounded(
    bounded: bool, is_honoured: bool
) -> None:
    parameters = FAISS.SearchParametersHNSW(sel=selector(), efSearch=64, bounded_queue=bounded)

    rows_Qk = found_rows(built("HNSW16"), parameters)

    assert (share_outside(rows_Qk) == 0) is is_honoured


@pytest.mark.parametrize("factory", ["PQ8x4", "PQ8x4fs", "RaBitQfs", "NSG16"])
def test_some_indexes_refuse_a_filter(factory: str) -> None:
    index = built(factory, num_rows=300)

    with pytest.raises(RuntimeError, match="Error"):
        found_rows(index, FAISS.SearchParameters(sel=selector()))


@pytest.mark.parametrize("factory", ["HNSW16", "SQ8,RFlat"])
def test_some_indexes_cannot_remove(factory: str) -> None:
    with pytest.raises(RuntimeError, match="remove_ids"):
        built(factory).remove_ids(np.array([1, 2]))


def recall_under_a_filter(index: Any, keep_N: NDArray[np.bool_], **fields: Any) -> float:
    """Recall@10 against all rows to keep."""
    bitmap = np.packbits(keep_N, bitorder="little")
    kind = FAISS.SearchParametersIVF if "nprobe" in fields else FAISS.SearchParametersHNSW
    found = found_rows(index, kind(sel=FAISS.IDSelectorBitmap(bitmap), **fields))
    scores_QN = np.where(keep_N, QUERIES_QD @ ROWS_ND.T, -9)
    true = np.argsort(-scores_QN, axis=1)[:, :10]
    return float(np.mean([np.isin(t, f).mean() for t, f in zip(true, found, strict=True)]))


def test_hnsw_loses_rows_under_a_filter_and_ivf_does_not() -> None:
    """Why the approximate kind is IVF: HNSW walks through neighbours that may not be found."""
    keep_N = np.random.default_rng(3).random(NUM_ROWS) < 0.01
    everything = np.ones(NUM_ROWS, dtype=np.bool_)
    hnsw, ivf = built("HNSW16"), built("IVF16,Flat")

    unfiltered = recall_under_a_filter(hnsw, everything, efSearch=64)
    filtered = recall_under_a_filter(hnsw, keep_N, efSearch=64)

    assert unfiltered > 0.9
    assert filtered < unfiltered - 0.2
    assert recall_under_a_filter(ivf, keep_N, nprobe=16) == 1


def test_a_mapped_index_finds_what_the_one_in_memory_finds(tmp_path: Path) -> None:
    index = built("RR32,IVF16,RaBitQfs")
    path = tmp_path / "index.faiss"
    faiss.write_index(index, str(path))

    mapped = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)

    assert np.array_equal(found_rows(mapped, None), found_rows(index, None))
