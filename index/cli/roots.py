"""`cpd index root list|set|rename|drop`: the folders that videos stand in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from index.cli.options import DryRun, Json, LibraryFolder, Wait, print_json
from index.cli.printing import counted, print_table, short_path

if TYPE_CHECKING:
    from index.catalog.roots import RootRow

roots_app = typer.Typer(
    name="root",
    help="The folders that videos stand in, and where they are now.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the root; in any case.")]


@roots_app.command("list")
def list_roots(library: LibraryFolder, as_json: Json = False) -> None:
    """Show all roots, where they are and how much is in each."""
    from index.library.library import Library

    with Library.open(library) as opened:
        rows = opened.roots.list()
    if as_json:
        print_json({"roots": [_as_json(row) for row in rows]})
    elif rows:
        told = [
            (row.name, short_path(row.path), str(row.videos), str(row.failed), f"{row.hours:.2f}")
            for row in rows
        ]
        print_table(("root", "folder", "videos", "failed", "hours"), told)
    else:
        typer.echo("no roots: the next `cpd index add` makes one of each folder that it is given")


@roots_app.command("set")
def set_root(
    name: Name,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Where its folder is now.")],
    library: LibraryFolder,
    even_if_missing: Annotated[
        bool, typer.Option("--even-if-missing", help="Also where there is no such folder yet.")
    ] = False,
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Tell where a root is now: all its videos are there from then on. A new name is a new root.

    Nothing is decoded again, and no file is touched. Roots within it stay where they are.
    """
    from index.library.library import Library

    with Library.open(library) as opened:
        change = opened.roots.set(name, path, even_if_missing=even_if_missing, wait_seconds=wait)
    if as_json:
        print_json(change._asdict() | {"path": str(change.path)})
    elif change.made:
        typer.echo(f"{change.name}: a new root at {short_path(change.path)}")
    else:
        typer.echo(f"{change.name}: now at {short_path(change.path)}, {change.moved} paths changed")


@roots_app.command("rename")
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="What it is called now.")],
    library: LibraryFolder,
    as_json: Json = False,
) -> None:
    """Give a root another name."""
    from index.library.library import Library

    with Library.open(library) as opened:
        renamed = opened.roots.rename(name, new_name)
    if as_json:
        print_json({"renamed": name, **_as_json(renamed)})
    else:
        typer.echo(f"{name} is {renamed.name} now")


@roots_app.command("drop")
def drop(
    name: Name, library: LibraryFolder, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Forget a root; its videos stay in the library, in the root around it where there is one."""
    from index.library.library import Library

    with Library.open(library) as opened:
        dropped = opened.roots.drop(name, dry_run=dry_run)
    if as_json:
        print_json({"dropped": _as_json(dropped), "dry_run": dry_run})
    else:
        would = "would be dropped" if dry_run else "dropped"
        held = f"{counted(dropped.videos, 'video')} and {counted(dropped.failed, 'failure')}"
        typer.echo(f"{dropped.name}: {would}; {held} of it stay in the library")


def _as_json(row: "RootRow") -> dict[str, Any]:
    return row._asdict() | {"path": str(row.path)}
