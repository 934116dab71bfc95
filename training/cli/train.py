"""`cpd train RECIPE`: video/text pairs -> a model bundle."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cpd_model.exit_status import INTERRUPTED

if TYPE_CHECKING:
    from training.run.request import RunResult


def train_command(
    recipe: Annotated[
        str, typer.Argument(help="smoke, base, adapt, synthetic, kinetics210k or instagram300k.")
    ],
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs",
            help="CSV, JSONL or parquet (path, caption, id, split), a folder of media with texts "
            "beside them, or WebDataset shards. smoke and synthetic draw their own.",
        ),
    ] = None,
    val: Annotated[
        Path | None,
        typer.Option(
            "--val",
            help="Held-back pairs to judge by. Left out: rows of --pairs whose split is val.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to make, for the model and its record.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a value of the recipe; repeatable."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Start from this bundle; the same as --set model.start=..."),
    ] = None,
    caption_from: Annotated[
        str | None,
        typer.Option(
            "--caption-from",
            help="Column to learn from, for adapt alone. Left out: caption, or label where there "
            "is no caption.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out exactly where it was; past its end with more epochs "
            "or --max-steps.",
        ),
    ] = False,
    max_steps: Annotated[
        int | None, typer.Option("--max-steps", min=1, help="End after so many steps.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    show: Annotated[
        bool, typer.Option("--show", help="Print the whole configuration, and end.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the last figures as JSON, and nothing else.")
    ] = False,
) -> None:
    """Train a model on your own videos and captions."""
    from training.recipes import configure, with_own_parts
    from training.run.settings import setting_lines

    changes = [f"model.start={model}"] if model else []
    changes += settings or []
    config = configure(recipe, changes)
    if show:
        typer.echo("\n".join(setting_lines(config)))
        return
    if out is None:
        raise typer.BadParameter("name the folder to make with --out")
    from rich.console import Console

    from training.adapt.run import run_adaptation
    from training.cli.progress import TrainProgress
    from training.run.request import RunRequest
    from training.run.run import run_training

    request = RunRequest(
        config=config,
        out=out,
        pairs=pairs,
        val=val,
        resume=resume,
        max_steps=max_steps,
        device=device,
        caption_from=caption_from,
    )
    if caption_from and recipe != "adapt":
        raise typer.BadParameter("--caption-from is for the recipe adapt alone")
    train = run_adaptation if recipe == "adapt" else run_training
    with TrainProgress(Console(stderr=True)) as listener:
        result = train(
            with_own_parts(request), command=request.as_typed(changes), listener=listener
        )
    _tell(result, as_json=as_json)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


def _tell(result: "RunResult", *, as_json: bool) -> None:
    """The result on stdout, by the first of several processes alone."""
    from training.run.distributed import processes_of_environment

    if not processes_of_environment().first:
        return
    if as_json:
        bundle = None if result.bundle is None else str(result.bundle)
        typer.echo(json.dumps({"bundle": bundle, "step": result.step, **result.figures}, indent=2))
    elif result.bundle is not None:
        typer.echo(f"{result.bundle} holds the model; search with it by --model {result.bundle}")
