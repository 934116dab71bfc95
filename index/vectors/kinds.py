"""What finds the candidates of a part: one small protocol, exact search, and which kind to build.

    exact   every row is looked at: an IndexScalarQuantizer of float16, or a copy of it on a GPU
    ivf     the lists whose centres are nearest: approximate, with a measured recall
            (`index.vectors.ivf`)

Axes: N rows, k found, D dimensions.
"""

from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args

import faiss
import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.vectors.matrix import HalfMatrix
from index.vectors.search_parameters import search_parameters

PartKind: TypeAlias = Literal["exact", "ivf"]
"""How a part is searched."""

IndexKind: TypeAlias = Literal["auto", "exact", "ivf"]
"""What is asked for; `auto` takes what suits the size."""

INDEX_KINDS: tuple[str, ...] = get_args(IndexKind)

IVF_FROM_ROWS = 200_000
"""From here on `auto` builds IVF: an exact search of so many rows takes 15 ms of one core."""

IVF_AT_LEAST_ROWS = 1_000
"""With fewer rows there is nothing to gain, even where IVF is asked for."""

WANTED_RECALL = 0.98
"""Recall@10 that an approximate index has to reach to be used unasked."""


class Found(NamedTuple):
    """The nearest rows of one query, best first."""

    scores_k: Vectors
    """Inner products with the stored rows, exact or approximate."""

    rows_k: NDArray[np.int64]


class PartIndex(Protocol):
    """Inner-product search over the fixed rows of a part; any number of threads may call it."""

    @property
    def is_exact(self) -> bool:
        """Whether it looks at every row."""
        ...

    @property
    def score_error(self) -> float:
        """How far its scores may lie from the inner products, where it is exact."""
        ...

    def search(self, query_D: Vectors, k: int, *, keep_N: NDArray[np.bool_] | None = None) -> Found:
        """The `k` best rows among those to keep, 1 <= k <= how many those are."""
        ...

    def close(self) -> None:
        """Give back what it holds beside mapped memory."""
        ...


class ExactIndex:
    """FAISS in the calling thread, over all rows of a matrix."""

    is_exact = True
    score_error = 1e-6

    def __init__(self, matrix: HalfMatrix) -> None:
        self._flat = matrix.flat

    def search(self, query_D: Vectors, k: int, *, keep_N: NDArray[np.bool_] | None = None) -> Found:
        # One query is one walk through memory: a second OpenMP thread gains nothing when it gets a
        # core and spins when it does not (200,000 x 384: 19 ms with one thread, 100 ms with two on
        # two busy cores). Requests run in parallel instead. The setting belongs to the calling
        # thread.
        faiss.omp_set_num_threads(1)
        parameters = search_parameters(keep_N)
        scores_1k, rows_1k = self._flat.search(query_D[np.newaxis], k, params=parameters.faiss)
        return Found(scores_1k[0], rows_1k[0])

    def close(self) -> None:
        """Nothing to give back."""


def kind_for(num_rows: int, asked: IndexKind) -> PartKind:
    """The kind of a part of so many rows; the few rows of a small publish are always exact."""
    if asked == "exact":
        return "exact"
    enough = IVF_FROM_ROWS if asked == "auto" else IVF_AT_LEAST_ROWS
    return "ivf" if num_rows >= enough else "exact"
