"""How far an adaptation goes: steps and blends are judged by pairs that were held back."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from training.adapt.folds import Trial, num_judges
from training.adapt.judge import AdaptJudge, HeldRanks, pooled
from training.adapt.learner import AdaptLearner
from training.config import RunConfig
from training.run.window import StepReport

OnLine: TypeAlias = Callable[[dict[str, Any]], None]

WEIGHTS = (0.25, 0.5, 0.75, 1.0)
"""Blends that are judged, beside 0: the start."""


class Candidate(NamedTuple):
    """One way to adapt: what is chosen among."""

    step: int = 0
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate, and how the held-back pairs are found by it."""

    ranks: HeldRanks
    candidate: Candidate = Candidate()  # noqa: RUF009

    @property
    def figures(self) -> dict[str, float]:
        """See `HeldRanks.figures`."""
        return self.ranks.figures()

    def clearly_better_than(self, start: "Choice") -> bool:
        """Whether its gain is more than chance may give, and its recall at least the start's.

        That is more than one standard error of the mean difference, pair by pair.
        """
        gain_H = self.ranks.scores() - start.ranks.scores()
        error = np.std(gain_H, ddof=1) / math.sqrt(len(gain_H)) if len(gain_H) > 1 else math.inf
        recalls = self.figures["recall"], start.figures["recall"]
        return bool(gain_H.mean() > max(error, 1e-9)) and recalls[0] >= recalls[1]


class AdaptCourse:
    """Learns once for each trial, and remembers what each look at the judges showed."""

    def __init__(
        self,
        learner: AdaptLearner,
        judge: AdaptJudge,
        config: RunConfig,
        *,
        trials: Sequence[Trial],
    ) -> None:
        self._learner = learner
        self._judge = judge
        self._trials = trials
        self._total = learner.plan.total_steps
        self._every = max(1, round(config.evaluate_epochs * learner.plan.steps_per_epoch))
        self._ranks: dict[Candidate, list[HeldRanks]] = defaultdict(list)
        self._lines: dict[int, dict[str, Any]] = {}
        held = [judge.ranks(learner.towers, trial.held) for trial in trials]
        self.start = Choice(pooled(held))
        self.best = self.start

    def choose(self, *, on_line: OnLine = lambda line: None) -> None:
        """Try all candidates and set `best`; `on_line` is told the figures of each look."""
        for trial in self._trials:
            self._learner.learn(trial.learned, on_step=partial(self._look, trial))
        for candidate, ranks in self._ranks.items():
            found = Choice(pooled(ranks), candidate)
            score = found.figures["mean_mrr"]
            name = f"mean_mrr_at_{candidate.weight:g}"
            self._lines.setdefault(candidate.step, {"step": candidate.step})[name] = score
            better = score > self.best.figures["mean_mrr"] + 1e-9
            if better and found.clearly_better_than(self.start):
                self.best = found
        for step in sorted(self._lines):
            on_line(self._lines[step])

    def _look(self, trial: Trial, report: StepReport) -> bool:
        if report.step % self._every and report.step != self._total:
            return True
        for weight in WEIGHTS:
            with self._learner.blend.inside(weight):
                found = self._judge.ranks(self._learner.towers, trial.held)
            self._ranks[Candidate(report.step, weight)].append(found)
        return True

    def sentence(self) -> str:
        """How it ended, honestly."""
        judges = f"{num_judges(self._trials)} held-back pairs"
        before, after = self.start.figures, self.best.figures
        if not self.best.candidate.weight:
            return (
                f"the start is kept: no blend found the {judges} better by more than chance may "
                f"(mean reciprocal rank {before['mean_mrr']:.3f})"
            )
        step, weight = self.best.candidate
        return (
            f"on {judges} mean reciprocal rank {before['mean_mrr']:.3f} -> "
            f"{after['mean_mrr']:.3f}, recall {before['recall']:.3f} -> {after['recall']:.3f}: "
            f"weight {weight:g} of step {step}"
        )
