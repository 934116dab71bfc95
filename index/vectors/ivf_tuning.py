"""How far an approximate index has to look, measured on the library's own vectors.

Two kinds of queries are made, because neither alone is enough: *near* ones are rows with noise, as
a search by picture makes them; *far* ones are like texts, which lie apart from all rows: a part of
a row, a part of how two others differ, and noise that nothing in the library shares. As those of
real captions do, their best rows score about .4, many others hardly less, in lists far apart.

At a million rows of 384 dimensions this takes some 50 s of one core, and it grows with the rows.

Axes: Q queries, N rows, k found, D dimensions.
"""

import bisect
import functools
from math import ceil
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.vectors.ivf import (
    TUNED_K,
    IvfParameters,
    num_lists_of,
    search_lists,
)
from index.vectors.matrix import HalfMatrix

_NUM_QUERIES = 200
"""Of each kind: 2,000 wanted rows, so that a recall of .98 is known within .005."""

_MARGIN = 0.25
"""Of the recall that may be missed, how much is kept for queries that were not measured."""

_MAX_RESCORED = 4096
_FIRST_NPROBE = 4
_RESCORED_COST = 30
"""Scanned codes that take as long as one more candidate: 30 ns each, against .9 microseconds to
hold its place among the best and to score its row."""

_ROWS_AT_ONCE = 16_384


class Tuned(NamedTuple):
    """What a search needs, and what it then finds."""

    parameters: IvfParameters

    recall: float
    """Recall@TUNED_K of the worse kind of queries; lower than wanted where none reached it."""


class _Point(NamedTuple):
    """One way to search."""

    nprobe: int
    num_rescored: int
    recall: float
    is_enough: bool
    """Whether all kinds of queries reach the recall aimed at."""

    cost: float
    """In scanned codes."""


def tune(index: Any, matrix: HalfMatrix, *, wanted_recall: float = 0.98, seed: int = 0) -> Tuned:
    """The cheapest parameters that reach a recall on both kinds of queries.

    They depend on the vectors and the seed alone, on no clock.
    """
    faiss.omp_set_num_threads(1)
    queries_QD = np.concatenate(make_queries(matrix, seed=seed))
    true_Qk = nearest_rows(matrix, queries_QD)
    num_lists = num_lists_of(index)
    most_rescored = min(_MAX_RESCORED, matrix.num_rows)  # FAISS pays for places that stay empty

    @functools.cache
    def measured(nprobe: int) -> _Point:
        found_QR = search_lists(index, queries_QD, most_rescored, nprobe=nprobe)
        kinds = zip(np.split(true_Qk, 2), np.split(found_QR, 2), strict=True)
        return _cheapest(
            [ranks_of(*kind) for kind in kinds],
            most_rescored,
            wanted_recall + _MARGIN * (1 - wanted_recall),
            nprobe=nprobe,
            scanned=nprobe * matrix.num_rows / num_lists,
        )

    steps = _growing(num_lists)
    enough = steps[bisect.bisect_left(steps, True, key=lambda nprobe: measured(nprobe).is_enough) :]
    chosen = measured(enough[0] if enough else num_lists)
    for nprobe in enough:
        # More lists hold the same rows among fewer candidates, until the lists alone cost too much.
        if nprobe * matrix.num_rows / num_lists > chosen.cost:
            break
        chosen = min(chosen, measured(nprobe), key=lambda point: point.cost)
    parameters = IvfParameters(
        num_lists=num_lists, nprobe=chosen.nprobe, num_rescored=chosen.num_rescored
    )
    return Tuned(parameters, chosen.recall)


def make_queries(matrix: HalfMatrix, *, seed: int) -> tuple[Vectors, Vectors]:
    """Near and far queries, unit vectors (Q, D) each; see above."""
    rng = np.random.default_rng(seed)
    shape = (_NUM_QUERIES, matrix.embed_dim)
    base_QD, one_QD, other_QD = (
        matrix.decode(rng.integers(0, matrix.num_rows, _NUM_QUERIES)) for _ in range(3)
    )
    noise_QD = _unit(rng.standard_normal(shape, dtype=np.float32))
    near_QD = _unit(_unit(base_QD) + 0.5 * noise_QD)
    mean_D = np.concatenate([base_QD, one_QD, other_QD]).mean(axis=0)
    far_QD = _unit(0.4 * _unit(base_QD - mean_D) + 0.5 * _unit(one_QD - other_QD) + 0.75 * noise_QD)
    return near_QD, far_QD


def nearest_rows(matrix: HalfMatrix, queries_QD: Vectors) -> NDArray[np.int64]:
    """The TUNED_K best rows of each query, or all if they are fewer: by looking at every row."""
    k = min(TUNED_K, matrix.num_rows)
    scores_Qk = np.empty((len(queries_QD), 0), dtype=np.float32)
    rows_Qk = np.empty((len(queries_QD), 0), dtype=np.int64)
    for start in range(0, matrix.num_rows, _ROWS_AT_ONCE):
        block = matrix.decode(slice(start, min(start + _ROWS_AT_ONCE, matrix.num_rows)))
        scores, rows = faiss.knn(
            queries_QD, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT
        )
        scores_Qk = np.concatenate([scores_Qk, scores], axis=1)
        rows_Qk = np.concatenate([rows_Qk, rows + start], axis=1)
        best = np.argsort(-scores_Qk, axis=1, kind="stable")[:, :k]
        scores_Qk = np.take_along_axis(scores_Qk, best, axis=1)
        rows_Qk = np.take_along_axis(rows_Qk, best, axis=1)
    return rows_Qk


def ranks_of(wanted_Qk: NDArray[np.int64], found_QR: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each wanted row stands among the candidates of its query, ascending over all.

    A row that is not there stands behind the last one.
    """
    ranks = [
        np.where(is_there.any(axis=1), is_there.argmax(axis=1), found_QR.shape[1])
        for wanted_k, found_R in zip(wanted_Qk, found_QR, strict=True)
        for is_there in [wanted_k[:, np.newaxis] == found_R]
    ]
    return np.sort(np.concatenate(ranks))


def _cheapest(
    ranks: list[NDArray[np.int64]], most: int, aim: float, *, nprobe: int, scanned: float
) -> _Point:
    """The fewest candidates that reach the aim for all kinds; all of them where none does."""
    last = [int(ranks_k[ceil(aim * len(ranks_k)) - 1]) for ranks_k in ranks]
    num_rescored = min(most, max(TUNED_K, *(rank + 1 for rank in last)))
    recall = min(float(np.mean(ranks_k < num_rescored)) for ranks_k in ranks)
    cost = scanned + _RESCORED_COST * num_rescored
    return _Point(nprobe, num_rescored, recall, recall >= aim, cost)


def _growing(num_lists: int) -> list[int]:
    """4, 6, 8, 12, 16, 24 ... and at last all lists."""
    powers = [_FIRST_NPROBE << i for i in range(num_lists.bit_length())]
    steps = sorted({step for power in powers for step in (power, power * 3 // 2)})
    return [step for step in steps if step < num_lists] + [num_lists]


def _unit(rows_QD: Vectors) -> Vectors:
    norms_Q1 = np.linalg.norm(rows_QD, axis=1, keepdims=True)
    unit_QD: Vectors = rows_QD / np.maximum(norms_Q1, np.finfo(np.float32).tiny)
    return unit_QD
