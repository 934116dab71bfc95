"""What a run reports while it goes on: means of its steps, TensorBoard, and warnings."""

import math
from collections.abc import Callable
from typing import Protocol

from training.run.folder import RunFolder
from training.run.window import Window

_STARVED_SHARE = 0.5
_STARVED_STEPS = 20
"""Steps after which the share of waiting is judged; the first ones fill the loader's queue."""

_JUDGED_STEPS = 10
"""Fewest whose mean loss is judged."""

_FALLING_SHARE = 0.1
"""A loss that fell by less than this share from one judged part to the next no longer falls."""

_CHANCE_MARGIN = 0.02
"""A loss that is within this share of chance has learned nothing."""


class Curves(Protocol):
    """Where figures become curves: TensorBoard."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def close(self) -> None: ...


def open_curves(folder: RunFolder) -> Curves:
    """TensorBoard's files of a run."""
    from tensorboardX import SummaryWriter

    curves: Curves = SummaryWriter(str(folder.tensorboard))
    return curves


class Warnings:
    """Says once each what goes wrong slowly."""

    def __init__(
        self,
        on_message: Callable[[str], None],
        *,
        chance_loss: float,
        judged_from_step: int,
        judged_steps: int,
    ) -> None:
        """
        Args:
            chance_loss: the loss of a model that knows nothing and knows that. One that knows
                nothing may be far above it: a random start is sure of what is wrong, the more
                so the fewer its dimensions, and first loses that. So a loss that still falls
                says nothing.
            judged_from_step: where a loss at chance means something: warm-up and more is over.
            judged_steps: whose mean is compared with that of as many before them, an epoch.
        """
        self._on_message = on_message
        self._chance_loss = chance_loss
        self._judged_from_step = judged_from_step
        self._judged_steps = max(_JUDGED_STEPS, judged_steps)
        self._num_steps, self._loss = 0, 0.0
        self._loss_before = math.inf
        self._said: set[str] = set()

    def look(self, step: int, window: Window) -> None:
        """Judge a window that ends at a step."""
        if window.num_steps >= _STARVED_STEPS and window.wait_share > _STARVED_SHARE:
            self._say(
                "starved",
                f"warning: {window.wait_share:.0%} of the time is spent waiting for clips: raise "
                "data.num_workers, store smaller videos, or use model.features",
            )
        if step >= self._judged_from_step:
            self._judge_loss(step, window)

    def _judge_loss(self, step: int, window: Window) -> None:
        self._num_steps += window.num_steps
        self._loss += window.loss
        if self._num_steps < self._judged_steps:
            return
        loss, before = self._loss / self._num_steps, self._loss_before
        self._num_steps, self._loss, self._loss_before = 0, 0.0, loss
        falls = loss < before * (1 - _FALLING_SHARE)
        if not falls and loss > self._chance_loss * (1 - _CHANCE_MARGIN):
            self._say(
                "chance",
                f"warning: the loss is {loss:.3f} at step {step} and no longer falls, that of a "
                f"model that knows nothing is {self._chance_loss:.3f}: check that captions belong "
                "to their videos, or change optimizer.learning_rate",
            )

    def _say(self, what: str, sentence: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._on_message(sentence)
