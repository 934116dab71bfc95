"""Where a run's batches come from, and who judges it: features or decoded clips."""

from collections.abc import Callable
from dataclasses import dataclass

from cpd_model.errors import InputError
from training.batch import BatchOrder, PairStream
from training.clips import ClipPairs
from training.config import RunConfig
from training.features import FeaturePairs, feature_pairs
from training.pair import Pair
from training.run_model import RunModel
from training.run_pairs import RunPairs
from training.run_recall import ClipJudge, FeatureJudge, Judge
from training.schedule import stage
from training.synthetic import SyntheticPairs
from training.synthetic_run import DrawnPairs, SyntheticJudge


@dataclass(frozen=True, slots=True)
class Streams:
    """Batches to learn from, and held-back pairs."""

    train: PairStream
    judge: Judge | None
    """None where nothing is held back."""

    def close(self) -> None:
        """Stop the decoders."""
        if isinstance(self.train, ClipPairs):
            self.train.close()


def open_streams(
    pairs: RunPairs,
    built: RunModel,
    *,
    config: RunConfig,
    order: BatchOrder,
    device: str,
    say: Callable[[str], None],
) -> Streams:
    """Features where the run asks for them, which may take long the first time; clips otherwise.

    Raises:
        InputError: the settings contradict each other, or too few pairs can be read.
    """
    if isinstance(pairs, DrawnPairs):
        judge = SyntheticJudge(built.processor, seed=config.seed)
        return Streams(SyntheticPairs(built.processor, order), judge)
    if not config.model.features:
        return _clip_streams(pairs, built, config=config, order=order, say=say)
    if config.model.train_backbone:
        raise InputError(
            "features are those of a frozen backbone: set model.train_backbone=false with "
            "model.features=true"
        )
    steps = order.steps_per_epoch
    progress = _FeatureProgress(say)

    def stream(chosen: list[Pair], chosen_order: BatchOrder) -> FeaturePairs:
        return feature_pairs(
            chosen,
            built.model,
            built.processor,
            config=config,
            order=chosen_order,
            device=device,
            text_learns=lambda step: stage(step, config.curriculum, steps_per_epoch=steps) == "II",
            on_progress=progress,
            on_bad=lambda pair, reason: say(f"{pair.id} cannot be read: {reason}"),
        )

    train = stream(pairs.train, order)
    if not pairs.val:
        return Streams(train, None)
    val_order = BatchOrder(num_items=len(pairs.val), batch_size=1, seed=config.seed)
    return Streams(train, FeatureJudge(pairs.val, stream(pairs.val, val_order), built.processor))


def _clip_streams(
    pairs: RunPairs,
    built: RunModel,
    *,
    config: RunConfig,
    order: BatchOrder,
    say: Callable[[str], None],
) -> Streams:
    train = ClipPairs(
        pairs.train,
        built.processor,
        data=config.data,
        order=order,
        on_bad=lambda pair, reason: say(f"{pair.id} cannot be read: {reason}"),
    )
    judge = (
        ClipJudge(pairs.val, built.processor, num_workers=config.data.num_workers)
        if pairs.val
        else None
    )
    return Streams(train, judge)


class _FeatureProgress:
    """A line for each tenth of what is computed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int, failed: int) -> None:
        tenth = 10 * done // max(1, total)
        if self._told.get(what) != tenth and total > done:
            self._told[what] = tenth
            self._say(f"features of {what}: {done} of {total}, {failed} failed")
