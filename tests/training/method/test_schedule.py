"""Rates and stages by hand, and what holds at every step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Curriculum, OptimizerChoice
from training.method.schedule import learning_rate_factor, stage, text_learning_rate_factor

PAPER = OptimizerChoice(schedule="milestones", milestones=(100.0, 201.0, 250.0), decay=0.1)


def factor(step, choice, *, steps_per_epoch=10, total_steps=3000):
    return learning_rate_factor(
        step, choice, steps_per_epoch=steps_per_epoch, total_steps=total_steps
    )


def text_factor(step, *, unfreeze_epoch=150.0, choice=PAPER):
    return text_learning_rate_factor(
        step, choice, unfreeze_epoch=unfreeze_epoch, steps_per_epoch=10, total_steps=3000
    )


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 1), (999, 1), (1000, 0.1), (2009, 0.1), (2010, 0.01), (2499, 0.01), (2500, 0.001)],
)
def test_the_paper_lowers_its_rate_at_three_epochs(step, expected):
    assert factor(step, PAPER) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("step", "expected"), [(1500, 1), (2009, 1), (2010, 0.1), (2500, 0.01), (2999, 0.01)]
)
def test_the_text_encoder_begins_with_its_whole_rate_at_epoch_150(step, expected):
    """Only milestones after stage II began count: 3e-5, then 3e-6, then 3e-7 as the authors do."""
    assert text_factor(step) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_without_milestones_the_text_encoder_follows_the_others(schedule):
    choice = OptimizerChoice(schedule=schedule, warmup_epochs=2.0)

    for step in (0, 10, 1500, 2999):
        assert text_factor(step, choice=choice) == factor(step, choice)


def test_a_warm_up_counts_for_the_text_encoder_too():
    choice = OptimizerChoice(schedule="milestones", milestones=(), warmup_epochs=1.0)

    assert text_factor(4, choice=choice, unfreeze_epoch=0.0) == 0.5


def test_a_warm_up_rises_by_equal_steps_to_the_full_rate():
    choice = OptimizerChoice(schedule="constant", warmup_epochs=0.5)

    assert [factor(step, choice) for step in range(7)] == [0.2, 0.4, 0.6, 0.8, 1, 1, 1]


def test_a_cosine_is_half_way_down_in_the_middle_of_its_fall():
    choice = OptimizerChoice(schedule="cosine", warmup_epochs=2.0)

    values = [factor(step, choice, total_steps=100) for step in (20, 40, 60, 80, 99)]

    expected = [(1 + math.cos(math.pi * part)) / 2 for part in (0, 0.25, 0.5, 0.75, 79 / 80)]
    assert values == pytest.approx(expected)
    assert values[2] == pytest.approx(0.5)


@given(
    schedule=st.sampled_from(["constant", "milestones", "cosine"]),
    warmup_epochs=st.floats(0, 20),
    milestones=st.lists(st.floats(0, 20), max_size=4).map(tuple),
    decay=st.floats(0, 1),
    steps_per_epoch=st.integers(1, 30),
    total_steps=st.integers(1, 300),
)
def test_a_rate_rises_once_then_falls_and_stays_in_range(
    schedule, warmup_epochs, milestones, decay, steps_per_epoch, total_steps
):
    choice = OptimizerChoice(
        schedule=schedule, warmup_epochs=warmup_epochs, milestones=milestones, decay=decay
    )
    factors = [
        factor(step, choice, steps_per_epoch=steps_per_epoch, total_steps=total_steps)
        for step in range(total_steps)
    ]

    assert all(0 <= value <= 1 for value in factors)
    assert factors[0] > 0 or decay == 0
    warm = min(total_steps, max(0, math.ceil(warmup_epochs * steps_per_epoch) - 1))
    assert factors[:warm] == sorted(factors[:warm])
    assert factors[warm:] == sorted(factors[warm:], reverse=True)


def test_stage_two_begins_with_its_epoch():
    curriculum = Curriculum(unfreeze_epoch=1.5)

    stages = [stage(step, curriculum, steps_per_epoch=4) for step in range(8)]

    assert stages == ["I"] * 6 + ["II"] * 2


@given(step=st.integers(0, 10**6))
def test_stage_two_begins_at_once_or_never_when_told(step):
    assert stage(step, Curriculum(unfreeze_epoch=None), steps_per_epoch=7) == "I"
    assert stage(step, Curriculum(unfreeze_epoch=0), steps_per_epoch=7) == "II"
