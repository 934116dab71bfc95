"""What happens between the steps of an adaptation: blends are judged, the best is remembered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from training.adapt_judge import AdaptJudge
from training.blend import WeightBlend
from training.config import RunConfig
from training.loop import Plan, StepReport, TrainState

OnLine: TypeAlias = Callable[[dict[str, Any]], None]

WEIGHTS = (0.25, 0.5, 0.75, 1.0)
"""Blends that are judged, beside 0: the start."""

PATIENCE = 6
"""Looks at the held-back pairs without a better blend, after which training ends."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A blend, and what it does on the held-back pairs."""

    figures: dict[str, float]
    step: int = 0
    weight: float = 0.0

    def better_than(self, other: "Choice", start: "Choice") -> bool:
        """Whether both figures are at least the start's, and the first above the other's."""
        return (
            self.figures["mean_mrr"] > other.figures["mean_mrr"] + 1e-9
            and self.figures["mean_mrr"] >= start.figures["mean_mrr"]
            and self.figures["recall"] >= start.figures["recall"]
        )


class AdaptCourse:
    """Called after each step: judges blends, remembers the best, ends when none comes any more."""

    def __init__(
        self,
        state: TrainState,
        judge: AdaptJudge,
        config: RunConfig,
        *,
        plan: Plan,
    ) -> None:
        self.state = state
        self.judge = judge
        self._total = plan.total_steps
        self._every = max(1, round(config.evaluate_epochs * plan.steps_per_epoch))
        self._blend = WeightBlend(state.towers.model)
        self.on_line: OnLine = lambda line: None
        self._looks_in_vain = 0
        self.start = Choice(judge.figures(state.towers))
        self.best = self.start
        self.weights: dict[str, Any] = {}
        """Those of the best blend; empty while that is the start."""

    def __call__(self, report: StepReport) -> bool:
        """Whether to go on."""
        if report.step % self._every and report.step != self._total:
            return True
        before = self.best
        line: dict[str, Any] = {
            "step": report.step,
            "loss": report.loss,
            "learning_rate": report.learning_rate,
        }
        for weight in WEIGHTS:
            line[f"mean_mrr_at_{weight:g}"] = self._look(report.step, weight)["mean_mrr"]
        self.on_line(line)
        self._looks_in_vain = 0 if self.best is not before else self._looks_in_vain + 1
        return self._looks_in_vain < PATIENCE

    def _look(self, step: int, weight: float) -> dict[str, float]:
        with self._blend.inside(weight):
            found = Choice(self.judge.figures(self.state.towers), step, weight)
        if found.better_than(self.best, self.start):
            self.best = found
            self.weights = self._blend.weights(weight)
        return found.figures

    @property
    def step(self) -> int:
        """Steps that are done."""
        return self.state.step

    def sentence(self, num_held: int) -> str:
        """How it ended, honestly."""
        if not self.best.weight:
            return (
                f"the start is kept: no blend found the {num_held} held-back pairs better "
                f"(mean reciprocal rank {self.start.figures['mean_mrr']:.3f})"
            )
        return (
            f"on {num_held} held-back pairs mean reciprocal rank "
            f"{self.start.figures['mean_mrr']:.3f} -> {self.best.figures['mean_mrr']:.3f}, recall "
            f"{self.start.figures['recall']:.3f} -> {self.best.figures['recall']:.3f}: "
            f"weight {self.best.weight:g} of step {self.best.step}"
        )
