"""Learning rate and curriculum as pure functions of the step: resuming needs no bookkeeping."""

import math
from typing import Literal, TypeAlias

from training.config import Curriculum, OptimizerChoice

Stage: TypeAlias = Literal["I", "II"]
"""Of the curriculum: text encoder frozen, or learning."""


def learning_rate_factor(
    step: int, choice: OptimizerChoice, *, steps_per_epoch: int, total_steps: int
) -> float:
    """What the full rate is multiplied by at a step, in [0, 1].

    Warm-up is linear and its last step has the full rate; the schedule's own decay counts from
    step 0, except that a cosine begins to fall where the warm-up ends, and ends above 0.
    """
    warmup_steps = choice.warmup_epochs * steps_per_epoch
    if step + 1 < warmup_steps:
        return (step + 1) / warmup_steps
    if choice.schedule == "milestones":
        return _decayed(step, choice, steps_per_epoch=steps_per_epoch, after_epoch=-math.inf)
    if choice.schedule == "cosine":
        falling_steps = max(1.0, total_steps - warmup_steps)
        progress = min(1.0, max(0.0, step - warmup_steps) / falling_steps)
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0


def text_learning_rate_factor(
    step: int,
    choice: OptimizerChoice,
    *,
    unfreeze_epoch: float | None,
    steps_per_epoch: int,
    total_steps: int,
) -> float:
    """The same for the text encoder, whose rate is set anew where stage II begins.

    Milestones up to there do not lower it: the authors give it 3e-5 at epoch 150, after the
    first of their three, and only the two that follow count.
    """
    factor = learning_rate_factor(
        step, choice, steps_per_epoch=steps_per_epoch, total_steps=total_steps
    )
    warming_up = step + 1 < choice.warmup_epochs * steps_per_epoch
    if unfreeze_epoch is None or choice.schedule != "milestones" or warming_up:
        return factor
    return _decayed(step, choice, steps_per_epoch=steps_per_epoch, after_epoch=unfreeze_epoch)


def stage(step: int, curriculum: Curriculum, *, steps_per_epoch: int) -> Stage:
    """Which part of the curriculum a step belongs to.

    Source: arXiv 2001.05691; `epoch > 150`, counted from 1, in the authors' main.py.
    """
    start = curriculum.unfreeze_epoch
    return "II" if start is not None and step >= start * steps_per_epoch else "I"


def _decayed(
    step: int, choice: OptimizerChoice, *, steps_per_epoch: int, after_epoch: float
) -> float:
    """`decay` once for each milestone later than an epoch that has been reached."""
    reached = sum(
        after_epoch < milestone and step >= milestone * steps_per_epoch
        for milestone in choice.milestones
    )
    return choice.decay**reached
