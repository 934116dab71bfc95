"""Where exact parts are searched: FAISS on the CPU, or a copy of their rows on a GPU.

Rules that FAISS's GPU side imposes (see docs/decisions and the FAISS issues named):
nothing is removed on the GPU (faiss#584) and no filter goes inside (faiss#3924), so a search that
may not find a few rows, as removed ones, asks for as many more and leaves those out; one
StandardGpuResources belongs to one thread (faiss#2175), so one worker searches and takes all
waiting queries at once; k is capped at 2048, beyond which the CPU master answers.

Axes: N rows, Q queries, k found, D dimensions.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from cpd_model.devices import check_device_word
from cpd_model.encoder import Vectors
from index.vectors.kinds import ExactIndex, Found, PartIndex
from index.vectors.matrix import HalfMatrix

GPU_MAX_K = 2048
GPU_FROM_ROWS = 20_000
"""A smaller part is searched by the CPU in less time than the way to the GPU takes."""

_ROWS_AT_ONCE = 65_536
_MAX_BATCH = 64
"""Queries that one GPU call takes together."""


class SearchDevice(NamedTuple):
    """Where the search runs, and why there."""

    name: str
    """`cpu` or `cuda:N`."""

    reason: str


def count_faiss_gpus() -> int:
    """GPUs that this build of FAISS can use; 0 for faiss-cpu, whatever the machine has."""
    if not hasattr(faiss, "StandardGpuResources"):
        return 0
    return int(faiss.get_num_gpus())


def choose_search_device(asked: str, *, num_gpus: int) -> SearchDevice:
    """Where to search for `asked` = `auto`, `cpu`, `cuda` or `cuda:N`.

    The answers are the same everywhere, so a GPU that FAISS cannot use is no error: the towers may
    run on it while faiss-cpu searches. The reason says so.

    Args:
        num_gpus: as `count_faiss_gpus` says.

    Raises:
        DeviceError: `asked` is none of these words.
    """
    check_device_word(asked)
    if asked == "cpu":
        return SearchDevice("cpu", "asked for")
    kind, _, number = asked.partition(":")
    if num_gpus == 0:
        return SearchDevice(
            "cpu", "this FAISS has no GPU to use (pip install 'cpd[gpu]' brings one)"
        )
    gpu = int(number or 0)
    if gpu >= num_gpus:
        return SearchDevice("cpu", f"FAISS sees {num_gpus} GPU(s), none is cuda:{gpu}")
    return SearchDevice(f"cuda:{gpu}", "asked for" if kind == "cuda" else "FAISS found a GPU")


def open_index(matrix: HalfMatrix, device: SearchDevice) -> PartIndex:
    """Exact search of a matrix where it is worth the way: on the GPU, or in the calling thread.

    Raises:
        RuntimeError: the GPU's memory is too small.
    """
    if device.name == "cpu" or matrix.num_rows < GPU_FROM_ROWS:
        return ExactIndex(matrix)
    gpu = int(device.name.removeprefix("cuda:"))
    return WorkerIndex(ExactIndex(matrix), lambda: _GpuIndex(matrix, gpu), max_k=GPU_MAX_K)


class _GpuIndex:
    """A copy of a matrix on a GPU, with the resources that have to live as long as it does."""

    def __init__(self, matrix: HalfMatrix, gpu: int) -> None:
        self._resources = faiss.StandardGpuResources()
        settings = faiss.GpuIndexFlatConfig()
        settings.device = gpu
        settings.useFloat16 = True  # the rows are float16 already: nothing is lost
        self._index: Any = faiss.GpuIndexFlatIP(self._resources, matrix.embed_dim, settings)
        for start in range(0, matrix.num_rows, _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, matrix.num_rows)
            self._index.add(matrix.decode(slice(start, stop)))

    def search(self, queries_QD: Vectors, k: int) -> Any:
        return self._index.search(queries_QD, k)


class _Job(NamedTuple):
    query_D: Vectors
    k: int
    answer: "Future[Found]"


class WorkerIndex:
    """An index that only one thread may touch: it lives in a worker, which batches waiting queries.

    Args:
        master: answers what the index cannot: where k and the rows that may not be found are more
            than `max_k` together, and all after `close`.
        open_index: runs in the worker; what it returns has FAISS's `search(queries_QD, k)`.

    Raises:
        Exception: on construction, what `open_index` raises; RuntimeError where memory is short.
    """

    is_exact = True
    score_error = 2e-3
    """A GPU rounds the query to float16 too."""

    def __init__(self, master: PartIndex, open_index: Callable[[], Any], *, max_k: int) -> None:
        self._master = master
        self._max_k = max_k
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        opened: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._work, args=(open_index, opened), name="faiss-worker", daemon=True
        )
        self._thread.start()
        opened.result()

    def search(self, query_D: Vectors, k: int, *, keep_N: NDArray[np.bool_] | None = None) -> Found:
        num_left_out = 0 if keep_N is None else len(keep_N) - int(np.count_nonzero(keep_N))
        job = _Job(query_D, k + num_left_out, Future())
        with self._closing:
            in_worker = job.k <= self._max_k and not self._closed
            if in_worker:
                self._jobs.put(job)
        if not in_worker:
            return self._master.search(query_D, k, keep_N=keep_N)
        scores_k, rows_k = job.answer.result()
        if keep_N is not None:
            scores_k, rows_k = scores_k[keep_N[rows_k]], rows_k[keep_N[rows_k]]
        return Found(scores_k[:k], rows_k[:k])

    def close(self) -> None:
        """Answer what waits and let the index go; later searches go to the master."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _work(self, open_index: Callable[[], Any], opened: "Future[None]") -> None:
        try:
            index = open_index()
        except BaseException as error:
            opened.set_exception(error)
            return
        opened.set_result(None)
        while (jobs := self._wait_for_jobs()) is not None:
            _answer_together(index, jobs)

    def _wait_for_jobs(self) -> list[_Job] | None:
        """All queries that wait, at most _MAX_BATCH; None when it is time to stop."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _MAX_BATCH:
                return jobs
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs
        if jobs:
            self._jobs.put(None)  # met the end behind the last queries: answer them first
            return jobs
        return None


def _answer_together(index: Any, jobs: list[_Job]) -> None:
    """One search for several queries; each gets its own k, or the error that all got."""
    try:
        queries_QD = np.stack([job.query_D for job in jobs])
        scores_Qk, rows_Qk = index.search(queries_QD, max(job.k for job in jobs))
    except BaseException as error:
        for job in jobs:
            job.answer.set_exception(error)
        return
    for job, scores_k, rows_k in zip(jobs, scores_Qk, rows_Qk, strict=True):
        job.answer.set_result(Found(scores_k[: job.k], rows_k[: job.k]))
