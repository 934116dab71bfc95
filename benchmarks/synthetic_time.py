"""Does it learn time? Moving shapes whose captions differ by the order of events alone.

python benchmarks/synthetic_time.py                     table of objectives, curricula, frame bags
python benchmarks/synthetic_time.py --headline          the recipe `synthetic` as it is, one seed
python benchmarks/synthetic_time.py --steps 20 --seeds 1 --dry-run

The table takes 30 runs of about half a minute of one core. One thread computes, so that
runs beside other work are the same runs.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev

import torch
from rig.results import markdown_table, record
from torch import Tensor

from cpd_model.bundles.bundle import open_model, save_bundle
from cpd_model.config import CPDConfig
from cpd_model.loading import find_model
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from training.config import LossChoice, RunConfig
from training.data.batch import Batch, BatchOrder
from training.method.learners import build_optimizer
from training.method.objective import build_objective
from training.method.towers import PairTowers
from training.run.loop import Plan, TrainState, train
from training.run.model import build_model
from training.synthetic.evaluate import SyntheticResult, evaluate_synthetic
from training.synthetic.films import SyntheticPairs, synthetic_tokenizer, training_scenes
from training.synthetic.recipe import synthetic

SMALL_CLIPS = {"num_frames": 6, "frame_size": 32, "short_side": 32}
CLIPS_PER_SCENE = 20


class FrameBag(CPDModel):
    """The same network shown one frame at a time; a clip is the mean of its frames' features."""

    def encode_video(self, clips_BCTHW: Tensor) -> Tensor:
        batch, channels, frames, height, width = clips_BCTHW.shape
        alone_NCHW = clips_BCTHW.transpose(1, 2).reshape(-1, channels, height, width)
        features_NF = self.video_tower(alone_NCHW[:, :, None])
        mean_BF = features_NF.view(batch, frames, -1).mean(dim=1)
        unit: Tensor = torch.nn.functional.normalize(self.video_projection(mean_BF), dim=-1)
        return unit


@dataclass(frozen=True)
class Variant:
    """A row of the table."""

    name: str
    change: Callable[[RunConfig], RunConfig]
    bag: bool = False
    sentences: bool = False
    """Captions come from cpd-start's own text encoder, which stays frozen."""


def with_loss(loss: LossChoice, unfreeze: float) -> Callable[[RunConfig], RunConfig]:
    """The recipe with another objective, and stage II after this share of the run."""

    def change(config: RunConfig) -> RunConfig:
        epoch = None if unfreeze >= 1 else unfreeze * config.epochs
        return replace(
            config, loss=loss, curriculum=replace(config.curriculum, unfreeze_epoch=epoch)
        )

    return change


NCE = LossChoice(kind="nce", temperature=0.07, num_negatives=128)
SOFTER_NCE = replace(NCE, temperature=0.12)
INFONCE = LossChoice(kind="infonce", temperature=0.07)
SIGMOID = LossChoice(kind="sigmoid", temperature=0.1)
VARIANTS = [
    Variant("NCE, banks; text learns at once", with_loss(NCE, 0)),
    Variant("NCE, banks; text frozen for half", with_loss(NCE, 0.5)),
    Variant("NCE, banks, temperature 0.12; text learns at once", with_loss(SOFTER_NCE, 0)),
    Variant("InfoNCE; text learns at once", with_loss(INFONCE, 0)),
    Variant("InfoNCE; text frozen for half", with_loss(INFONCE, 0.5)),
    Variant("sigmoid, learned temperature; text learns at once", with_loss(SIGMOID, 0)),
    Variant("sigmoid, learned temperature; text frozen for half", with_loss(SIGMOID, 0.5)),
    Variant("InfoNCE; random text never learns", with_loss(INFONCE, 1)),
    Variant("InfoNCE; MiniLM, never learns", with_loss(INFONCE, 1), sentences=True),
    Variant("frame bag, InfoNCE; text learns at once", with_loss(INFONCE, 0), bag=True),
]


