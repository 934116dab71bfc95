"""`cpd index export|import|plan|merge`: libraries among each other and among other tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cpd_model.errors import InputError
from cpd_model.exit_status import NOT_ALL_WELL
from index.cli.options import Collections, Json, LibraryFolder, Wait, Where, print_json
from index.cli.printing import short_path
from index.ingest.files import printable

if TYPE_CHECKING:
    from index.exchange.intake import IntakeReport
    from index.ingest.files import Selects

ExportFormat = Literal["parquet", "fiftyone", "embedding-atlas"]
"""The words of index.exchange.exporting."""


def register(app: typer.Typer) -> None:
    """Mount these commands below `cpd index`."""
    app.command("export")(export)
    app.command("import")(import_)
    app.command("plan")(plan)
    app.command("merge")(merge)


def export(
    to: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="Where to write; nothing is overwritten.")
    ],
    library: LibraryFolder,
    where: Where = None,
    collection: Collections = None,
    format: Annotated[
        ExportFormat, typer.Option("--format", help="For whom: parquet is what import reads.")
    ] = "parquet",
    as_json: Json = False,
) -> None:
    """Write the segments of a library with vectors and all that is known, for other tools.

    A parquet file has NeMo Curator's columns, id and embedding, and ours; `cpd index import` makes
    the same library of it again. fiftyone is a folder of FiftyOne's temporal detections,
    embedding-atlas a parquet file for Embedding Atlas.
    """
    from index.exchange.exporting import export_library
    from index.filters.filter import chosen
    from index.library.library import Library

    asked = chosen(where, collection or [])
    with Library.open(library) as opened:
        report = export_library(opened, to, where=asked, format=format)
    if as_json:
        print_json(report.as_json())
    else:
        typer.echo(
            f"{report.videos} videos, {report.segments} segments in {short_path(report.path)} "
            f"({report.bytes / 1e6:.1f} MB, {report.seconds:.1f} s)"
        )


def import_(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="What `cpd index export` wrote.")
    ],
    library: LibraryFolder,
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Take the videos of exported files into a library, which is made if need be.

    Videos keep their ids; segments get new numbers. What is there already is not taken twice; run
    again, it goes on where it was stopped. Exits with 1 when videos had to be left out.
    """
    from rich.console import Console

    from index.cli.progress import IntakeProgress
    from index.exchange.importing import import_tables

    with IntakeProgress(Console(stderr=True), "importing", quiet=as_json) as progress:
        report = import_tables(files, library, wait_seconds=wait, listener=progress)
    _tell(report, as_json=as_json)


def plan(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Files, folders (with all below) and patterns."),
    ],
    number: Annotated[int, typer.Option("-n", "--shards", min=1, help="How many shards.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write, JSON.")],
    as_json: Json = False,
) -> None:
    """Cut the videos below some paths into shards of like size, for several machines.

    Each of them runs `cpd index add --plan FILE --shard i/N` into a library of its own, and `cpd
    index merge` joins these. Exits with 1 when folders could not be looked into.
    """
    from index.exchange.plan import plan_shards, write_plan

    made = plan_shards(paths, number)
    write_plan(made, out)
    sizes = [sum(file.size_bytes for file in shard) for shard in made.shards]
    counts = [len(shard) for shard in made.shards]
    if as_json:
        print_json(
            {
                "path": str(out),
                "videos": sum(counts),
                "bytes": sum(sizes),
                "shards": [
                    {"number": i, "videos": count, "bytes": size}
                    for i, (count, size) in enumerate(zip(counts, sizes, strict=True), 1)
                ],
                "unreadable": [
                    {"path": str(each.path), "reason": each.reason} for each in made.unreadable
                ],
            }
        )
    else:
        typer.echo(
            f"{sum(counts)} videos ({sum(sizes) / 1e6:.1f} MB) in {number} shards of "
            f"{min(sizes) / 1e6:.1f} to {max(sizes) / 1e6:.1f} MB: {short_path(out)}"
        )
        for each in made.unreadable:
            typer.echo(f"left out: {short_path(each.path)}: {printable(each.reason)}")
    if made.unreadable:
        raise typer.Exit(NOT_ALL_WELL)


def merge(
    into: Annotated[
        Path, typer.Argument(metavar="INTO", help="The library that takes all in, or a new folder.")
    ],
    sources: Annotated[
        list[Path], typer.Argument(metavar="FROM...", help="Libraries, which stay as they are.")
    ],
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Merge libraries of one model, window and hop into one, with all that they know.

    Videos keep their ids; one file in two libraries is one video. Run again, it changes nothing;
    stopped, it goes on where it was. Exits with 1 when videos had to be left out.
    """
    from rich.console import Console

    from index.cli.progress import IntakeProgress
    from index.exchange.merging import merge_libraries

    with IntakeProgress(Console(stderr=True), "merging", quiet=as_json) as progress:
        report = merge_libraries(into, sources, wait_seconds=wait, listener=progress)
    _tell(report, as_json=as_json)


def selection_of(
    paths: list[str], shard: str | None, plan: Path | None
) -> "tuple[list[str], Selects | None]":
    """The paths that an add walks, and which files it takes of them; None is all.

    Raises:
        InputError: no path is named, or the shard cannot be read.
    """
    from index.exchange.shards import ShardFiles

    if plan is not None and shard is None:
        raise InputError("a plan says which files a shard has: say which one with --shard 2/8")
    if not paths and plan is None:
        raise InputError("no PATH was given: name a file, a folder or a pattern such as '*.mp4'")
    if shard is None:
        return paths, None
    files = ShardFiles.parse(shard, paths, plan=plan)
    return list(files.paths), files.selects


def _tell(report: "IntakeReport", *, as_json: bool) -> None:
    if as_json:
        print_json(report.as_json())
    else:
        typer.echo(
            f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
            f"{report.kept} kept in their newer state; "
            f"{report.segments} segments in {report.seconds:.1f} s"
        )
        for model in report.models_left:
            typer.echo(f"left out: vectors of {model}, which the library does not have")
        for path in report.lacking:
            typer.echo(f"left out: {short_path(path)} has no vectors of the library's model")
    if report.lacking:
        raise typer.Exit(NOT_ALL_WELL)
