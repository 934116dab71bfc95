"""The approximate kind of index: lists of short codes find candidates, the part's rows score them.

    query -> rotated -> its `nprobe` nearest lists -> the `num_rescored` best codes -> exact scores

FAISS's `RR<D>,IVF<n>,RaBitQfs`: rows stand in lists by their nearest centre, each as a code of one
bit a dimension, which says roughly where it lies. What rescores is an IndexRefine over the part's
own float16 rows, so there is no second copy; it takes .35 microseconds a candidate, and NumPy 1.2.

Measured at 100,000 rows of 384 dimensions, of which 20 each are windows of one video: without the
rotation 200 candidates held .85 of the best ten, with it .94; where a few dimensions are large, as
in real embeddings, the difference is greatest.

Axes: Q queries, N rows, k found, D dimensions.
"""

import os
from dataclasses import dataclass
from math import ceil, log2, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.errors import LibraryCorruptError
from index.vectors.kinds import Found
from index.vectors.mapped_index import map_index
from index.vectors.matrix import HalfMatrix
from index.vectors.search_parameters import Parameters, search_parameters

_faiss: Any = faiss  # its type stubs tell the C++ signatures

TUNED_K = 10
"""Parameters are measured for so many hits; more hits, and filters, take more effort."""

_CODES = "RaBitQfs"
"""Two bits a dimension need a tenth of the candidates, and twice the time for each code."""

_QUERY_BITS = 8
"""4 were no faster and lost .002 to .01 of the recall; `centered` changed nothing."""

_LISTS_PER_ROOT = 4
_ROWS_PER_LIST = 32
_MAX_TRAINING_ROWS = 1 << 18
_TRAINING_ROUNDS = 8
"""Of k-means; the rows a list holds hardly change afterwards."""

_ROWS_AT_ONCE = 16_384
_WRITE_BYTES = 1 << 20

_NPROBE_GROWTH = 0.3
_RESCORED_GROWTH = 0.6
"""Exponents, measured at 100,000 rows: for a recall of .98 it took 96 lists for 10 hits, 128 for
100 and for 10 under a filter of a tenth, 192 to 256 for 1000 and for 10 under one of a hundredth;
and ten times the hits took 3.5 to 4 times the candidates. A filter takes no more candidates. Those
figures ask for an exponent of .2 of the lists; a filter that keeps a tenth of the videos, whole,
asks for .3 (recall .982 at 210,000 rows, against .976)."""


class Effort(NamedTuple):
    """How far one search looks."""

    nprobe: int
    num_rescored: int


@dataclass(frozen=True, kw_only=True, slots=True)
class IvfParameters:
    """How an index was built, and how it has to be searched for the recall that was measured."""

    num_lists: int
    nprobe: int
    """Lists that a search for TUNED_K hits without a filter looks into."""

    num_rescored: int
    """Candidates whose exact scores it computes."""

    def __post_init__(self) -> None:
        if not 1 <= self.nprobe <= self.num_lists:
            raise ValueError(f"nprobe must be in 1 to {self.num_lists}, got {self.nprobe}")
        if self.num_rescored < 1:
            raise ValueError(f"num_rescored must be positive, got {self.num_rescored}")

    def effort(self, k: int, *, share: float) -> Effort:
        """What a search for `k` hits takes among a share in (0, 1] of the rows.

        The best `k` rows of a share are spread over as many lists as the best `k / share` of all.
        """
        more = max(1.0, k / TUNED_K)
        nprobe = ceil(self.nprobe * (more / share) ** _NPROBE_GROWTH)
        num_rescored = max(k, ceil(self.num_rescored * more**_RESCORED_GROWTH))
        return Effort(min(nprobe, self.num_lists), num_rescored)


class IvfIndex:
    """Approximate search over the rows of a part; any number of threads may call it."""

    is_exact = False
    score_error = 0.0
    """Its scores are the inner products themselves; rows may be missing."""

    def __init__(self, index: Any, matrix: HalfMatrix, parameters: IvfParameters) -> None:
        self._matrix = matrix  # keeps the memory of its rows alive
        self._parameters = parameters
        self._refined = _faiss.IndexRefine(index, matrix.flat)

    def search(self, query_D: Vectors, k: int, *, keep_N: NDArray[np.bool_] | None = None) -> Found:
        """About the `k` best rows among those to keep; exactly as many, if there are so many.

        A filter that keeps a hundredth of the rows or less is better served by an exact search.
        """
        num_rows = self._matrix.num_rows
        num_kept = num_rows if keep_N is None else int(np.count_nonzero(keep_N))
        k = min(k, num_kept)
        if k == 0:
            return Found(np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64))
        nprobe, num_rescored = self._parameters.effort(k, share=num_kept / num_rows)
        while True:
            found = self._search(query_D, k, keep_N, Effort(nprobe, num_rescored))
            if len(found.rows_k) == k:
                return found
            if nprobe == self._parameters.num_lists:  # FAISS lost one: a code that is no number
                return self._search_flat(query_D, k, keep_N)
            nprobe = min(4 * nprobe, self._parameters.num_lists)

    def close(self) -> None:
        """Nothing to give back."""

    def _search(
        self, query_D: Vectors, k: int, keep_N: NDArray[np.bool_] | None, effort: Effort
    ) -> Found:
        parameters = search_parameters(
            keep_N, nprobe=effort.nprobe, refine_factor=effort.num_rescored / k
        )
        return _found(self._refined, query_D, k, parameters, keep_N)

    def _search_flat(self, query_D: Vectors, k: int, keep_N: NDArray[np.bool_] | None) -> Found:
        return _found(self._matrix.flat, query_D, k, search_parameters(keep_N), keep_N)


