"""One adaptation in memory: from pairs to a chosen blend of a start and of what was learned."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from cpd_model.bundles.bundle import open_model
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from training.adapt.course import AdaptCourse, OnLine
from training.adapt.folds import Trial, readable_trials
from training.adapt.judge import AdaptJudge
from training.adapt.learner import AdaptLearner
from training.adapt.pairs import AdaptPairs, caption_kinds
from training.adapt.start import find_start, grown_changes
from training.config import RunConfig
from training.data.batch import BatchOrder
from training.data.pair import Pair
from training.features.stream import FeaturePairs, feature_pairs
from training.run.loop import Plan
from training.run.model import OnMessage, RunModel, build_model


class Adaptation:
    """From pairs to a chosen blend, in memory: `prepare`, then `learn`."""

    def __init__(
        self,
        pairs: AdaptPairs,
        config: RunConfig,
        *,
        device: str = "cpu",
        max_steps: int | None = None,
    ) -> None:
        self.pairs = pairs
        self.config = config
        self.device = device
        steps_per_epoch = max(1, len(pairs.train) // config.data.batch_size)
        total = max(1, round(config.epochs * steps_per_epoch))
        self.plan = Plan(
            steps_per_epoch=steps_per_epoch,
            total_steps=total if max_steps is None else min(total, max_steps),
        )
        self.start: Path
        self.built: RunModel
        self.trials: list[Trial]
        """Those of the pairs that can be read."""

        self.course: AdaptCourse

    def prepare(self, *, on_message: OnMessage = lambda message: None) -> None:
        """Build the grown start, and compute the features that the cache lacks.

        Raises:
            InputError: the start cannot be adapted, or too many clips cannot be read.
            ModelError: the start cannot be had.
        """
        choice = self.config.model
        self.start = find_start(choice.start)
        grown = replace(choice, start=str(self.start), changes=grown_changes(choice, self.start))
        self.built = build_model(grown, seed=self.config.seed, on_message=on_message)
        network: nn.Module = self.built.model
        network.to(self.device)
        everything = [*self.pairs.train, *self.pairs.val]
        one = BatchOrder(num_items=len(everything), batch_size=1, seed=self.config.seed)
        stream = self._stream(everything, one, on_message)
        readable = stream.table.readable().tolist()
        self.trials = readable_trials(self.pairs.trials, readable)
        self._learned = [item for item in range(len(self.pairs.train)) if readable[item]]
        self._learner = AdaptLearner(
            self.built,
            stream.in_order,
            self.config,
            kinds=caption_kinds(everything),
            plan=self.plan,
        )
        judge = AdaptJudge(everything, stream)
        self.course = AdaptCourse(self._learner, judge, self.config, trials=self.trials)

    def learn(self, *, on_line: OnLine = lambda line: None) -> None:
        """Choose how far to go, and go; `on_line` is told the figures of each look."""
        self.course.choose(on_line=on_line)
        step, weight = self.course.best.candidate
        if weight:
            self._learner.learn(self._learned, on_step=lambda report: report.step < step)

    def result(self) -> tuple[CPDModel, CPDProcessor]:
        """The chosen blend; where that is the start, the start as it was."""
        weight = self.course.best.candidate.weight
        if not weight:
            return open_model(self.start)
        model = self.built.model
        blended = self._learner.blend.weights(weight)
        model.load_state_dict({**model.state_dict(), **blended})
        model.cpd_config.similarity_temperature = self._learner.temperature
        return model, self.built.processor

    def _stream(self, pairs: list[Pair], order: BatchOrder, on_message: OnMessage) -> FeaturePairs:
        return feature_pairs(
            pairs,
            self.built.model,
            self.built.processor,
            config=self.config,
            order=order,
            device=self.device,
            on_bad=lambda pair, reason: on_message(f"{pair.id} cannot be read: {reason}"),
        )
