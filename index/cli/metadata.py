"""`cpd index meta set|get|unset`: what one says of videos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cpd_model.errors import InputError
from cpd_model.exit_status import NOT_ALL_WELL
from index.cli.options import DryRun, Json, LibraryFolder, Where, print_json
from index.cli.printing import counted, print_metadata, print_texts, short_path

if TYPE_CHECKING:
    from index.library.metadata import Metadata
    from index.library.selection import VideoName, Videos

metadata_app = typer.Typer(
    name="meta", help="Say of videos what you like, and read what is said.", no_args_is_help=True
)


@metadata_app.command("set")
def set_metadata(
    library: LibraryFolder,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH|ID] KEY=VALUE...",
            help="A video, and what is said of it; null hides what its files say.",
        ),
    ] = None,
    where: Where = None,
    from_list: Annotated[
        Path | None,
        typer.Option("--from", help="A .jsonl or .csv with path or id, and keys, a video each."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say something of a video, of all that a filter means, or of each video of a list.

    Values are JSON where they can be (4, true, ["a", "b"]), else text. A key such as gps.lat
    reaches into an object. Exits with 1 when videos of the list are not in the library.
    """
    from index.library.library import Library

    with Library.open(library) as opened:
        unknown: Sequence[VideoName] = []
        if from_list is not None:
            num_videos, unknown = _set_each(opened.metadata, words, where, from_list)
        else:
            videos, pairs = _videos(words, where, rest="KEY=VALUE")
            num_videos = opened.metadata.set(videos, _values(pairs))
    if as_json:
        print_json({"videos": num_videos, "unknown": [str(name) for name in unknown]})
    else:
        typer.echo(f"set on {counted(num_videos, 'video')}")
        for name in unknown:
            typer.echo(f"not in the library: {short_path(name)}")
    if unknown:
        raise typer.Exit(NOT_ALL_WELL)


@metadata_app.command("get")
def get_metadata(
    library: LibraryFolder,
    video: Annotated[str, typer.Argument(metavar="PATH|ID", help="A video.")],
    texts: Annotated[
        bool, typer.Option("--texts", help="Also the words that it is found by, with times.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is said of a video: by you, by files beside it, by its container."""
    from index.library.library import Library

    with Library.open(library) as opened:
        said = opened.metadata.get(video)
        spoken = opened.metadata.texts(video) if texts else []
    if as_json:
        content: dict[str, Any] = said._asdict()
        print_json(content | ({"texts": [text._asdict() for text in spoken]} if texts else {}))
        return
    print_metadata(said)
    if texts:
        print_texts(spoken)


@metadata_app.command("unset")
def unset_metadata(
    library: LibraryFolder,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH|ID] KEY...", help="A video, and keys that you said."),
    ] = None,
    where: Where = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take back what you said under some keys; what files say there counts again."""
    from index.library.library import Library

    videos, keys = _videos(words, where, rest="KEY")
    with Library.open(library) as opened:
        num_videos = opened.metadata.unset(videos, keys, dry_run=dry_run)
    if as_json:
        print_json({"videos": num_videos, "dry_run": dry_run})
    else:
        would = "would be unset" if dry_run else "unset"
        typer.echo(f"{would} on {counted(num_videos, 'video')}")


def _set_each(
    metadata: "Metadata", words: list[str] | None, where: str | None, from_list: Path
) -> "tuple[int, Sequence[VideoName]]":
    from index.library.metadata_lists import read_metadata_list

    if words or where:
        raise InputError("--from takes videos and values from its list: leave the others out")
    return metadata.set_each(read_metadata_list(from_list))


def _videos(words: list[str] | None, where: str | None, *, rest: str) -> "tuple[Videos, list[str]]":
    """The videos that are meant, and the words that are left."""
    words = words or []
    if where is not None:
        from index.filters.filter import parse_filter

        videos: Videos = parse_filter(where)
    elif words:
        videos, words = words[0], words[1:]
    else:
        raise InputError(f"name a video by PATH or ID, or videos by --where, and then {rest}")
    if not words:
        raise InputError(f"nothing to do: {rest} is missing behind the video")
    return videos, words


def _values(pairs: Sequence[str]) -> Mapping[str, Any]:
    from index.library.metadata_lists import parse_value

    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"{pair[:40]!r} is no KEY=VALUE: write one such as camera=A7")
        if key in values:
            raise InputError(f"the key {key[:40]!r} is given twice: say one of them")
        values[key] = parse_value(text)
    return values
