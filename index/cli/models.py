"""`cpd index reembed|switch|compare`, `cpd index model list|drop`: models side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cpd_model.exit_status import INTERRUPTED, NOT_ALL_WELL
from index.cli.loading import load_encoder_told, load_text_encoder_told
from index.cli.options import (
    Device,
    DryRun,
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
from index.cli.printing import counted, print_table, short_path, time_range
from index.cli.stopping import sigterm_interrupts
from index.ingest.files import printable

if TYPE_CHECKING:
    from index.catalog.records import ModelStatus
    from index.reembedding.compare import Comparison
    from index.reembedding.report import ReembedReport
    from index.search.moments import Hits

_EXAMPLES = 3
_EXAMPLE_MOMENTS = 3

model_app = typer.Typer(name="model", help="The models of a library.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Mount these commands below `cpd index`."""
    for command in (reembed, switch, compare):
        app.command(command.__name__)(command)
    app.add_typer(model_app)


def reembed(
    library: LibraryFolder,
    model: Model = None,
    window: Window = None,
    hop: Hop = None,
    device: Device = "auto",
    workers: Workers = None,
    wait: Wait = 0,
    index_kind: IndexKindOption = "auto",
    as_json: Json = False,
) -> None:
    """Embed all stored videos by another model, beside the one that answers.

    Searching goes on as it was; `cpd index switch` lets the new model answer. A run that was
    stopped goes on where it was. Without a model, window or hop those of the one that answers are
    taken: that embeds what it lacks. Exits with 1 when some files are gone, changed or cannot be
    read: each is listed with its reason.
    """
    from index.reembedding.report import ReembedInterrupted

    try:
        with sigterm_interrupts():
            report = _reembed(
                library,
                model=model,
                window_seconds=window,
                hop_seconds=hop,
                device=device,
                workers=workers,
                wait_seconds=wait,
                index_kind=index_kind,
                quiet=as_json,
            )
    except ReembedInterrupted as stop:
        typer.echo(
            f"stopped: {stop.report.model.videos} videos have vectors of {stop.report.model.name}, "
            f"{stop.report.model.lacking} are left; run the same command again to go on",
            err=True,
        )
        raise SystemExit(INTERRUPTED) from None
    if as_json:
        print_json(report.as_json())
    else:
        _print_reembedded(report)
    if report.failed:
        raise typer.Exit(NOT_ALL_WELL)


def _reembed(
    folder: Path,
    *,
    model: str | None,
    window_seconds: float | None,
    hop_seconds: float | None,
    device: str,
    workers: int | None,
    wait_seconds: float,
    index_kind: KindOfIndex,
    quiet: bool,
) -> "ReembedReport":
    from rich.console import Console

    from index.cli.progress import AddProgress
    from index.decoding.pool import DecodePool
    from index.library.library import Library
    from index.library.opening import absolute_name
    from index.reembedding.reembed import reembed as run
    from index.segments import Windows

    with Library.open(folder) as library:
        settings = library.settings
        windows = Windows(
            settings.window_seconds if window_seconds is None else window_seconds,
            settings.hop_seconds if hop_seconds is None else hop_seconds,
        )
        name = settings.model if model is None else absolute_name(model)
        encoder = load_encoder_told(name, device)
        with (
            DecodePool(num_workers=workers) as pool,
            AddProgress(Console(stderr=True), quiet=quiet) as progress,
        ):
            return run(
                library,
                encoder,
                pool,
                windows=windows,
                wait_seconds=wait_seconds,
                index_kind=index_kind,
                listener=progress,
            )


def switch(
    library: LibraryFolder,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL|NUMBER]", help="Without it: back to the one that answered before."
        ),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also to a model that lacks vectors of some videos.")
    ] = False,
    dry_run: DryRun = False,
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Let another of the library's models answer, or go back to the one before.

    Who has the library open goes on with the model that it opened it with; whoever opens it from
    now on gets the new one, and `cpd index add` embeds by it.
    """
    from index.library.library import Library

    with Library.open(library) as opened:
        chosen = opened.models.switch(model, anyway=anyway, dry_run=dry_run, wait_seconds=wait)
    if as_json:
        print_json({**_as_json(chosen), "dry_run": dry_run})
        return
    verb = "would answer" if dry_run else "answers"
    lacks = f"; it lacks {counted(chosen.lacking, 'video')}" if chosen.lacking else ""
    typer.echo(f"model {chosen.number} ({printable(chosen.name)}) {verb}{lacks}")


def compare(
    library: LibraryFolder,
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL|NUMBER", help="The one beside that answers.")
    ],
    queries: Annotated[
        Path | None,
        typer.Option("--queries", help="A text file, a query a line (captions, titles, names)."),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Ask two models of a library the same, and show how far their moments agree.

    Overlap@10 is the share of the ten best moments that both have: of the same video, and sharing
    at least half of the shorter one. Without a file the library's captions and titles are asked,
    or else the names of its files.
    """
    from index.library.library import Library
    from index.reembedding.compare import Side
    from index.reembedding.compare import compare as run
    from index.reembedding.queries import queries_of_file, stored_queries

    asked = None if queries is None else queries_of_file(queries)
    with Library.open(library, device=device) as live:
        asked = asked or stored_queries(live)
        number = live.models.get(model).number
        with Library.open(library, device=device, model_number=number) as other:
            sides = [
                Side(opened, load_text_encoder_told(opened.settings.model, device))
                for opened in (live, other)
            ]
            compared = run(sides[0], sides[1], asked.texts)
    if as_json:
        print_json({"source": asked.source, **compared.as_json()})
    else:
        typer.echo(f"{len(asked.texts)} queries: {printable(asked.source)}")
        _print_comparison(compared)