def search_lists(index: Any, queries_QD: Vectors, k: int, *, nprobe: int) -> NDArray[np.int64]:
    """Rows whose codes are best (Q, k), best first, in the calling thread; -1 where none is."""
    faiss.omp_set_num_threads(1)
    parameters = search_parameters(nprobe=nprobe)
    rows_Qk: NDArray[np.int64] = index.search(queries_QD, k, params=parameters.faiss)[1]
    return rows_Qk


def num_lists_of(index: Any) -> int:
    """How many lists an index has."""
    return int(_lists_of(index).nlist)


def num_lists_for(num_rows: int) -> int:
    """The power of two that is nearest to four times the root: 1024 for 100,000 rows."""
    return min(num_rows, 1 << max(0, round(log2(_LISTS_PER_ROOT * sqrt(num_rows)))))


def build_ivf(matrix: HalfMatrix, *, seed: int = 0, num_threads: int = 1) -> Any:
    """An index over all rows of a matrix, which has at least one; it is the same for the same seed.

    At most 2**18 rows are float32 at once (0.4 GB at D = 384); beside them the codes, about 90
    bytes a row.
    """
    if not matrix.num_rows:
        raise ValueError("an index needs rows to be built of, got none")
    faiss.omp_set_num_threads(num_threads)
    num_lists = num_lists_for(matrix.num_rows)
    index: Any = faiss.index_factory(
        matrix.embed_dim,
        f"RR{matrix.embed_dim},IVF{num_lists},{_CODES}",
        faiss.METRIC_INNER_PRODUCT,
    )
    lists = _lists_of(index)
    lists.qb = _QUERY_BITS
    lists.cp.niter, lists.cp.seed = _TRAINING_ROUNDS, seed
    lists.cp.min_points_per_centroid, lists.cp.max_points_per_centroid = 1, _ROWS_PER_LIST
    num_training = min(matrix.num_rows, num_lists * _ROWS_PER_LIST, _MAX_TRAINING_ROWS)
    sample = np.random.default_rng(seed).choice(matrix.num_rows, num_training, replace=False)
    index.train(matrix.decode(np.sort(sample)))
    for start in range(0, matrix.num_rows, _ROWS_AT_ONCE):
        index.add(matrix.decode(slice(start, min(start + _ROWS_AT_ONCE, matrix.num_rows))))
    return index


def write_ivf(index: Any, path: Path) -> None:
    """Write a new file and make it durable.

    Raises:
        OSError: the disk is full or broken, or there is such a file.
    """
    # Through Python's file, for an OSError that says what happened instead of a C++ one that does
    # not.
    with path.open("xb") as file:
        _faiss.write_index(index, _faiss.PyCallbackIOWriter(file.write, _WRITE_BYTES))
        file.flush()
        os.fsync(file.fileno())


def open_ivf(path: Path, parameters: IvfParameters, matrix: HalfMatrix) -> IvfIndex:
    """Map an index that `write_ivf` wrote over the rows of `matrix`.

    Raises:
        LibraryCorruptError: it is not there, no such file, or of other rows.
    """
    name = f"{path.parent.name[:8]}/{path.name}"
    try:
        index = map_index(path)
        num_lists = num_lists_of(index)
    except (OSError, RuntimeError, MemoryError, AttributeError) as error:
        reason = str(error).splitlines()[-1]
        raise LibraryCorruptError(
            f"the file {name} of the library's vectors is not one FAISS can read ({reason}): "
            f"run `cpd index repair`"
        ) from error
    found = (index.ntotal, index.d, num_lists)
    expected = (matrix.num_rows, matrix.embed_dim, parameters.num_lists)
    if found != expected:
        raise LibraryCorruptError(
            f"the file {name} of the library's vectors has (rows, dimensions, lists) {found}, "
            f"{expected} were written: run `cpd index repair`"
        )
    return IvfIndex(index, matrix, parameters)


def _lists_of(index: Any) -> Any:
    return faiss.downcast_index(_faiss.extract_index_ivf(index))


def _found(
    index: Any,
    query_D: Vectors,
    k: int,
    parameters: Parameters,
    keep_N: NDArray[np.bool_] | None,
) -> Found:
    """What FAISS finds, without empty places, and without what a filter should have kept out."""
    faiss.omp_set_num_threads(1)  # as the exact search: requests run in parallel instead
    scores_1k, rows_1k = index.search(query_D[np.newaxis], k, params=parameters.faiss)
    scores_k, rows_k = scores_1k[0], rows_1k[0]
    is_found = rows_k >= 0
    if keep_N is not None:
        is_found &= keep_N[rows_k]
    return Found(scores_k[is_found], rows_k[is_found])
