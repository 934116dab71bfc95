"""`cpd index status|verify|repair|compact`: looking after a library that is there."""

from typing import Any

import typer

from cpd_model.exit_status import NOT_ALL_WELL
from index.cli.options import IndexKindOption, Json, LibraryFolder, Wait, print_json
from index.cli.printing import print_compacted, print_repaired, print_status


def register(app: typer.Typer) -> None:
    """Mount these commands below `cpd index`."""
    for command in (status, verify, repair, compact):
        app.command(command.__name__)(command)


def status(library: LibraryFolder, as_json: Json = False) -> None:
    """Show how much a library holds, which model made it, and which device does what."""
    from dataclasses import asdict

    from cpd_model.devices import choose_device
    from index.library.library import Library

    with Library.open(library, device="auto") as opened:
        facts: dict[str, Any] = asdict(opened.status())
    facts["model_device"] = choose_device("auto")
    if as_json:
        print_json(facts)
    else:
        print_status(library, facts)


def verify(library: LibraryFolder, as_json: Json = False) -> None:
    """Check that catalog and vectors agree; exits with 1 and what differs if not."""
    from index.library.library import Library

    with Library.open(library) as opened:
        differences = opened.verify()
    if as_json:
        print_json({"agrees": not differences, "differences": differences})
    else:
        for sentence in differences or ["catalog and vectors agree"]:
            typer.echo(sentence)
    if differences:
        raise typer.Exit(NOT_ALL_WELL)


def repair(library: LibraryFolder, wait: Wait = 0, as_json: Json = False) -> None:
    """Make anew what is damaged and can be made from the rest; say what cannot.

    Parts, SQLite's indexes and counts follow from the catalog, and a video's vectors from a part
    that still holds them. A video of which too much is lost becomes a failure, so that all others
    can be searched; `cpd index add` of its path brings it back. Exits with 0 when all is whole, 1
    when videos have to be indexed again or something is left.
    """
    from index.library.library import Library

    with Library.open(library) as opened, opened.lease(wait_seconds=wait) as writer:
        report = writer.repair()
    if as_json:
        print_json(report.as_json())
    else:
        print_repaired(report, library)
    if not report.is_whole:
        raise typer.Exit(NOT_ALL_WELL)


def compact(
    library: LibraryFolder,
    index_kind: IndexKindOption = "auto",
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Merge all parts of a library's vectors into one, without removed segments.

    An add merges parts by itself where many have piled up; this does it now, and can choose how
    the part is searched. Searches go on meanwhile.
    """
    from index.library.compact import compact_library
    from index.library.library import Library

    with Library.open(library) as opened:
        report = compact_library(opened, index_kind=index_kind, wait_seconds=wait)
    if as_json:
        print_json(report.as_json())
    else:
        print_compacted(report)
