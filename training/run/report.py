"""What a run reports while it goes on: means of its steps, TensorBoard, and warnings."""

from collections.abc import Callable
from typing import Protocol

from training.run.folder import RunFolder
from training.run.window import Window

_STARVED_SHARE = 0.5
_STARVED_STEPS = 20
"""Steps after which the share of waiting is judged; the first ones fill the loader's queue."""

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
        self, on_message: Callable[[str], None], *, chance_loss: float, judged_from_step: int
    ) -> None:
        """
        Args:
            chance_loss: the loss of a model that knows nothing.
            judged_from_step: where a loss at chance means something: warm-up and more is over.
        """
        self._on_message = on_message
        self._chance_loss = chance_loss
        self._judged_from_step = judged_from_step
        self._said: set[str] = set()

    def look(self, step: int, window: Window) -> None:
        """Judge a window that ends at a step."""
        if window.num_steps >= _STARVED_STEPS and window.wait_share > _STARVED_SHARE:
            self._say(
                "starved",
                f"warning: {window.wait_share:.0%} of the time is spent waiting for clips: raise "
                "data.num_workers, store smaller videos, or use model.features",
            )
        loss = window.loss / window.num_steps
        if step >= self._judged_from_step and loss > self._chance_loss * (1 - _CHANCE_MARGIN):
            self._say(
                "chance",
                f"warning: the loss is {loss:.3f} at step {step}, that of a model that knows "
                f"nothing is {self._chance_loss:.3f}: check that captions belong to their videos, "
                "or change optimizer.learning_rate",
            )

    def _say(self, what: str, sentence: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._on_message(sentence)