def main() -> None:
    """Measure and record."""
    options = _options()
    if options.headline:
        torch.set_num_threads(options.threads)
        title, text = "Time order: the recipe `synthetic`", _headline(options)
    else:
        title, text = "Time order: objectives, curriculum, frame bag", _table(options)
    record(title, text, **({"results": None} if options.dry_run else {}))


def _table(options: argparse.Namespace) -> str:
    chosen = [number for number, one in enumerate(VARIANTS) if (options.only or "") in one.name]
    tasks = [
        (number, seed, options.steps or 160) for number in chosen for seed in range(options.seeds)
    ]
    results: dict[int, list[SyntheticResult]] = {number: [] for number in chosen}
    seconds = []
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for (number, seed, _), (result, took) in zip(
            tasks, pool.map(_small_run, tasks), strict=True
        ):
            _tell(
                f"{VARIANTS[number].name}, seed {seed}: {result} in {took:.0f} s of processor time"
            )
            results[number].append(result)
            seconds.append(took)
    about = (
        f"{options.steps or 160} steps of 84 pairs, clips of 6 frames of 32x32 pixels, "
        f"{options.seeds} seeds (mean +- standard deviation), temperature 0.07 where none is "
        f"named, sigmoid's own begins at 0.1; a run took {min(seconds):.0f} to "
        f"{max(seconds):.0f} s of processor time on one thread. {_protocol()}"
    )
    rows = [_row(VARIANTS[number].name, results[number]) for number in chosen]
    return f"{about}\n\n{markdown_table(_HEADER, rows)}\n\n{_CHANCE}"


def _small_run(task: tuple[int, int, int]) -> tuple[SyntheticResult, float]:
    """One run of a variant: its number, its seed, its steps."""
    torch.set_num_threads(1)
    number, seed, steps = task
    config = _of_length(synthetic(), steps, seed)
    changes = {**config.model.changes, **SMALL_CLIPS}
    config = replace(config, model=replace(config.model, changes=changes))
    return run(VARIANTS[number], VARIANTS[number].change(config))


def _headline(options: argparse.Namespace) -> str:
    config = synthetic()
    if options.steps:
        config = _of_length(config, options.steps, config.seed)
    started, processor_started = time.perf_counter(), time.process_time()
    model, processor = trained(Variant("headline", lambda config: config), config)
    wall, took = time.perf_counter() - started, time.process_time() - processor_started
    result = measured(model, processor, config)
    if options.save:
        save_bundle(model, processor, options.save)
    steps = round(config.epochs * 2)
    about = (
        f"{steps} steps of {config.data.batch_size} pairs from random weights in {wall:.0f} s "
        f"({took:.0f} s of processor time, {options.threads} threads). {_protocol()}"
    )
    return f"{about}\n\n{markdown_table(_HEADER, [_row('recipe `synthetic`', [result])])}"


_HEADER = ["", "R@1 of 192", "time order", "word order", "colour", "shape", "both ways"]
_CHANCE = (
    "Chance: R@1 0.005, both orders 0.5, colour and shape 0.25, both ways 0.083. Time order asks "
    "for the caption of the same frames in another order; word order for the two ways swapped, "
    "which after a turn moves the corner, so that frames alone may tell it."
)


def _protocol() -> str:
    return (
        f"Held-out scenes: 24 of 192, {CLIPS_PER_SCENE} new clips each; all 192 captions compete."
    )


def _row(name: str, results: list[SyntheticResult]) -> list[str]:
    columns = [
        [getattr(result, figure) for result in results]
        for figure in ("recall_at_1", "time_order", "word_order", "color", "shape", "ways")
    ]
    if len(results) == 1:
        return [name, *(f"{values[0]:.3f}" for values in columns)]
    return [name, *(f"{mean(values):.3f} +- {stdev(values):.3f}" for values in columns)]


