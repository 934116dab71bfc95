"""`cpd index snapshot create|list|restore|drop`: what a library held at earlier moments."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from index.cli.options import DryRun, Json, LibraryFolder, Wait, print_json
from index.cli.printing import print_table

if TYPE_CHECKING:
    from index.library.snapshot_files import Snapshot

snapshot_app = typer.Typer(
    name="snapshot", help="Keep what a library holds, and go back to it.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `cpd index snapshot list` shows.")]


@snapshot_app.command("create")
def create(
    library: LibraryFolder,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Its name (the time, in UTC).")
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, help="Drop the oldest made without NAME beyond so many."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep what the library holds now; searches and writers go on meanwhile.

    It takes the room of the catalog alone: the files of vectors are linked, not copied. --keep
    never drops a snapshot that was given a name.
    """
    from index.library.library import Library

    with Library.open(library) as opened:
        snapshot = opened.snapshots.create(name, keep=keep)
    if as_json:
        print_json(snapshot.as_json())
    else:
        typer.echo(f"kept {_held(snapshot)} as {snapshot.name}")


@snapshot_app.command("list")
def list_all(library: LibraryFolder, as_json: Json = False) -> None:
    """Show the snapshots of a library, oldest first."""
    from index.library.library import Library

    with Library.open(library) as opened:
        snapshots = opened.snapshots.list()
    if as_json:
        print_json({"snapshots": [snapshot.as_json() for snapshot in snapshots]})
    elif snapshots:
        _print_snapshots(snapshots)
    else:
        typer.echo("no snapshots yet: `cpd index snapshot create` makes one")


@snapshot_app.command("restore")
def restore(
    library: LibraryFolder,
    name: Name,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not keep what the library holds now.")
    ] = False,
    wait: Wait = 0,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Give the library what a snapshot holds, in one step; what it holds now is kept as another.

    Searches go on meanwhile, and find what was restored as soon as it is.
    """
    from index.library.library import Library

    with Library.open(library) as opened:
        snapshots, videos_now = opened.snapshots, opened.count().videos
        if dry_run:
            snapshot = snapshots.get(name)
            content = {"restored": snapshot.as_json(), "dry_run": True}
            said = f"would bring back {_held(snapshot)} in the place of {videos_now} videos"
        else:
            report = snapshots.restore(name, backup=not no_backup, wait_seconds=wait)
            content = {**report.as_json(), "dry_run": False}
            said = f"brought back {_held(report.restored)} in the place of {videos_now} videos"
            if report.kept_as is not None:
                said += f"; these are kept as {report.kept_as}"
    if as_json:
        print_json(content)
    else:
        typer.echo(said)


@snapshot_app.command("drop")
def drop(
    library: LibraryFolder, name: Name, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Delete a snapshot; the library itself is not touched."""
    from index.library.library import Library

    with Library.open(library) as opened:
        snapshot = opened.snapshots.drop(name, dry_run=dry_run)
    if as_json:
        print_json({"dropped": snapshot.as_json(), "dry_run": dry_run})
    else:
        typer.echo(f"{'would drop' if dry_run else 'dropped'} {name} with {_held(snapshot)}")


def _held(snapshot: "Snapshot") -> str:
    return f"{snapshot.videos} videos, {snapshot.segments} segments"


def _print_snapshots(snapshots: "Sequence[Snapshot]") -> None:
    rows = [
        (
            snapshot.name,
            f"{datetime.fromtimestamp(snapshot.created_at):%Y-%m-%d %H:%M}",
            snapshot.kind,
            str(snapshot.videos),
            str(snapshot.segments),
            f"{snapshot.catalog_bytes / 1e6:.1f} MB",
        )
        for snapshot in snapshots
    ]
    print_table(("name", "made", "kind", "videos", "segments", "catalog"), rows)