@model_app.command("list")
def list_models(library: LibraryFolder, as_json: Json = False) -> None:
    """Show the models of a library, with their windows and what each has vectors of."""
    from index.library.library import Library

    with Library.open(library) as opened:
        listed = opened.models.list()
    if as_json:
        print_json({"models": [_as_json(model) for model in listed]})
    else:
        _print_models(listed)


@model_app.command("drop")
def drop(
    model: Annotated[str, typer.Argument(metavar="NUMBER", help="Its number, or its name.")],
    library: LibraryFolder,
    dry_run: DryRun = False,
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Take a model and its vectors away; never the one that answers. The videos stay."""
    from index.library.library import Library

    with Library.open(library) as opened:
        dropped = opened.models.drop(model, dry_run=dry_run, wait_seconds=wait)
    if as_json:
        print_json({"dropped": _as_json(dropped), "dry_run": dry_run})
        return
    verb = "would be dropped" if dry_run else "dropped"
    typer.echo(
        f"model {dropped.number} ({printable(dropped.name)}) {verb}, "
        f"with {dropped.segments} segments of {dropped.videos} videos"
    )


def _as_json(model: "ModelStatus") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(model)


def _print_models(listed: "Sequence[ModelStatus]") -> None:
    rows = [
        (
            str(each.number),
            printable(each.name),
            each.fingerprint[:12],
            f"{each.embed_dim}",
            f"{each.window_seconds:g} s every {each.hop_seconds:g} s",
            _state(each),
            f"{each.videos} of {each.videos + each.lacking}",
            str(each.segments),
        )
        for each in listed
    ]
    header = ("", "model", "fingerprint", "dim", "windows", "state", "videos", "segments")
    print_table(header, rows)


def _state(model: "ModelStatus") -> str:
    if model.answers:
        return "answers"
    return f"{model.state}, answered before" if model.answered_before else model.state


def _print_reembedded(report: "ReembedReport") -> None:
    model = report.model
    typer.echo(
        f"{report.embedded} videos embedded, {report.failed} failed; {report.segments} segments "
        f"in {report.seconds:.1f} s"
    )
    if report.failures:
        rows = [(short_path(f.path), printable(f.reason)) for f in report.failures]
        print_table(("failed", "reason"), rows)
    lacks = f", {model.lacking} lack them" if model.lacking else ""
    answers = "" if model.answers else f"; `cpd index switch {model.number}` lets it answer"
    typer.echo(
        f"model {model.number} ({printable(model.name)}): {model.videos} videos have vectors"
        f"{lacks}{answers}"
    )


def _print_comparison(compared: "Comparison") -> None:
    sides = (compared.live, compared.other)
    print_table(
        ("", "model", "videos", "encode", "search"),
        [
            (
                str(side.model.number),
                printable(side.model.name),
                str(side.model.videos),
                f"{side.encode_ms:.1f} ms",
                f"{side.search_ms:.1f} ms",
            )
            for side in sides
        ],
    )
    typer.echo(f"overlap@10: {compared.overlap:.3f}")
    for query in compared.examples(_EXAMPLES):
        typer.echo(f"\n{printable(query.query)} (overlap {query.overlap:.2f})")
        rows = zip(_moments(query.live), _moments(query.other), strict=True)
        print_table(tuple(printable(side.model.name) for side in sides), list(rows))


def _moments(hits: "Hits") -> list[str]:
    told = [
        f"{printable(hit.path.name)} {time_range(hit.start_seconds, hit.stop_seconds)} "
        f"{hit.score:.3f}"
        for hit in hits[:_EXAMPLE_MOMENTS]
    ]
    return told + [""] * (_EXAMPLE_MOMENTS - len(told))