def _of_length(config: RunConfig, steps: int, seed: int) -> RunConfig:
    """The recipe, shorter; the warm-up takes the same share."""
    epochs = steps / 2
    warmup = config.optimizer.warmup_epochs * min(1.0, 4 * epochs / config.epochs)
    return replace(
        config,
        seed=seed,
        epochs=epochs,
        optimizer=replace(config.optimizer, warmup_epochs=warmup),
    )


def run(variant: Variant, config: RunConfig) -> tuple[SyntheticResult, float]:
    """Train by the project's own loop; the figures, and seconds of processor time."""
    started = time.process_time()
    model, processor = trained(variant, config)
    took = time.process_time() - started
    return measured(model, processor, config), took


def measured(model: CPDModel, processor: CPDProcessor, config: RunConfig) -> SyntheticResult:
    """The figures of the last weights: none were chosen by them."""
    return evaluate_synthetic(model, processor, clips_per_scene=CLIPS_PER_SCENE, seed=config.seed)


def trained(variant: Variant, config: RunConfig) -> tuple[CPDModel, CPDProcessor]:
    """The model after a run by the project's own loop."""
    model, processor = _model(variant, config)
    order = BatchOrder(
        num_items=len(training_scenes()), batch_size=config.data.batch_size, seed=config.seed
    )
    stream = SyntheticPairs(processor, order)
    towers = PairTowers(model, processor, config=config)
    objective = build_objective(
        config.loss,
        num_items=order.num_items,
        embed_dim=model.cpd_config.embed_dim,
        seed=config.seed,
        device="cpu",
        folder=None,
    )
    state = TrainState(
        towers=towers,
        objective=objective,
        optimizer=build_optimizer(model, objective.parameters(), config.optimizer),
    )
    total = round(config.epochs * order.steps_per_epoch)
    batches: Iterator[Batch] = stream.batches(0, total)
    if variant.sentences:
        batches = _with_pooled_texts(batches, model, processor)
    plan = Plan(steps_per_epoch=order.steps_per_epoch, total_steps=total)
    train(state, batches, config, plan=plan, on_step=lambda report: True)
    return model, processor


def _model(variant: Variant, config: RunConfig) -> tuple[CPDModel, CPDProcessor]:
    built = build_model(config.model, seed=config.seed, tokenizer=synthetic_tokenizer)
    if variant.bag:
        bag = FrameBag(built.model.cpd_config)
        bag.load_state_dict(built.model.state_dict())
        return bag, built.processor
    if not variant.sentences:
        return built.model, built.processor
    start, start_processor = open_model(find_model("cpd-start", on_message=_tell))
    own = built.model.cpd_config
    mixed = CPDConfig(
        **{
            **{name: getattr(own, name) for name in ("video_tower", "video_options", "embed_dim")},
            **{name: getattr(own, name) for name in SMALL_CLIPS},
            "span_seconds": None,
            "text_options": {**start.cpd_config.text_options, "projection": "mlp"},
        }
    )
    torch.manual_seed(config.seed)
    model = CPDModel(mixed)
    model.text_tower.encoder.load_state_dict(start.text_tower.encoder.state_dict())
    return model, CPDProcessor.for_config(mixed, start_processor.tokenizer)


def _with_pooled_texts(
    batches: Iterator[Batch], model: CPDModel, processor: CPDProcessor
) -> Iterator[Batch]:
    """The same batches with the frozen text encoder's outputs, computed once."""
    captions = [scene.caption for scene in training_scenes()]
    with torch.no_grad():
        pooled_NE = model.train(False).pool_text(*processor.texts(captions))
    for batch in batches:
        yield batch._replace(text=pooled_NE[batch.items_B])


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--headline", action="store_true")
    parser.add_argument("--steps", type=int, help="of each run; the table's default is 160")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help="variants whose name has this in it")
    parser.add_argument("--jobs", type=int, default=1, help="runs of the table side by side")
    parser.add_argument("--threads", type=int, default=2, help="of the headline's run")
    parser.add_argument("--save", type=Path, help="folder for the bundle of the headline's run")
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
