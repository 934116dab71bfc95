"""`cpd index list`: which videos a library holds."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from index.cli.options import Collections, Json, LibraryFolder, Where, print_json
from index.cli.printing import clock_time, counted, print_table, short_path

if TYPE_CHECKING:
    from index.catalog.records import VideoRow

_1970 = datetime(1970, 1, 1)


def register(app: typer.Typer) -> None:
    """Mount this command below `cpd index`."""
    app.command("list")(list_videos)


def list_videos(
    library: LibraryFolder,
    where: Where = None,
    collection: Collections = None,
    limit: Annotated[
        int, typer.Option("-k", "--limit", min=1, help="Videos to show, first seen first.")
    ] = 1000,
    as_json: Json = False,
) -> None:
    """Show videos with their dates and ids: all, or those that a filter means.

    A filter is such as "folder:holiday and date>=2024-05 and duration<2m"; docs/filters.md has the
    language. Dates are UTC.
    """
    from index.filters.filter import chosen

    asked = chosen(where, collection or [])  # a slip of the pen should not wait for the library
    from index.library.library import Library

    with Library.open(library) as opened:
        videos = opened.videos(limit=limit, where=asked)
        total = opened.count().videos if asked is None else opened.count_videos(asked)
    if as_json:
        rows = [_as_json(video) for video in videos]
        print_json({"where": None if asked is None else str(asked), "total": total, "videos": rows})
    else:
        _print_videos(videos, total=total)


def _print_videos(videos: "list[VideoRow]", *, total: int) -> None:
    """A table, and how many more there are."""
    if videos:
        print_table(
            ("video", "date", "length", "id"),
            [
                (
                    short_path(video.path),
                    _moment(video.date).isoformat(" ", "minutes"),
                    clock_time(video.duration_seconds),
                    video.video_id,
                )
                for video in videos
            ],
        )
    more = f"; the first {len(videos)} are shown, --limit shows more" if total > len(videos) else ""
    typer.echo(f"{counted(total, 'video')}{more}")


def _as_json(video: "VideoRow") -> dict[str, Any]:
    return {
        "video_id": video.video_id,
        "path": str(video.path),
        "date": _moment(video.date).isoformat("T", "seconds") + "Z",
        "duration_seconds": video.duration_seconds,
        "segments": video.num_segments,
    }


def _moment(seconds: float) -> datetime:
    """UTC; a time before the year 1 or after 9999, which damage can bring about, as the nearest."""
    try:
        return _1970 + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max if seconds > 0 else datetime.min
