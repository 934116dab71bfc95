"""Runs of the recipe `base` over parts of the pairs, whose features are computed once.

Axes: N pairs, D shared space.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch

from training.config import LossChoice, ModelChoice, RunConfig
from training.data.batch import BatchOrder
from training.data.pair import Pair
from training.features.frame_table import FrameTable
from training.features.pooled_texts import PooledTexts
from training.features.stream import FeaturePairs, feature_pairs
from training.method.learners import build_optimizer
from training.method.objective import build_objective
from training.method.schedule import stage
from training.method.towers import PairTowers
from training.recipes import base
from training.run.loop import Plan, TrainState, train
from training.run.model import RunModel, build_model
from training.run.pairs import read_run_pairs
from training.run.recall import FeatureJudge, recall_figures

HIDDEN, BATCH, EPOCHS = 512, 256, 2.5


@dataclass(frozen=True)
class Found:
    """What one run reached."""

    recalls: dict[str, dict[str, float]]
    """By source, then by figure."""

    seconds: float
    """Of processor time, in training alone."""


@dataclass(frozen=True)
class Part:
    """Some of the pairs, and everything that is known about them."""

    pairs: list[Pair]
    table: FrameTable
    texts: PooledTexts

    def only(self, places: Sequence[int]) -> "Part":
        """The pairs at these places of the list."""
        chosen = np.asarray(places)
        table = replace(self.table, row_of_VNT=self.table.row_of_VNT[:, chosen], reasons={})
        pairs = [self.pairs[place] for place in places]
        sizes = [len(pair.captions) for pair in pairs]
        starts = self.texts.start_N[chosen]
        rows = [
            self.texts.row_of_M[start : start + size]
            for start, size in zip(starts, sizes, strict=True)
        ]
        texts = replace(
            self.texts, row_of_M=np.concatenate(rows), start_N=np.cumsum([0, *sizes[:-1]])
        )
        return Part(pairs, table, texts)

    def first_captions(self, num_pairs: int) -> "Part":
        """The first so many pairs, each with its first caption alone."""
        part = self.only(range(min(num_pairs, len(self.pairs))))
        pairs = [replace(pair, captions=pair.captions[:1]) for pair in part.pairs]
        rows = part.texts.row_of_M[part.texts.start_N]
        texts = replace(part.texts, row_of_M=rows, start_N=np.arange(len(pairs)))
        return Part(pairs, part.table, texts)

    def of_source(self, source: str) -> "Part":
        return self.only([n for n, pair in enumerate(self.pairs) if source_of(pair.id) == source])

    def share(self, parts: int, *, seed: int) -> "Part":
        """One of so many equal parts of each source, drawn by the seed."""
        return self.only(shared_places([source_of(pair.id) for pair in self.pairs], parts, seed))


def source_of(pair_id: str) -> str:
    """`flickr8k` of `flickr8k/1000268201`."""
    return pair_id.partition("/")[0]


def shared_places(sources: Sequence[str], parts: int, seed: int) -> list[int]:
    """Places of a random part of each source, in order; smaller parts lie within larger ones."""
    places: list[int] = []
    for source in sorted(set(sources)):
        own = [place for place, name in enumerate(sources) if name == source]
        drawn = np.random.default_rng([seed, 1]).permutation(own)
        places += drawn[: round(len(own) / parts)].tolist()
    return sorted(places)


def mean_table(table: FrameTable) -> FrameTable:
    """The mean of each pair's frames as its only frame: an eighth of the work.

    A head takes the mean anyway; only the label prior then sees one mean frame, not the mean of
    what it says to each.
    """
    readable = np.flatnonzero(table.readable())
    rows_NF = np.zeros((table.num_items, table.rows_RF.shape[1]), dtype=np.float16)
    for part in np.array_split(readable, max(1, len(readable) // 512)):
        rows_NF[part] = table.features_of(part).mean(axis=1, dtype=np.float32)
    places = np.where(table.readable(), np.arange(table.num_items), -1)
    return FrameTable(rows_RF=rows_NF, row_of_VNT=places.reshape(1, -1, 1), reasons=table.reasons)


class Lab:
    """Pairs with their features, and runs over them."""

    def __init__(self, pairs: Path, val: Path | None) -> None:
        found = read_run_pairs(pairs, val, on_message=tell)
        self.config = small_base()
        self._known: dict[str, Found] = {}
        built = build_model(self.config.model, seed=0, on_message=tell)
        self.train, self.val = (
            self._part(chosen, built, f"{name} pairs")
            for name, chosen in (("train", found.train), ("val", found.val))
        )

    @cached_property
    def judges(self) -> dict[str, Part]:
        """The val videos of each source."""
        sources = sorted({source_of(pair.id) for pair in self.val.pairs})
        return {source: self.val.of_source(source) for source in sources}

    @cached_property
    def scale(self) -> torch.Tensor:
        """Mean features of all training pairs, by which heads set their scale."""
        table = self.train.table
        return torch.from_numpy(table.features_of(np.flatnonzero(table.readable()))[:, 0]).float()

    def run(self, config: RunConfig, part: Part | None = None) -> Found:
        """Train on all or some of the pairs, and judge every source.

        A run over all pairs that was made before is not made again.
        """
        if part is not None:
            return self.trained(config, part)[0]
        key = repr(config)
        if key not in self._known:
            self._known[key] = self.trained(config, self.train)[0]
        return self._known[key]

    def trained(
        self,
        config: RunConfig,
        part: Part,
        *,
        steps: int = 0,
        judges: dict[str, Part] | None = None,
    ) -> tuple[Found, RunModel]:
        """What a run reached, and its model."""
        steps = steps or self.steps_of(config)
        built = build_model(config.model, seed=config.seed)
        built.model.video_tower.scale.measure(self.scale)
        order = BatchOrder(
            num_items=len(part.pairs), batch_size=config.data.batch_size, seed=config.seed
        )
        plan = Plan(steps_per_epoch=order.steps_per_epoch, total_steps=steps)
        state = _state(built, config, num_items=len(part.pairs))
        stream = _stream(part, built, config, order)
        started = time.process_time()
        train(state, stream.batches(0, steps), config, plan=plan, on_step=lambda report: True)
        seconds = time.process_time() - started
        recalls = {
            source: _recalls(judge, state.towers, built, config)
            for source, judge in (judges or self.judges).items()
        }
        return Found(recalls, seconds), built

    def start(self) -> Found:
        """`cpd-start` as it is, judged by the same features."""
        blocks = self.config.model.changes["video_options"]["feature_blocks"]
        changes = {"video_options": {"feature_blocks": blocks}}
        built = build_model(ModelChoice(start="cpd-start", changes=changes), seed=0)
        towers = PairTowers(built.model, built.processor, config=self.config)
        recalls = {
            source: _recalls(judge, towers, built, self.config)
            for source, judge in self.judges.items()
        }
        return Found(recalls, 0.0)

    def steps_of(self, config: RunConfig) -> int:
        """Steps of the recipe over all pairs: every run makes as many, however few its pairs."""
        return round(config.epochs * (len(self.train.pairs) // config.data.batch_size))

    def _part(self, pairs: list[Pair], built: RunModel, name: str) -> Part:
        tell(f"features of {len(pairs)} {name}")
        order = BatchOrder(num_items=len(pairs), batch_size=1, seed=0)
        stream = feature_pairs(pairs, built.model, built.processor, config=self.config, order=order)
        assert stream.texts is not None
        return Part(pairs, mean_table(stream.table), stream.texts)


def _recalls(
    part: Part, towers: PairTowers, built: RunModel, config: RunConfig
) -> dict[str, float]:
    order = BatchOrder(num_items=len(part.pairs), batch_size=1, seed=0)
    stream = _stream(part, built, config, order)
    return recall_figures(FeatureJudge(part.pairs, stream, built.processor), towers)


def _state(built: RunModel, config: RunConfig, *, num_items: int) -> TrainState:
    objective = build_objective(
        config.loss,
        num_items=num_items,
        embed_dim=built.model.cpd_config.embed_dim,
        seed=config.seed,
        device="cpu",
        folder=None,
        batch_size=config.data.batch_size,
    )
    return TrainState(
        towers=PairTowers(built.model, built.processor, config=config),
        objective=objective,
        optimizer=build_optimizer(built.model, objective.parameters(), config.optimizer),
    )


def _stream(part: Part, built: RunModel, config: RunConfig, order: BatchOrder) -> FeaturePairs:
    steps = order.steps_per_epoch
    return FeaturePairs(
        part.pairs,
        part.table,
        order=order,
        texts=part.texts,
        processor=built.processor,
        text_learns=lambda step: stage(step, config.curriculum, steps_per_epoch=steps) == "II",
    )


def small_base() -> RunConfig:
    """The recipe `base` with a smaller head and fewer steps."""
    recipe = base()
    options = {**recipe.model.changes["video_options"], "hidden_dim": HIDDEN, "hidden_dropout": 0.5}
    changes = {**recipe.model.changes, "video_options": options}
    return replace(
        recipe,
        epochs=EPOCHS,
        model=replace(recipe.model, changes=changes),
        data=replace(recipe.data, batch_size=BATCH, feature_views=1),
        optimizer=replace(recipe.optimizer, learning_rate=2e-3),
        round_weights=False,
    )


def with_loss(config: RunConfig, loss: LossChoice, rate: float) -> RunConfig:
    """The same run with another objective and learning rate."""
    return replace(config, loss=loss, optimizer=replace(config.optimizer, learning_rate=rate))


def spread(values: Sequence[float]) -> str:
    """Mean, and standard deviation where there are several."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{mean(values):.3f} +- {stdev(values):.3f}"


def tell(message: str) -> None:
    """Progress, beside the results."""
    print(message, file=sys.stderr, flush=True)
