"""Which videos a person means: paths, ids, or a filter, as numbers of the catalog."""

import os
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Connection, LargeBinary, select, type_coerce

from index.catalog.filtering import matching_videos
from index.catalog.tables import VideoRecord
from index.errors import UnknownVideoError
from index.filters.filter import Filter
from index.ingest.files import path_text, printable

VideoName: TypeAlias = str | Path
"""A video's path, from wherever one stands or with `~`, or its id."""

Videos: TypeAlias = VideoName | Iterable[VideoName] | Filter
"""One video, several, or all that a filter means."""

_ID = re.compile("[0-9a-f]{32}")
_AT_ONCE = 500


def numbers_of(connection: Connection, videos: Videos) -> list[int]:
    """The numbers of the indexed videos that are meant, ascending, each once.

    Raises:
        UnknownVideoError: one that is named is not in the library.
        FilterError: the filter names a collection or a root that there is not.
    """
    if isinstance(videos, Filter):
        return [int(number) for number in matching_videos(connection, videos)]
    names = [videos] if isinstance(videos, str | Path) else list(videos)
    known = named_videos(connection, names)
    for name in names:
        require_known(name, known)
    return sorted(set(known.values()))


def named_videos(connection: Connection, names: Iterable[VideoName]) -> dict[VideoName, int]:
    """The numbers of indexed videos by the names that were given; unknown ones are left out."""
    known: dict[VideoName, int] = {}
    left = iter(names)
    while batch := list(islice(left, _AT_ONCE)):
        ids = {name: str(name) for name in batch if _ID.fullmatch(str(name))}
        paths = {
            name: os.path.abspath(os.path.expanduser(path_text(name)))
            for name in batch
            if name not in ids
        }
        known |= _by_name(ids, _with_ids(connection, ids.values()))
        known |= _by_name(paths, _at_paths(connection, paths.values()))
        # What is reached by a link stands in the catalog by its real path.
        links = {name: os.path.realpath(path) for name, path in paths.items() if name not in known}
        known |= _by_name(links, _at_paths(connection, links.values()))
    return known


def require_known(name: VideoName, known: Mapping[VideoName, int]) -> None:
    """Refuse a name that no video has.

    Raises:
        UnknownVideoError: it is not among those that are known.
    """
    if name in known:
        return
    if _ID.fullmatch(str(name)):
        raise UnknownVideoError(f"no video {name} in this library")
    hint = (
        "it is a folder: name a file, or filter by folder:"
        if os.path.isdir(os.path.expanduser(name))
        else ("name it by the path of its file, or by its id")
    )
    raise UnknownVideoError(f"no video {printable(name)} in this library: {hint}")


def _by_name(asked: Mapping[VideoName, str], numbers: Mapping[str, int]) -> dict[VideoName, int]:
    """Several names may mean one video."""
    return {name: numbers[each] for name, each in asked.items() if each in numbers}


def _with_ids(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    if not (asked := set(ids)):
        return {}
    query = select(VideoRecord.video_id, VideoRecord.number).where(
        VideoRecord.video_id.in_(asked), VideoRecord.state == "indexed"
    )
    return {row.video_id: row.number for row in connection.execute(query)}


def _at_paths(connection: Connection, paths: Iterable[str]) -> dict[str, int]:
    # As the bytes that the catalog holds: a Path for each would take longer than the question.
    stored = type_coerce(VideoRecord.path, LargeBinary)
    asked = {path.encode("utf-8", "surrogateescape"): path for path in paths}
    if not asked:
        return {}
    query = select(stored, VideoRecord.number).where(
        stored.in_(asked), VideoRecord.state == "indexed"
    )
    return {asked[row[0]]: row.number for row in connection.execute(query)}
