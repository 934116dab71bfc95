"""What happens between the steps of a run: figures, evaluation, checkpoints, the end."""

import time
from typing import Any

from training.config import RunConfig
from training.run.checkpoint import CheckpointFolder
from training.run.distributed import any_of, wait_for_all
from training.run.events import RunListener
from training.run.folder import RunFolder
from training.run.loop import Plan, TrainState
from training.run.recall import Judge, recall_figures
from training.run.report import Curves, Warnings
from training.run.stop_signals import StopWish
from training.run.window import StepReport, Window

_LINE_STEPS = 50
"""Most steps that one line of metrics.jsonl stands for."""


class Course:
    """Called after each step of `train`; answers whether to go on.

    Only the first process writes and evaluates; the others wait where it takes time.
    """

    def __init__(
        self,
        state: TrainState,
        config: RunConfig,
        *,
        plan: Plan,
        folder: RunFolder,
        checkpoints: CheckpointFolder,
        judge: Judge | None,
        listener: RunListener,
        curves: Curves | None,
        warnings: Warnings,
        wish: StopWish,
    ) -> None:
        self._state = state
        self._config = config
        self._plan = plan
        self._folder = folder
        self._checkpoints = checkpoints
        self._judge = judge
        self._listener = listener
        self._curves = curves
        self._warnings = warnings
        self._wish = wish
        self._evaluate_steps = max(1, round(config.evaluate_epochs * plan.steps_per_epoch))
        self._line_steps = max(1, min(_LINE_STEPS, plan.steps_per_epoch, self._evaluate_steps))
        self.last_figures: dict[str, Any] = {}
        """Of the newest line of metrics."""

    def __call__(self, report: StepReport) -> bool:
        """Whether to go on after this step."""
        self._state.window.add(report)
        last = report.step == self._plan.total_steps
        due = last or report.step % self._evaluate_steps == 0
        if due or report.step % self._line_steps == 0:
            self._tell(report, evaluate=due)
        stopping = any_of(bool(self._wish), device=str(self._state.towers.model.device))
        if last or stopping or report.step % self._config.checkpoint_steps == 0:
            self._save()
        return not stopping

    def _tell(self, report: StepReport, *, evaluate: bool) -> None:
        if self._plan.processes.first:
            line: dict[str, Any] = {
                "step": report.step,
                "epoch": round(report.step / self._plan.steps_per_epoch, 4),
                "stage": self._state.towers.stage,
                **self._state.window.figures(),
                "learning_rate": report.learning_rate,
                "gradient_norm": report.gradient_norm,
                **self._state.objective.figures(),
                **(self._evaluate(report.step) if evaluate else {}),
            }
            self._folder.add_metrics(line)
            self._draw(line)
            self._warnings.look(report.step, self._state.window)
            self._listener.measured(line)
            self.last_figures = line
        self._state.window = Window()
        if evaluate:
            wait_for_all()

    def _evaluate(self, step: int) -> dict[str, float]:
        """Recalls of the weights that the run would end with now; the best ones are kept."""
        if self._judge is None:
            return {}
        started = time.perf_counter()
        figures = recall_figures(self._judge, self._state.towers)
        if figures["recall"] > self._state.best.get("recall", -1.0):
            self._state.best = {**figures, "step": step}
            self._checkpoints.save_best(self._state)
        return {**figures, "evaluation_seconds": time.perf_counter() - started}

    def _draw(self, line: dict[str, Any]) -> None:
        if self._curves is None:
            return
        for name, value in line.items():
            if name != "step" and isinstance(value, int | float):
                self._curves.add_scalar(name, float(value), line["step"])

    def _save(self) -> None:
        if self._plan.processes.first:
            self._checkpoints.save(self._state)
        wait_for_all()
