"""Where a run's batches come from, and who judges it: features or decoded clips."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from cpd_model.errors import InputError
from cpd_model.towers.frames import FramesTower
from training.config import RunConfig
from training.data.batch import BatchOrder, PairStream
from training.data.clips import ClipPairs
from training.data.pair import Pair
from training.features.stream import FeaturePairs, feature_pairs
from training.method.schedule import stage
from training.run.model import RunModel
from training.run.pairs import RunPairs
from training.run.recall import ClipJudge, FeatureJudge, Judge

SCALE = "video_tower.scale.mean_F"
"""A weight that is measured, not learned."""

_CHUNK_PAIRS = 1024


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
    if not config.model.features:
        if SCALE in built.new_weights:
            raise InputError(
                "a standardized head needs features whose scale is known before the first step: "
                "set model.features=true, or video_options.standardized to false"
            )
        return _clip_streams(pairs, built, config=config, order=order, say=say)
    if config.model.train_backbone:
        raise InputError(
            "features are those of a frozen backbone: set model.train_backbone=false with "
            "model.features=true"
        )
    steps = order.steps_per_epoch
    progress = _FeatureProgress(say)

    def stream(
        chosen: list[Pair], chosen_order: BatchOrder, chosen_config: RunConfig = config
    ) -> FeaturePairs:
        return feature_pairs(
            chosen,
            built.model,
            built.processor,
            config=chosen_config,
            order=chosen_order,
            device=device,
            text_learns=lambda step: stage(step, config.curriculum, steps_per_epoch=steps) == "II",
            on_progress=progress,
            on_bad=lambda pair, reason: say(f"{pair.id} cannot be read: {reason}"),
        )

    train = stream(pairs.train, order)
    if SCALE in built.new_weights:
        _measure_scale(built, train)
    if not pairs.val:
        return Streams(train, None)
    val_order = BatchOrder(num_items=len(pairs.val), batch_size=1, seed=config.seed)
    plain = replace(config, data=replace(config.data, feature_views=1))
    val = stream(pairs.val, val_order, plain)
    return Streams(train, FeatureJudge(pairs.val, val, built.processor))


def _measure_scale(built: RunModel, stream: FeaturePairs) -> None:
    """Let the tower know mean and deviation of the clips' mean features."""
    tower = built.model.video_tower
    assert isinstance(tower, FramesTower)
    assert tower.scale is not None
    table = stream.table
    readable = np.flatnonzero(table.readable())
    means = [
        table.features_of(readable[start : start + _CHUNK_PAIRS]).astype(np.float32).mean(axis=1)
        for start in range(0, len(readable), _CHUNK_PAIRS)
    ]
    tower.scale.measure(torch.from_numpy(np.concatenate(means)))


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
