"""`cpd evaluate retrieval` and `zero-shot`: how good a model is on your own list of videos."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cpd_model.defaults import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.table import Table

    from training.evaluate import Failure, RetrievalResult, ZeroShotResult
    from training.evaluate_cache import OnProgress

EXIT_SOME_FAILED = 1

Manifest = Annotated[
    Path,
    typer.Option(
        "--manifest", help="CSV with the columns path (relative to the CSV), caption, label."
    ),
]
Model = Annotated[
    str, typer.Option("--model", help="A bundle's name or folder, or org/name of a hub.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")]

evaluate_app = typer.Typer(
    name="evaluate",
    help="Measure a model on a list of videos with captions or labels.",
    no_args_is_help=True,
)


@evaluate_app.command("retrieval")
def retrieval(
    manifest: Manifest,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Search all videos for each caption: how early does the caption's own video come?"""
    from cpd_model.loading import load_encoder
    from training.evaluate import evaluate_retrieval
    from training.manifest import read_manifest

    read_manifest(manifest)  # a slip of the pen should not wait for the model
    with _progress_on_stderr() as on_progress:
        result = evaluate_retrieval(
            manifest,
            load_encoder(model, device=device, on_message=_tell),
            on_progress=on_progress,
        )
    figures = result.as_json()
    rows = [
        ("recall at 1", f"{figures['recall_at_1']:.3f}"),
        ("recall at 5", f"{figures['recall_at_5']:.3f}"),
        ("recall at 10", f"{figures['recall_at_10']:.3f}"),
        ("median rank", f"{figures['median_rank']:g} of {result.num_videos}"),
        ("mean reciprocal rank", f"{figures['mrr']:.3f}"),
    ]
    _show("Retrieval", rows, result, as_json=as_json)


@evaluate_app.command("zero-shot")
def zero_shot(
    manifest: Manifest,
    classes: Annotated[
        Path, typer.Option("--classes", help="Class names, one a line; all of them compete.")
    ],
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Name what happens in each video, without having trained on the names."""
    from cpd_model.loading import load_encoder
    from training.evaluate import evaluate_zero_shot, read_classes
    from training.manifest import read_manifest

    read_manifest(manifest)  # a slip of the pen should not wait for the model
    read_classes(classes)
    with _progress_on_stderr() as on_progress:
        result = evaluate_zero_shot(
            manifest,
            classes,
            load_encoder(model, device=device, on_message=_tell),
            on_progress=on_progress,
        )
    figures = result.as_json()
    rows = [
        ("top-1 accuracy", f"{figures['top1']:.3f}"),
        ("top-5 accuracy", f"{figures['top5']:.3f}"),
        ("mean per class", f"{figures['mean_per_class']:.3f}"),
        ("chance, top-1", f"{1 / result.num_classes:.3f}"),
    ]
    _show("Zero-shot labelling", rows, result, as_json=as_json)


def _show(
    title: str,
    rows: list[tuple[str, str]],
    result: "RetrievalResult | ZeroShotResult",
    *,
    as_json: bool,
) -> None:
    """Figures and protocol (`--json`: it goes to stderr); exit 1 when a video failed."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if as_json:
        typer.echo(result.protocol, err=True)
        typer.echo(json.dumps(result.as_json(), indent=2))
    else:
        console = Console()
        table = Table(title=f"{title}, model {escape(result.model)}, {result.seconds:.1f} s")
        table.add_column("figure")
        table.add_column("value", justify="right")
        for name, value in rows:
            table.add_row(name, value)
        console.print(table)
        console.print(escape(result.protocol), highlight=False)
        if result.failures:
            console.print(_failure_table(result.failures))
    if result.failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _failure_table(failures: "list[Failure]") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Failed, counted as misses")
    table.add_column("video")
    table.add_column("reason")
    for failure in failures:
        table.add_row(escape(failure.path), escape(failure.reason))
    return table


@contextmanager
def _progress_on_stderr() -> "Iterator[OnProgress]":
    """A bar of videos done; silent where stderr is no terminal, like rich's own bars."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("videos", total=None)

        def on_progress(done: int, total: int, failed: int) -> None:
            failures = f", {failed} failed" if failed else ""
            progress.update(task, completed=done, total=total, description=f"videos{failures}")

        yield on_progress


def _tell(message: str) -> None:
    typer.echo(message, err=True)
