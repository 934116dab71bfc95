"""Figures of retrieval and labelling from scores: pure functions over NumPy arrays.

Axes: Q queries (or videos to label), V candidates (videos, or classes), N items of a sample.

A rank is 1 for the best candidate. `inf` is the rank of a target that cannot be found at all,
because its file failed: it is a miss at every k, also where k is larger than the pool.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

TIE_TOLERANCE = 1e-6
"""Cosines closer than this are a tie: float32 sums over D products cannot tell them apart."""


INTERVAL_SEED = 20_240_601
"""Of all resampling, so that an interval repeats."""


class Interval(NamedTuple):
    """A confidence interval [low, high]."""

    low: float
    high: float


def pessimistic_ranks(
    scores_QV: NDArray[np.floating], targets_Q: Sequence[int], *, tolerance: float = TIE_TOLERANCE
) -> Floats:
    """Rank of each query's target, every tie counted against it.

    So a model that gives all candidates one score gets the last rank, not the first.

    Args:
        scores_QV: larger is better. -inf or NaN marks a candidate that could not be scored: it
            stands behind all others as a candidate, and is never found as a target.
        targets_Q: column of each query's target.
        tolerance: candidates at most this far below the target count as tied with it.

    Returns:
        float64 (Q,), 1..V, or inf where the target itself could not be scored.
    """
    scores = np.where(np.isnan(scores_QV), -np.inf, scores_QV).astype(np.float64)
    if scores.ndim != 2 or len(targets_Q) != len(scores):
        raise ValueError(
            f"scores must be (Q, V) with one target a row, got {scores.shape} and {len(targets_Q)}"
        )
    target_scores_Q1 = np.take_along_axis(
        scores, np.asarray(targets_Q, dtype=np.intp).reshape(-1, 1), axis=1
    )
    ranks_Q = (scores >= target_scores_Q1 - tolerance).sum(axis=1).astype(np.float64)
    return np.where(np.isneginf(target_scores_Q1[:, 0]), np.inf, ranks_Q)


def best_own_ranks(
    scores_QV: NDArray[np.floating], owners_V: Sequence[int], *, tolerance: float = TIE_TOLERANCE
) -> Floats:
    """Rank of each query's best own candidate among those of others, every tie counted against it.

    A query's other own candidates never stand before it: a video with five captions is found as
    soon as one of them is.

    Args:
        scores_QV: as in `pessimistic_ranks`.
        owners_V: row of the query that each candidate belongs to; each query owns one or more.

    Returns:
        float64 (Q,), 1 or more, or inf where no own candidate could be scored.
    """
    scores = np.where(np.isnan(scores_QV), -np.inf, scores_QV).astype(np.float64)
    own_QV = np.asarray(owners_V) == np.arange(len(scores))[:, None]
    if not own_QV.any(axis=1).all():
        raise ValueError("every query needs a candidate of its own")
    best_Q1 = np.where(own_QV, scores, -np.inf).max(axis=1, keepdims=True)
    ahead_Q = ((scores >= best_Q1 - tolerance) & ~own_QV).sum(axis=1)
    return np.where(np.isneginf(best_Q1[:, 0]), np.inf, 1.0 + ahead_Q)


def recall_at(ranks_Q: Floats, k: int) -> float:
    """Share of queries whose target is among the first k, in [0, 1]."""
    return float((_some(ranks_Q) <= k).mean())


def median_rank(ranks_Q: Floats, *, num_candidates: int) -> float:
    """Median rank; a target that cannot be found stands at the last of `num_candidates`."""
    return float(np.median(np.minimum(_some(ranks_Q), num_candidates)))


def mean_reciprocal_rank(ranks_Q: Floats) -> float:
    """Mean of 1 / rank, in [0, 1]; a target that cannot be found adds 0."""
    return float((1 / _some(ranks_Q)).mean())


def mean_per_class(
    correct_N: NDArray[np.bool_], classes_N: Sequence[int] | NDArray[np.intp]
) -> float:
    """Accuracy of each class that occurs, averaged so that each weighs the same, in [0, 1]."""
    classes = np.asarray(classes_N)
    correct = _some(np.asarray(correct_N, dtype=np.float64))
    _, class_of_N, counts_C = np.unique(classes, return_inverse=True, return_counts=True)
    return float((np.bincount(class_of_N, weights=correct) / counts_C).mean())


def rank_figures(ranks_Q: Floats, *, num_candidates: int) -> dict[str, float]:
    """Recalls at 1, 5 and 10, median rank and mean reciprocal rank, by their names in JSON."""
    return {name: figure(ranks_Q) for name, figure in _rank_statistics(num_candidates).items()}


def rank_intervals(ranks_Q: Floats, *, num_candidates: int) -> dict[str, Interval]:
    """Bootstrap intervals over the queries of what `rank_figures` gives, by the same names."""

    def interval(figure: Callable[[Floats], float]) -> Interval:
        return bootstrap_interval(
            len(ranks_Q), lambda items: figure(ranks_Q[items]), seed=INTERVAL_SEED
        )

    statistics = _rank_statistics(num_candidates)
    return {name: interval(figure) for name, figure in statistics.items()}


def _rank_statistics(num_candidates: int) -> dict[str, Callable[[Floats], float]]:
    return {
        "recall_at_1": partial(recall_at, k=1),
        "recall_at_5": partial(recall_at, k=5),
        "recall_at_10": partial(recall_at, k=10),
        "median_rank": partial(median_rank, num_candidates=num_candidates),
        "mrr": mean_reciprocal_rank,
    }


def bootstrap_interval(
    num_items: int,
    statistic: Callable[[NDArray[np.intp]], float],
    *,
    seed: int,
    num_resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile bootstrap interval of a statistic over items drawn again with replacement.

    It tells how much the figure would move with another sample of the same kind and size; it knows
    nothing of how the sample was chosen.

    Args:
        statistic: from positions of items, (num_items,) with repetitions, to the figure.
        confidence: share of resampled figures inside the interval, in (0, 1).

    Source: Efron, Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    if num_items < 1 or not 0 < confidence < 1:
        raise ValueError(
            f"num_items must be positive and confidence in (0, 1), got {num_items}, {confidence}"
        )
    random = np.random.default_rng(seed)
    figures = [
        statistic(random.integers(0, num_items, size=num_items)) for _ in range(num_resamples)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(figures, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _some(values_N: Floats) -> Floats:
    if len(values_N) == 0:
        raise ValueError("a figure needs at least one item")
    return values_N
