"""Recipes: functions that return a whole RunConfig. `cpd train NAME --show` prints one.

A variant is `dataclasses.replace` of one, or `--set key=value` on the command line.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpd_model.built_in.defaults import DEFAULT_MODEL
from cpd_model.errors import InputError
from training.config import (
    Curriculum,
    DataChoice,
    LossChoice,
    ModelChoice,
    OptimizerChoice,
    RunConfig,
)
from training.synthetic.recipe import synthetic

if TYPE_CHECKING:
    from training.run.request import RunRequest
    from training.run.source import PairSource


def kinetics210k() -> RunConfig:
    """The paper's pre-training on Kinetics-210k: videos and their titles, 300 epochs on 8 GPUs.

    Source: README.md, opts.py and main.py of the authors' code (MCG-NJU/CPD-Video); see
    docs/method.md for what was read of the paper.
    """
    return RunConfig(
        recipe="kinetics210k",
        epochs=300.0,
        model=ModelChoice(preset="cpd-r50", text_start="distilbert-base-uncased"),
        data=DataChoice(batch_size=256, short_side_pixels=(256, 340), middle_seconds=20.0),
        loss=LossChoice(kind="nce", temperature=0.07, num_negatives=16_392, bank_momentum=0.5),
        optimizer=OptimizerChoice(
            kind="sgd",
            learning_rate=0.1,
            momentum=0.9,
            weight_decay=1e-4,
            clip_norm=20.0,
            schedule="milestones",
            milestones=(100.0, 201.0, 250.0),
            decay=0.1,
        ),
        curriculum=Curriculum(unfreeze_epoch=150.0, text_learning_rate=3e-5),
        precision="bfloat16",
    )


def instagram300k() -> RunConfig:
    """The paper's pre-training on Instagram-300k: short videos and their posts."""
    return replace(kinetics210k(), recipe="instagram300k")


def base() -> RunConfig:
    """`cpd-base`: a head on `cpd-start`'s frozen image backbone, minutes on a CPU.

    What each value was chosen against stands in docs/experiments.md.
    """
    return RunConfig(
        recipe="base",
        epochs=40.0,
        model=ModelChoice(
            start="cpd-start",
            changes={
                "video_options": {
                    "projection": True,
                    "feature_blocks": [20, 19, 15, 11],
                    "standardized": True,
                    "hidden_dim": 2048,
                    "input_dropout": 0.3,
                    "hidden_dropout": 0.7,
                },
                "text_options": {"projection": "linear"},
            },
            train_backbone=False,
            features=True,
        ),
        data=DataChoice(batch_size=1024),
        loss=LossChoice(kind="infonce", temperature=0.05),
        optimizer=OptimizerChoice(
            kind="adamw",
            learning_rate=2e-3,
            weight_decay=0.05,
            clip_norm=20.0,
            schedule="cosine",
            warmup_epochs=2.0,
        ),
        curriculum=Curriculum(unfreeze_epoch=None),
        round_weights=True,
        checkpoint_steps=500,
        evaluate_epochs=4.0,
    )


def adapt() -> RunConfig:
    """The default model, or another, made better for one's own captions; see training.adapt."""
    return RunConfig(
        recipe="adapt",
        epochs=30.0,
        model=ModelChoice(start=DEFAULT_MODEL, train_backbone=False, features=True),
        data=DataChoice(batch_size=256),
        loss=LossChoice(kind="infonce", temperature=0.05),
        optimizer=OptimizerChoice(
            kind="adamw",
            learning_rate=1e-3,
            weight_decay=0.1,
            clip_norm=1.0,
            schedule="cosine",
            warmup_epochs=2.0,
        ),
        curriculum=Curriculum(unfreeze_epoch=None),
        evaluate_epochs=5.0,
    )


def smoke() -> RunConfig:
    """Everything once, in seconds on a CPU, on a few videos that the run draws for itself."""
    return RunConfig(
        recipe="smoke",
        epochs=10.0,
        model=ModelChoice(preset="tiny-resnet3d"),
        data=DataChoice(batch_size=4, short_side_pixels=(32, 40), num_workers=1),
        loss=LossChoice(kind="nce", num_negatives=6),
        optimizer=OptimizerChoice(
            kind="sgd", learning_rate=0.03, schedule="milestones", milestones=(8.0,)
        ),
        curriculum=Curriculum(unfreeze_epoch=5.0, text_learning_rate=1e-3),
        checkpoint_steps=10,
        evaluate_epochs=5.0,
    )


RECIPES: dict[str, Callable[[], RunConfig]] = {
    recipe.__name__: recipe
    for recipe in (kinetics210k, instagram300k, base, adapt, synthetic, smoke)
}
"""By the name that `cpd train` takes."""


def find_recipe(name: str) -> Callable[[], RunConfig]:
    """The recipe of that name.

    Raises:
        InputError: there is none.
    """
    if name not in RECIPES:
        near = get_close_matches(name, RECIPES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(RECIPES)}"
        raise InputError(f"no recipe {name!r}; {hint}")
    return RECIPES[name]


def configure(recipe: str, changes: Sequence[str]) -> RunConfig:
    """A recipe with some of its values changed.

    Args:
        changes: as `--set` takes them, such as `loss.temperature=0.1`.

    Raises:
        InputError: there is no such recipe or value, a value is out of range, or would do nothing.
    """
    from training.run.settings import apply_settings, refuse_unused

    unchanged = find_recipe(recipe)()
    config = apply_settings(unchanged, changes)
    refuse_unused(config, recipe=unchanged)
    return config


def with_own_parts(request: "RunRequest") -> "RunRequest":
    """The request with the pairs and the tokenizer that its recipe and preset have of their own."""
    config = request.config
    return replace(
        request,
        source=own_pairs(config.recipe, out=request.out),
        tokenizer=own_tokenizer(config.model.preset),
    )


def own_pairs(recipe: str, *, out: Path) -> "PairSource | None":
    """What a recipe learns from where no list is named; None: it needs one.

    Args:
        out: the run's folder, in which videos may be drawn.
    """
    from training.synthetic.smoke import SmokePairs
    from training.synthetic.source import DrawnPairs  # torch waits until a run begins

    if recipe == "smoke":
        return SmokePairs(out / "videos")
    return DrawnPairs() if recipe == "synthetic" else None


def own_tokenizer(preset: str) -> Callable[[], Any] | None:
    """What makes the words of a preset that is too small for any other text encoder's."""
    from cpd_model.made_tokenizers import tiny_tokenizer
    from training.synthetic.films import synthetic_tokenizer

    if preset == "synthetic":
        return synthetic_tokenizer
    return tiny_tokenizer if preset.startswith("tiny-") else None
