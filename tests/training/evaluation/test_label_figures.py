"""Accuracies of lists and classes, and how sure they are where clips come in groups."""

import numpy as np
import pytest

from training.evaluation.label_figures import (
    ClassFigures,
    label_figures,
    label_intervals,
    per_class,
)

RANKS = np.array([1.0, 1.0, 6.0, np.inf, 2.0])
CLASSES = [4, 4, 4, 1, 1]


def test_figures_are_the_ones_worked_out_by_hand():
    assert label_figures(RANKS, CLASSES) == {
        "top1": pytest.approx(2 / 5),
        "top5": pytest.approx(3 / 5),
        "mean_per_class": pytest.approx((2 / 3 + 0) / 2),
    }
    assert per_class(RANKS, CLASSES, ["a", "b", "c", "d", "e"]) == [
        ClassFigures("b", 2, 0.0),
        ClassFigures("e", 3, pytest.approx(2 / 3)),
    ]


def test_clips_of_one_recording_make_a_figure_less_sure():
    ranks = np.repeat([1.0, 2.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0], 10)
    classes = [0] * 80
    groups = [f"g{number // 10}" for number in range(80)]

    alone = label_intervals(ranks, classes)["top1"]
    grouped = label_intervals(ranks, classes, groups_V=groups)["top1"]

    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_a_clip_without_a_group_is_one_of_its_own():
    ranks = np.array([1.0, 2.0, 1.0, 3.0])

    assert label_intervals(ranks, [0] * 4, groups_V=[""] * 4) == label_intervals(ranks, [0] * 4)
