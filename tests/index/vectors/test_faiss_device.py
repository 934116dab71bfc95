"""Where the search runs, and the worker that a GPU needs, tried on the CPU."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from cpd_model.encoder import Vectors
from cpd_model.errors import DeviceError
from index.vectors.faiss_device import (
    GPU_MAX_K,
    WorkerIndex,
    choose_search_device,
    count_faiss_gpus,
    open_index,
)
from index.vectors.kinds import ExactIndex, Found
from index.vectors.matrix import HalfMatrix
from tests.index.libraries import unit_rows


@pytest.mark.parametrize(
    ("asked", "num_gpus", "name", "reason"),
    [
        ("cpu", 2, "cpu", "asked for"),
        ("auto", 0, "cpu", "no GPU to use"),
        ("auto", 1, "cuda:0", "found a GPU"),
        ("cuda", 0, "cpu", "no GPU to use"),
        ("cuda", 2, "cuda:0", "asked for"),
        ("cuda:1", 2, "cuda:1", "asked for"),
        ("cuda:2", 2, "cpu", "none is cuda:2"),
    ],
)
def test_the_device_is_chosen_for_a_reason(
    asked: str, num_gpus: int, name: str, reason: str
) -> None:
    device = choose_search_device(asked, num_gpus=num_gpus)

    assert device.name == name
    assert reason in device.reason


@pytest.mark.parametrize("asked", ["gpu", "cuda:", "cuda:x", "cpu:0", ""])
def test_a_word_that_is_no_device_is_one_sentence(asked: str) -> None:
    """The same one that the towers have for it: a person types one `--device` for both."""
    with pytest.raises(DeviceError, match=r"unknown device .* expected auto, cpu, cuda"):
        choose_search_device(asked, num_gpus=1)


class SlowIndex:
    """A FAISS index that notes its callers and waits for leave to answer."""

    def __init__(self, flat: Any) -> None:
        self._flat = flat
        self.batches: list[int] = []
        self.threads: set[int] = set()
        self.leave = threading.Event()

    def search(self, queries_QD: Vectors, k: int) -> tuple[Vectors, Any]:
        self.threads.add(threading.get_ident())
        self.batches.append(len(queries_QD))
        assert self.leave.wait(10)
        if np.isnan(queries_QD).any():
            raise RuntimeError("not a number")
        return self._flat.search(queries_QD, k)


class Setup:
    """A worker over a SlowIndex, and the CPU's answers to compare with."""

    def __init__(self) -> None:
        matrix = HalfMatrix.in_memory(unit_rows(100, seed=0).astype(np.float16))
        self.master = ExactIndex(matrix)
        self.slow = SlowIndex(matrix.flat)
        self.worker = WorkerIndex(self.master, lambda: self.slow, max_k=50)


def same(a: Found, b: Found) -> bool:
    return np.array_equal(a.rows_k, b.rows_k) and np.allclose(a.scores_k, b.scores_k, atol=1e-6)


def test_queries_that_wait_are_answered_together_each_with_its_own_rows() -> None:
    setup = Setup()
    queries_QD = unit_rows(20, seed=1)

    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(setup.worker.search, q, k) for k, q in enumerate(queries_QD, 1)]
        setup.slow.leave.set()
        found = [future.result(10) for future in futures]
    setup.worker.close()

    expected = [setup.master.search(q, k) for k, q in enumerate(queries_QD, 1)]
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))
    assert sum(setup.slow.batches) == 20
    assert len(setup.slow.threads) == 1


def test_more_rows_than_the_worker_may_find_come_from_the_master() -> None:
    setup = Setup()

    found = setup.worker.search(unit_rows(1, seed=1)[0], 51)
    setup.worker.close()

    assert len(found.rows_k) == 51
    assert setup.slow.batches == []


def test_a_few_rows_that_may_not_be_found_are_left_out_of_more_that_the_worker_finds() -> None:
    """A single removed video must not bring a GPU's searches to the CPU until it is merged away."""
    setup = Setup()
    setup.slow.leave.set()
    query_D = unit_rows(1, seed=1)[0]
    keep_N = np.ones(100, dtype=bool)
    keep_N[setup.master.search(query_D, 60).rows_k[::2]] = False  # 30 of the best 60

    found = [setup.worker.search(query_D, k, keep_N=keep_N) for k in (1, 20)]
    setup.worker.close()

    assert all(
        same(f, setup.master.search(query_D, k, keep_N=keep_N))
        for f, k in zip(found, (1, 20), strict=True)
    )
    assert sum(setup.slow.batches) == 2


def test_any_other_filter_is_the_masters() -> None:
    """FAISS's GPU side ignores filters without a word (faiss#3924)."""
    setup = Setup()
    keep_N = np.arange(100) == 7

    found = setup.worker.search(unit_rows(1, seed=1)[0], 1, keep_N=keep_N)
    setup.worker.close()

    assert found.rows_k.tolist() == [7]
    assert setup.slow.batches == []


def test_a_failed_search_does_not_stop_the_next() -> None:
    setup = Setup()
    setup.slow.leave.set()

    with pytest.raises(RuntimeError, match="not a number"):
        setup.worker.search(np.full(4, np.nan, dtype=np.float32), 1)

    assert len(setup.worker.search(unit_rows(1, seed=1)[0], 3).rows_k) == 3
    setup.worker.close()


def test_a_closed_worker_leaves_the_search_to_the_master() -> None:
    setup = Setup()
    setup.worker.close()
    setup.worker.close()

    assert len(setup.worker.search(unit_rows(1, seed=1)[0], 3).rows_k) == 3


def test_an_index_that_does_not_open_says_so_at_once() -> None:
    def open_index() -> Any:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        WorkerIndex(Setup().master, open_index, max_k=1)


@pytest.mark.gpu
def test_the_gpu_finds_what_the_cpu_finds() -> None:
    if count_faiss_gpus() == 0:
        pytest.fail("there is a CUDA device, and this FAISS cannot use it: install faiss-gpu")
    rows_ND = unit_rows(50_000, seed=0, embed_dim=64).astype(np.float16)
    matrix = HalfMatrix.in_memory(rows_ND)
    query_D = unit_rows(1, seed=1, embed_dim=64)[0]
    cpu, gpu = ExactIndex(matrix), open_index(matrix, choose_search_device("cuda", num_gpus=1))

    found, more = gpu.search(query_D, GPU_MAX_K), gpu.search(query_D, GPU_MAX_K + 1)
    gpu.close()

    expected = cpu.search(query_D, GPU_MAX_K + 1)
    assert found.scores_k == pytest.approx(expected.scores_k[:-1], abs=gpu.score_error)
    assert same(more, expected)
