"""`cpd index collection create|list|rename|drop|add|remove`: named sets of videos."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from index.cli.choosing import chosen_videos
from index.cli.options import DryRun, Json, LibraryFolder, Where, print_json
from index.cli.printing import counted, print_table

if TYPE_CHECKING:
    from index.library.collections import Collections
    from index.library.selection import Videos

collections_app = typer.Typer(
    name="collection", help="Named sets of videos, to be searched.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the collection; in any case.")]
Named = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH|ID]...", help="Videos; a folder means all below it."),
]


@collections_app.command("create")
def create(name: Name, library: LibraryFolder, as_json: Json = False) -> None:
    """Make an empty collection."""
    from index.library.library import Library

    with Library.open(library) as opened:
        made = opened.collections.create(name)
    _tell(as_json, f"{made.name}: made", **made._asdict())


@collections_app.command("list")
def list_collections(library: LibraryFolder, as_json: Json = False) -> None:
    """Show all collections: their names, how many videos are in each, how many hours."""
    from index.library.library import Library

    with Library.open(library) as opened:
        rows = opened.collections.list()
    if as_json:
        print_json({"collections": [row._asdict() for row in rows]})
    elif rows:
        told = [(row.name, str(row.videos), f"{row.hours:.2f}") for row in rows]
        print_table(("collection", "videos", "hours"), told)
    else:
        typer.echo("no collections: `cpd index collection create NAME` makes one")


@collections_app.command("rename")
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="What it is called now.")],
    library: LibraryFolder,
    as_json: Json = False,
) -> None:
    """Give a collection another name."""
    from index.library.library import Library

    with Library.open(library) as opened:
        renamed = opened.collections.rename(name, new_name)
    _tell(as_json, f"{name} is {renamed.name} now", renamed=name, **renamed._asdict())


@collections_app.command("drop")
def drop(
    name: Name, library: LibraryFolder, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Forget a collection; its videos stay in the library."""
    from index.library.library import Library

    with Library.open(library) as opened:
        dropped = opened.collections.drop(name, dry_run=dry_run)
    would = "would be dropped" if dry_run else "dropped"
    sentence = (
        f"{dropped.name}: {would}; {counted(dropped.videos, 'video')} of it stay in the library"
    )
    _tell(as_json, sentence, dropped=dropped._asdict(), dry_run=dry_run)


@collections_app.command("add")
def add(
    name: Name,
    library: LibraryFolder,
    videos: Named = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Put videos into a collection: those that are named, or that a filter means."""
    changed = _change(library, videos, where, lambda of, chosen: of.add(name, chosen))
    _tell(as_json, f"{name}: {counted(changed, 'video')} put in", collection=name, videos=changed)


@collections_app.command("remove")
def remove(
    name: Name,
    library: LibraryFolder,
    videos: Named = None,
    where: Where = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take videos out of a collection; they stay in the library."""
    changed = _change(
        library, videos, where, lambda of, chosen: of.remove(name, chosen, dry_run=dry_run)
    )
    would = "would be taken out" if dry_run else "taken out"
    sentence = f"{name}: {counted(changed, 'video')} {would}"
    _tell(as_json, sentence, collection=name, videos=changed, dry_run=dry_run)


def _change(
    library: LibraryFolder,
    named: list[str] | None,
    where: str | None,
    change: "Callable[[Collections, Videos], int]",
) -> int:
    from index.library.library import Library

    videos = chosen_videos(named or [], where)
    with Library.open(library) as opened:
        return change(opened.collections, videos)


def _tell(as_json: bool, sentence: str, **content: object) -> None:
    if as_json:
        print_json(content)
    else:
        typer.echo(sentence)
