"""`cpd index watch`: a library that follows its folders."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from index.cli.loading import load_encoder_told, say
from index.cli.options import (
    Device,
    Hop,
    IndexKindOption,
    Json,
    LibraryFolder,
    Model,
    Window,
    Workers,
)
from index.cli.printing import print_report
from index.cli.stopping import sigterm_interrupts

if TYPE_CHECKING:
    from index.library.add_report import AddReport


def register(app: typer.Typer) -> None:
    """Mount this command below `cpd index`."""
    app.command("watch")(watch)


def watch(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Folders (with all below) and files.")
    ],
    library: LibraryFolder,
    settle: Annotated[
        float,
        typer.Option("--settle", min=0, help="Seconds that a file must be as it is to be read."),
    ] = 2.0,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove the videos whose files are gone.")
    ] = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look at all files each second; for network disks.")
    ] = False,
    model: Model = None,
    window: Window = None,
    hop: Hop = None,
    device: Device = "auto",
    workers: Workers = None,
    index_kind: IndexKindOption = "auto",
    as_json: Json = False,
) -> None:
    """Index videos as they come, change and move, until Ctrl-C or SIGTERM.

    Begins as `cpd index add` does, with all that changed while nobody watched. A file is read once
    it has been as it is for a while. The library is free for other runs in between, and while
    another run works on it, what is to be done waits. `--json` prints an object a line.
    """
    from index.watching.feed import LibraryFeed
    from index.watching.watch import watch as watch_folders

    feed = LibraryFeed(
        library,
        load=load_encoder_told,
        model=model,
        window_seconds=window,
        hop_seconds=hop,
        device=device,
        num_workers=workers,
        index_kind=index_kind,
    )
    teller = _Teller(as_json=as_json)
    with sigterm_interrupts():
        totals = watch_folders(paths, feed, teller, settle_seconds=settle, poll=poll, prune=prune)
    if as_json:
        _print_line({"event": "ended", **totals.as_json()})
    else:
        typer.echo(
            f"stopped watching: {totals.added} added, {totals.updated} updated, "
            f"{totals.failed} failed, {totals.removed} removed"
        )


@dataclass
class _Teller:
    """Tells a person, or a program, what a watch does."""

    as_json: bool

    def added(self, report: "AddReport", *, is_first: bool) -> None:
        if self.as_json:
            event = "ready" if is_first else "added"
            _print_line({"event": event, **report.as_json()})
        elif is_first:
            print_report(report)
            typer.echo("watching; Ctrl-C ends it")
        elif report.added or report.updated or report.failed:
            print_report(report)

    def removed(self, count: int) -> None:
        if self.as_json:
            _print_line({"event": "removed", "count": count})
        else:
            typer.echo(f"{count} removed, whose files are gone")

    def told(self, sentence: str) -> None:
        if self.as_json:
            _print_line({"event": "told", "message": sentence})
        else:
            say(sentence)


def _print_line(content: dict[str, Any]) -> None:
    # ASCII, as index.cli.options.print_json; typer.echo flushes, so that a pipe sees each line.
    typer.echo(json.dumps(content))
