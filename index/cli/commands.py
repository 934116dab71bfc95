"""`cpd index add`; the rest of `cpd index` has files of its own.

Everything heavy is imported inside the commands, so that `cpd --help` answers at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cpd_model.exit_status import INTERRUPTED, NOT_ALL_WELL
from index.cli import exchange, listing, models, removal, upkeep, watching
from index.cli.collections import collections_app
from index.cli.label import label
from index.cli.loading import load_encoder_told
from index.cli.metadata import metadata_app
from index.cli.options import (
    Device,
    Hop,
    IndexKindOption,
    Json,
    KindOfIndex,
    LibraryFolder,
    Model,
    Wait,
    Window,
    Workers,
    print_json,
)
from index.cli.printing import print_report
from index.cli.roots import roots_app
from index.cli.search import search
from index.cli.snapshots import snapshot_app
from index.cli.stopping import sigterm_interrupts

if TYPE_CHECKING:
    from index.ingest.files import Selects
    from index.library.add_report import AddReport

index_app = typer.Typer(
    name="index", help="Put videos into a library, and look after it.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Mount this package's commands."""
    listing.register(index_app)
    removal.register(index_app)
    upkeep.register(index_app)
    models.register(index_app)
    watching.register(index_app)
    index_app.add_typer(collections_app)
    exchange.register(index_app)
    index_app.add_typer(metadata_app)
    index_app.add_typer(roots_app)
    index_app.add_typer(snapshot_app)
    app.add_typer(index_app)
    app.command("search")(search)
    app.command("label")(label)


@index_app.command("add")
def add(
    library: LibraryFolder,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Files, folders (with all below) and patterns."),
    ] = None,
    model: Model = None,
    window: Window = None,
    hop: Hop = None,
    device: Device = "auto",
    workers: Workers = None,
    wait: Wait = 0,
    index_kind: IndexKindOption = "auto",
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection",
            metavar="NAME",
            help="Put all these videos into it, made if need be; may be repeated.",
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Forget videos below PATH whose files are gone.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Of all files only the I-th part of N."),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Which says the parts; `cpd index plan` wrote it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Index videos, so that they can be searched; run it again at any time.

    What is unchanged is skipped, a moved file keeps its id, and a run that was stopped goes on
    where it was. Files that failed are tried again each time. A library keeps the model, window
    and hop that it was made with. Exits with 0 when all is indexed, 1 when some files failed
    (each is listed with its reason), 2 when it cannot run.
    """
    from index.library.add_report import AddInterrupted

    named, only = exchange.selection_of(paths or [], shard, plan)
    try:
        with sigterm_interrupts():
            report = _add(
                named,
                library,
                only=only,
                model=model,
                window_seconds=window,
                hop_seconds=hop,
                device=device,
                workers=workers,
                wait_seconds=wait,
                index_kind=index_kind,
                collections=collection or [],
                prune=prune,
                quiet=as_json,
            )
    except AddInterrupted as stop:
        num_kept = stop.report.added + stop.report.updated
        typer.echo(
            f"stopped: the {num_kept} videos that this run finished are in the library; "
            f"run the same command again to go on",
            err=True,
        )
        # Not typer.Exit: of that, `cpd.main` would say once more that it was an interrupt.
        raise SystemExit(INTERRUPTED) from None
    if as_json:
        print_json(report.as_json())
    else:
        print_report(report)
    if report.failed:
        raise typer.Exit(NOT_ALL_WELL)


def _add(
    paths: list[str],
    folder: Path,
    *,
    only: "Selects | None",
    model: str | None,
    window_seconds: float | None,
    hop_seconds: float | None,
    device: str,
    workers: int | None,
    wait_seconds: float,
    index_kind: KindOfIndex,
    collections: list[str],
    prune: bool,
    quiet: bool,
) -> "AddReport":
    from rich.console import Console

    from index.cli.progress import AddProgress
    from index.decoding.pool import DecodePool
    from index.ingest.files import expand_patterns
    from index.library.add import add_videos
    from index.library.opening import open_for_adding

    list(expand_patterns(paths))  # a slip of the pen should not wait for the model
    library, load_encoder = open_for_adding(
        folder,
        model=model,
        window_seconds=window_seconds,
        hop_seconds=hop_seconds,
        device=device,
        load=load_encoder_told,
    )
    with (
        library,
        DecodePool(num_workers=workers) as pool,
        AddProgress(Console(stderr=True), quiet=quiet) as progress,
    ):
        return add_videos(
            paths,
            library,
            load_encoder,
            pool,
            wait_seconds=wait_seconds,
            index_kind=index_kind,
            collections=collections,
            prune=prune,
            only=only,
            listener=progress,
        )
