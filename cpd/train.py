"""New models from your own videos and captions.

    result = cpd.train.adapt("captions.csv", out="mine")
    library = cpd.open("better-library", model=result.bundle)

A list of pairs is what `cpd train` takes; docs/data.md tells its forms.
"""

import json
import os
from collections.abc import Mapping

from cpd.arguments import AnyPath, expanded, name_of, optional
from training.adapt.run import run_adaptation
from training.recipes import configure, with_own_parts
from training.run.events import RunListener
from training.run.request import RunRequest, RunResult
from training.run.run import run_training

__all__ = ["RunListener", "RunResult", "adapt", "run"]


def adapt(
    pairs: AnyPath,
    *,
    out: AnyPath,
    model: str | os.PathLike[str] | None = None,
    val: AnyPath | None = None,
    caption_from: str | None = None,
    settings: Mapping[str, object] | None = None,
    max_steps: int | None = None,
    device: str = "auto",
    listener: RunListener | None = None,
) -> RunResult:
    """Make a model better for one's own captioned or labelled clips, on a CPU, in minutes.

    Args:
        pairs: a list of videos and captions, a folder or shards.
        out: a new folder, for the model and the record of its making.
        model: to start from; None is the default model.
        val: held-back pairs to judge by; None holds some of `pairs` back in turn.
        caption_from: the column to learn from; None is caption, or label where there is none.
        settings: changes to the recipe, such as `{"epochs": 10}`; `cpd train adapt --show` lists
            all.
        listener: told how it goes on.

    Raises:
        InputError: see the message; nothing half-written is left.
        CPDError: the start cannot be had.
    """
    request, changes = _request(
        "adapt",
        settings,
        model=model,
        out=out,
        pairs=pairs,
        val=val,
        caption_from=caption_from,
        max_steps=max_steps,
        device=device,
    )
    return run_adaptation(request, command=request.as_typed(changes), listener=listener)


def run(
    recipe: str,
    *,
    out: AnyPath,
    pairs: AnyPath | None = None,
    val: AnyPath | None = None,
    model: str | os.PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
    resume: bool = False,
    max_steps: int | None = None,
    device: str = "auto",
    listener: RunListener | None = None,
) -> RunResult:
    """Train by a recipe, until the end or until Ctrl-C, which saves and returns.

    Args:
        recipe: smoke, base, synthetic, kinetics210k or instagram300k; `adapt` is a function.
        out: a new folder, for the model and the record of its making.
        pairs: a list of videos and captions, a folder or shards; smoke and synthetic draw theirs.
        val: held-back pairs to judge by; None takes the rows of `pairs` whose split is val.
        model: to start from, for a recipe that starts from one.
        settings: changes to the recipe, such as `{"loss.temperature": 0.1}`.
        resume: go on with the run in `out` exactly where it was.
        max_steps: end after so many steps.
        listener: told how it goes on.

    Raises:
        InputError: see the message; nothing half-written is left.
        CPDError: the start cannot be had.
    """
    if recipe == "adapt":
        raise ValueError("the recipe adapt has a function of its own: cpd.train.adapt(pairs, out=)")
    request, changes = _request(
        recipe,
        settings,
        model=model,
        out=out,
        pairs=pairs,
        val=val,
        resume=resume,
        max_steps=max_steps,
        device=device,
    )
    return run_training(request, command=request.as_typed(changes), listener=listener)


def _request(
    recipe: str,
    settings: Mapping[str, object] | None,
    *,
    model: str | os.PathLike[str] | None,
    out: AnyPath,
    pairs: AnyPath | None,
    val: AnyPath | None,
    max_steps: int | None,
    device: str,
    resume: bool = False,
    caption_from: str | None = None,
) -> tuple[RunRequest, list[str]]:
    """What is asked for, and the settings as `--set` takes them, for the command in the record."""
    if isinstance(max_steps, bool) or not isinstance(max_steps, int | None):
        raise TypeError(f"max_steps is a whole number, got {type(max_steps).__name__}")
    changes = [] if model is None else [f"model.start={name_of(model)}"]
    changes += _as_set(settings)
    request = RunRequest(
        config=configure(recipe, changes),
        out=expanded(out, what="out"),
        pairs=optional(pairs, what="pairs"),
        val=optional(val, what="val"),
        resume=resume,
        max_steps=max_steps,
        device=device,
        caption_from=caption_from,
    )
    return with_own_parts(request), changes


def _as_set(settings: Mapping[str, object] | None) -> list[str]:
    given = {} if settings is None else settings
    for part, kind in ((given, Mapping), *((key, str) for key in given)):
        if not isinstance(part, kind):
            raise TypeError(
                "settings is a dict of values by name, such as {'loss.temperature': 0.1}, "
                f"got {type(part).__name__}"
            )
    return [f"{key}={json.dumps(value, default=os.fspath)}" for key, value in given.items()]
