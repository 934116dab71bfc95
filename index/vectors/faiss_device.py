"""Where the snapshot is searched: FAISS on the CPU, or a copy of it on a GPU.

Rules that FAISS's GPU side imposes (see docs/decisions and the FAISS issues named):
nothing is removed on the GPU (faiss#584) and no filter goes inside (faiss#3924), so removed rows
are dropped by the caller; one StandardGpuResources belongs to one thread (faiss#2175), so one
worker searches and takes all waiting queries at once; k is capped at 2048, beyond which the CPU
master answers.

Axes: N rows, Q queries, k found, D dimensions.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from cpd_model.devices import check_device_word
from cpd_model.encoder import Vectors

GPU_MAX_K = 2048
_MAX_BATCH = 64
"""Queries that one GPU call takes together."""


class SearchDevice(NamedTuple):
    """Where the search runs, and why there."""

    name: str
    """`cpu` or `cuda:N`."""

    reason: str


class Found(NamedTuple):
    """The nearest rows of one query, best first."""

    scores_k: Vectors
    rows_k: NDArray[np.int64]
    """Positions in the order in which the rows were added."""


class FlatSearcher(Protocol):
    """Exact inner-product search over fixed rows; any number of threads may call it."""

    def search(self, query_D: Vectors, k: int) -> Found:
        """The `k` best rows, 1 <= k <= N."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


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


def open_searcher(flat: Any, device: SearchDevice) -> FlatSearcher:
    """A searcher over an IndexFlatIP, which stays the master on the CPU."""
    if device.name == "cpu":
        return CpuSearcher(flat)
    gpu = int(device.name.removeprefix("cuda:"))
    return WorkerSearcher(CpuSearcher(flat), lambda: _GpuIndex(flat, gpu), max_k=GPU_MAX_K)


class _GpuIndex:
    """A copy of an index on a GPU, with the resources that have to live as long as it does."""

    def __init__(self, flat: Any, gpu: int) -> None:
        self._resources = faiss.StandardGpuResources()
        self._index: Any = faiss.index_cpu_to_gpu(self._resources, gpu, flat)

    def search(self, queries_QD: Vectors, k: int) -> Any:
        return self._index.search(queries_QD, k)


class CpuSearcher:
    """FAISS in the calling thread."""

    def __init__(self, flat: Any) -> None:
        self._flat = flat

    def search(self, query_D: Vectors, k: int) -> Found:
        # One query is one walk through memory: a second OpenMP thread gains nothing when it gets a
        # core and spins when it does not (200,000 x 384: 19 ms with one thread, 100 ms with two on
        # two busy cores). Requests run in parallel instead. The setting belongs to the calling
        # thread.
        faiss.omp_set_num_threads(1)
        scores_1k, rows_1k = self._flat.search(query_D[np.newaxis], k)
        return Found(scores_1k[0], rows_1k[0])

    def close(self) -> None:
        """Nothing to give back."""


class _Job(NamedTuple):
    query_D: Vectors
    k: int
    answer: "Future[Found]"


class WorkerSearcher:
    """An index that only one thread may touch: it lives in a worker, which batches waiting queries.

    Args:
        master: answers what the index cannot: k > `max_k`, and all that comes after `close`.
        open_index: runs in the worker; what it returns has FAISS's `search(queries_QD, k)`.

    Raises:
        Exception: on construction, what `open_index` raises; RuntimeError where memory is short.
    """

    def __init__(self, master: FlatSearcher, open_index: Callable[[], Any], *, max_k: int) -> None:
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

    def search(self, query_D: Vectors, k: int) -> Found:
        job = _Job(query_D, k, Future())
        with self._closing:
            in_worker = k <= self._max_k and not self._closed
            if in_worker:
                self._jobs.put(job)
        return job.answer.result() if in_worker else self._master.search(query_D, k)

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
