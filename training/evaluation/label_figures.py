"""Accuracies of naming videos, of whole lists and of each class, with how sure they are.

Axes: V videos, N positions in a list of videos.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import (
    INTERVAL_SEED,
    Floats,
    Interval,
    bootstrap_interval,
    mean_per_class,
    recall_at,
)


class ClassFigures(NamedTuple):
    """How a class that occurs was named."""

    name: str
    num_videos: int
    top1: float
    """Share of its videos that were named right, in [0, 1]."""


def label_figures(ranks_V: Floats, classes_V: Sequence[int]) -> dict[str, float]:
    """Top-1, top-5 and the mean of each class's top-1, by their names in JSON."""
    return {
        "top1": recall_at(ranks_V, 1),
        "top5": recall_at(ranks_V, 5),
        "mean_per_class": mean_per_class(ranks_V <= 1, classes_V),
    }


def label_intervals(
    ranks_V: Floats, classes_V: Sequence[int], *, groups_V: Sequence[str] | None = None
) -> dict[str, Interval]:
    """95 % bootstrap intervals of what `label_figures` gives, by the same names.

    Args:
        groups_V: where given, whole groups are drawn: videos cut from one recording succeed or fail
            together, and drawn one by one they would make a figure look surer than it is. A video
            whose group is empty is a group of its own.
    """
    labels = np.asarray(classes_V)
    members = _members(groups_V, len(ranks_V))

    def interval(name: str) -> Interval:
        def statistic(picks: NDArray[np.intp]) -> float:
            items_N = np.concatenate([members[pick] for pick in picks])
            return label_figures(ranks_V[items_N], labels[items_N].tolist())[name]

        return bootstrap_interval(len(members), statistic, seed=INTERVAL_SEED)

    return {name: interval(name) for name in ("top1", "top5", "mean_per_class")}


def per_class(
    ranks_V: Floats, classes_V: Sequence[int], names: Sequence[str]
) -> list[ClassFigures]:
    """Figures of each class that occurs, in the order of the list of classes."""
    labels = np.asarray(classes_V)
    return [
        ClassFigures(
            names[label], int((labels == label).sum()), recall_at(ranks_V[labels == label], 1)
        )
        for label in np.unique(labels).tolist()
    ]


def _members(groups_V: Sequence[str] | None, num_videos: int) -> list[NDArray[np.intp]]:
    """Positions of the videos of each group."""
    groups: dict[str | int, list[int]] = {}
    for position in range(num_videos):
        name = groups_V[position] if groups_V is not None else ""
        groups.setdefault(name or position, []).append(position)
    return [np.array(positions, dtype=np.intp) for positions in groups.values()]
