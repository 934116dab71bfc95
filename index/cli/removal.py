"""`cpd index remove|prune`: videos that a library is to forget. Their files are never touched."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from index.cli.choosing import MOST_UNASKED, chosen_videos, confirm_removal
from index.cli.options import DryRun, Json, LibraryFolder, Wait, Where, print_json
from index.cli.printing import counted, short_path

if TYPE_CHECKING:
    from index.library.pruning import PruneReport
    from index.library.removal import RemovalReport, RemovedVideo

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Mount these commands below `cpd index`."""
    app.command("remove")(remove)
    app.command("prune")(prune)


def remove(
    library: LibraryFolder,
    videos: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH|ID]...",
            help="Files, folders (with all below) and patterns, also of what is gone.",
        ),
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="The same as an ID by itself.")
    ] = None,
    where: Where = None,
    dry_run: DryRun = False,
    yes: Annotated[
        bool, typer.Option("--yes", help=f"Do not ask before more than {MOST_UNASKED} go.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a library forget videos, and files that failed; the files themselves stay.

    The next search does not find them. An add of the same path brings them back, with new ids.
    Before more than 10 videos go a terminal is asked; elsewhere that needs --yes.
    """
    from index.library.library import Library
    from index.library.removal import plan_removal

    chosen = chosen_videos([*(videos or []), *(ids or [])], where)
    with Library.open(library) as opened:
        removal = plan_removal(opened.catalog, chosen)
        if dry_run:
            report = removal.report()
        else:
            confirm_removal(len(removal), yes=yes)
            report = removal.carry_out()
    if as_json:
        print_json(report.as_json())
    else:
        print_removal(report)


def prune(
    library: LibraryFolder,
    roots: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ROOT]...", help="Names of roots; all without one."),
    ] = None,
    dry_run: DryRun = False,
    even_if_gone: Annotated[
        bool,
        typer.Option("--even-if-gone", help="Also where the folder of a root is gone or empty."),
    ] = False,
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Make a library forget the videos whose files are gone.

    Refused where the folder of a root is gone or empty, as it is while a disk is away. A file that
    cannot be looked at is not gone. Add first where files may have moved, or use add --prune: then
    they keep their ids.
    """
    from index.library.library import Library

    with Library.open(library) as opened:
        report = opened.prune(
            roots or [], dry_run=dry_run, even_if_gone=even_if_gone, wait_seconds=wait
        )
    if as_json:
        print_json(report.as_json())
    else:
        print_pruned(report)


def print_removal(report: "RemovalReport") -> None:
    """The paths that went, the first of many, and how many there were."""
    _print_paths(report.removed)
    would = "would be removed" if report.dry_run else "removed"
    typer.echo(f"{counted(len(report.removed), 'video')} {would} from the library; the files stay")
    if report.changed:
        typer.echo(
            f"{counted(len(report.changed), 'video')} changed meanwhile and stayed; run again:"
        )
        _print_paths(report.changed)


def print_pruned(report: "PruneReport") -> None:
    """What of the library has no file any more, and what could not be looked at."""
    removal = report.removal
    _print_paths(removal.removed)
    would = "would be removed" if removal.dry_run else "removed"
    count = len(removal.removed)
    typer.echo(
        f"{counted(count, 'video')} {would}, whose files are gone; {report.files} looked for"
    )
    if removal.changed:
        typer.echo(
            f"{counted(len(removal.changed), 'video')} changed meanwhile and stayed; run again"
        )
    for path, reason in report.unreachable[:_SHOWN]:
        typer.echo(f"cannot be looked at, stays: {short_path(path)} ({reason})")
    if len(report.unreachable) > _SHOWN:
        typer.echo(f"... and {len(report.unreachable) - _SHOWN} more")


def _print_paths(videos: "Sequence[RemovedVideo]") -> None:
    for video in videos[:_SHOWN]:
        typer.echo(f"  {short_path(video.path)}")
    if len(videos) > _SHOWN:
        typer.echo(f"  ... and {len(videos) - _SHOWN} more (--json lists all)")
