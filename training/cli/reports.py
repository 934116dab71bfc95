"""What `cpd evaluate ...` commands share: their options, their tables, their way out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from cpd_model.exit_status import NOT_ALL_WELL

if TYPE_CHECKING:
    from rich.table import Table

    from training.evaluation.cache import OnProgress
    from training.evaluation.pool import FailedEvaluation

Manifest = Annotated[
    Path,
    typer.Option(
        "--manifest",
        help="CSV, JSONL or parquet list with the columns path (relative to it), caption, label; "
        "or a folder or .tar shards, as cpd train reads them.",
    ),
]
SplitName = Annotated[
    str | None,
    typer.Option("--split", help="Only the rows that say so in the column split, such as val."),
]
Model = Annotated[
    str, typer.Option("--model", help="A bundle's name or folder, or org/name of a hub.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")]

LABEL_FIGURES = {
    "top1": "top-1 accuracy",
    "top5": "top-5 accuracy",
    "mean_per_class": "mean per class",
}
"""Figures of naming videos: their keys in JSON, and what people read."""


class Result(Protocol):
    """What every evaluation comes back with."""

    @property
    def model(self) -> str: ...

    @property
    def seconds(self) -> float: ...

    @property
    def failures(self) -> "list[FailedEvaluation]": ...

    @property
    def protocol(self) -> str: ...


def show(
    result: Result, figures: Mapping[str, Any], tables: "Sequence[Table]", *, as_json: bool
) -> None:
    """Tables and protocol, or JSON with the protocol on stderr; exit 1 when a video failed."""
    from rich.console import Console
    from rich.markup import escape

    if as_json:
        typer.echo(result.protocol, err=True)
        typer.echo(json.dumps(figures, indent=2))
    else:
        console = Console()
        for table in tables:
            console.print(table)
        console.print(f"Model {escape(result.model)}, {result.seconds:.1f} s.", highlight=False)
        console.print(escape(result.protocol), highlight=False)
        if result.failures:
            rows = [(failure.written_path, failure.reason) for failure in result.failures]
            console.print(text_table("Failed, counted as misses", ("video", "reason"), rows))
    if result.failures:
        raise typer.Exit(NOT_ALL_WELL)


def figure_table(
    title: str,
    figures: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    intervals: Mapping[str, Sequence[float]],
    others: Sequence[tuple[str, str]] = (),
) -> "Table":
    """Figures with their intervals, and rows of other facts.

    Args:
        names: keys of the figures that are shown, and what people read.
    """
    rows = []
    for key, name in names.items():
        digits = ".1f" if key == "median_rank" else ".3f"
        low, high = intervals[key]
        rows.append((name, f"{figures[key]:{digits}}", f"{low:{digits}} to {high:{digits}}"))
    rows += [(name, value, "") for name, value in others]
    return text_table(title, ("figure", "value", "95 % interval"), rows)


def class_table(per_class: Sequence[Mapping[str, Any]]) -> "Table":
    """Each class that occurs, how many clips it has, and how many of them were named right."""
    rows = [
        (str(figures["name"]), str(figures["num_videos"]), f"{figures['top1']:.3f}")
        for figures in per_class
    ]
    return text_table("Classes that occur", ("class", "clips", "top-1"), rows)


def text_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """A table whose first column is words and whose others are numbers or words."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*map(escape, row))
    return table


@contextmanager
def progress_on_stderr() -> "Iterator[OnProgress]":
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


def tell(message: str) -> None:
    """One line for a person, on stderr."""
    typer.echo(message, err=True)
