"""`cpd train adapt`: a model made better for one's own captions, on a CPU, in minutes.

The heads of a start, and a small residual over frames that begins at zero, learn from features of
its frozen towers. Now and then the weights are judged by held-back pairs, at several blends with
the start, and the best blend is the result. The start itself is one of them: what comes out is
never worse on the held-back pairs than what went in.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cpd_model.bundle import is_bundle
from cpd_model.config import CPDConfig, FramesOptions
from cpd_model.devices import choose_device
from cpd_model.errors import InputError
from cpd_model.loading import find_model
from training.adapt_judge import AdaptJudge
from training.adapt_order import CaptionOrder
from training.adapt_pairs import AdaptPairs, caption_kinds, read_adapt_pairs
from training.adapt_result import write_adapted
from training.batch import BatchOrder
from training.blend import WeightBlend
from training.config import ModelChoice, RunConfig
from training.features import FeaturePairs, feature_pairs
from training.learners import build_optimizer
from training.loop import Plan, StepReport, TrainState, train
from training.objective import build_objective
from training.run_folder import RunFolder
from training.run_model import RunModel, build_model
from training.run_pairs import RunPairs
from training.run_record import first_record
from training.run_report import open_curves
from training.towers import PairTowers

if TYPE_CHECKING:
    from training.run import RunRequest, RunResult

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


def run_adaptation(request: "RunRequest", *, console: Console, command: str) -> "RunResult":
    """Adapt a bundle to captioned clips, see `training.run.run_training`.

    What was stopped starts again with --resume: it takes minutes, and most of them are features,
    which are kept.
    """
    from training.run import RunResult

    folder = RunFolder(request.out)
    folder.check(resume=request.resume)
    run = _Adaptation(request, console=console, folder=folder)
    figures, step = run.go(command)
    return RunResult(bundle=folder.bundle, step=step, figures=figures, interrupted=False)


class _Adaptation:
    def __init__(self, request: "RunRequest", *, console: Console, folder: RunFolder) -> None:
        self._request = request
        self._config = request.config
        self._console = console
        self._folder = folder
        self._device = choose_device(request.device)

    def go(self, command: str) -> tuple[dict[str, Any], int]:
        started = time.time()
        request = self._request
        if request.pairs is None:
            raise InputError(
                "the recipe adapt learns from your videos: name their list with --pairs"
            )
        pairs = read_adapt_pairs(
            request.pairs,
            request.val,
            seed=self._config.seed,
            caption_from=request.caption_from,
            on_message=self._say,
        )
        start = find_start(self._config.model.start)
        built = build_model(
            replace(self._config.model, **_grown(self._config.model, start)),
            seed=self._config.seed,
            on_message=self._say,
        )
        order = self._order(pairs.train)
        plan = self._plan(order)
        state = self._state(built, pairs, order)
        learned, judge = self._streams(pairs, built, order)
        record = first_record(
            self._config,
            RunPairs(pairs.name, pairs.train, pairs.val, pairs.fingerprint),
            plan=plan,
            device=self._device,
            command=command,
        )
        self._folder.write(record)
        self._folder.forget_metrics_after(-1)
        course = AdaptCourse(state, judge, self._config, plan=plan, folder=self._folder)
        batches = learned.batches(0, plan.total_steps)
        train(state, batches, self._config, plan=plan, on_step=course)
        course.close()
        record |= {"steps": state.step, "seconds": time.time() - started}
        figures = write_adapted(course, built, start, folder=self._folder, record=record)
        self._say(course.sentence(len(pairs.val)))
        return figures, state.step

    def _order(self, pairs: list[Any]) -> BatchOrder:
        kinds = caption_kinds(pairs)
        return CaptionOrder(
            num_items=len(pairs),
            batch_size=min(self._config.data.batch_size, len(set(kinds))),
            seed=self._config.seed,
            kinds=tuple(kinds),
        )

    def _plan(self, order: BatchOrder) -> Plan:
        total = max(1, round(self._config.epochs * order.steps_per_epoch))
        if self._request.max_steps is not None:
            total = min(total, self._request.max_steps)
        return Plan(steps_per_epoch=order.steps_per_epoch, total_steps=total)

    def _state(self, built: RunModel, pairs: AdaptPairs, order: BatchOrder) -> TrainState:
        config = self._config
        objective = build_objective(
            config.loss,
            num_items=len(pairs.train),
            embed_dim=built.model.cpd_config.embed_dim,
            seed=config.seed,
            device=self._device,
            folder=None,
            batch_size=order.batch_size,
        )
        built.model.to(self._device)  # type: ignore[arg-type]  # transformers decorates it
        return TrainState(
            towers=PairTowers(built.model, built.processor, config=config),
            objective=objective,
            optimizer=build_optimizer(built.model, objective.parameters(), config.optimizer),
        )

    def _streams(
        self, pairs: AdaptPairs, built: RunModel, order: BatchOrder
    ) -> tuple[FeaturePairs, AdaptJudge]:
        """The learned pairs, and a judge over all of them; the features are computed once."""

        def stream(chosen: list[Any], chosen_order: BatchOrder) -> FeaturePairs:
            return feature_pairs(
                chosen,
                built.model,
                built.processor,
                config=self._config,
                order=chosen_order,
                device=self._device,
                on_bad=lambda pair, reason: self._say(f"{pair.id} cannot be read: {reason}"),
            )

        everything = [*pairs.train, *pairs.val]
        one = BatchOrder(num_items=len(everything), batch_size=1, seed=self._config.seed)
        judge = AdaptJudge(everything, stream(everything, one), num_held=len(pairs.val))
        return stream(pairs.train, order), judge

    def _say(self, message: str) -> None:
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)


class AdaptCourse:
    """Called after each step: judges blends, remembers the best, ends when none comes any more."""

    def __init__(
        self,
        state: TrainState,
        judge: AdaptJudge,
        config: RunConfig,
        *,
        plan: Plan,
        folder: RunFolder,
    ) -> None:
        self._state = state
        self._judge = judge
        self._total = plan.total_steps
        self._every = max(1, round(config.evaluate_epochs * plan.steps_per_epoch))
        self._blend = WeightBlend(state.towers.model)
        self._folder = folder
        self._curves = open_curves(folder)
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
        self._folder.add_metrics(line)
        for name, value in line.items():
            if name != "step":
                self._curves.add_scalar(name, float(value), report.step)
        self._looks_in_vain = 0 if self.best is not before else self._looks_in_vain + 1
        return self._looks_in_vain < PATIENCE

    def _look(self, step: int, weight: float) -> dict[str, float]:
        with self._blend.inside(weight):
            found = Choice(self._judge.figures(self._state.towers), step, weight)
        if found.better_than(self.best, self.start):
            self.best = found
            self.weights = self._blend.weights(weight)
        return found.figures

    def close(self) -> None:
        """Write what is left of the curves."""
        self._curves.close()

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


def find_start(name: str) -> Path:
    """The folder of the bundle to start from.

    Raises:
        InputError: it is no bundle of cpd, or its tower looks across frames.
        ModelError: it cannot be had.
    """
    folder = find_model(name)
    if not is_bundle(folder):
        raise InputError(
            f"{name} is no model bundle of cpd, so it cannot be adapted; "
            "start from cpd-start or the folder of a bundle"
        )
    if not isinstance(CPDConfig.from_pretrained(folder).video, FramesOptions):
        raise InputError(
            f"{name} looks across frames, and adapt learns from features of single frames; start "
            "from a model with a frames tower, or train this one on: cpd train kinetics210k "
            f"--model {name}"
        )
    return folder


def _grown(choice: ModelChoice, start: Path) -> dict[str, Any]:
    """What a start gets to learn with: a residual over frames, a linear map on text."""
    config = CPDConfig.from_pretrained(start)
    video, text = config.video, config.text
    assert isinstance(video, FramesOptions)
    changes: dict[str, Any] = {}
    if video.temporal == "mean":
        changes["video_options"] = {"temporal": "residual", "num_layers": 1}
    if text.projection == "none":
        changes["text_options"] = {"projection": "linear"}
    for key, value in choice.changes.items():
        changes[key] = {**changes.get(key, {}), **value} if isinstance(value, dict) else value
    return {"start": str(start), "changes": changes}
