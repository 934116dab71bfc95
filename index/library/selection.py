"""Which videos a person means: paths, ids, or a filter, as numbers of the catalog."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Connection, LargeBinary, select, type_coerce

from index.catalog.tables import VideoRecord
from index.errors import UnknownVideoError
from index.ingest.files import printable

if TYPE_CHECKING:
    from index.filters.filter import Filter

VideoName: TypeAlias = str | Path
"""A video's path, from wherever one stands, or its id."""

Videos: TypeAlias = "VideoName | Sequence[VideoName] | Filter"
"""One video, several, or all that a filter means."""

_ID = re.compile("[0-9a-f]{32}")
_AT_ONCE = 500


def numbers_of(connection: Connection, videos: Videos) -> list[int]:
    """The numbers of the indexed videos that are meant, ascending, each once.

    Raises:
        UnknownVideoError: one that is named is not in the library.
        FilterError: the filter names a collection or a root that there is not.
    """
    if isinstance(videos, str | Path):
        videos = [videos]
    if not isinstance(videos, Sequence):
        from index.catalog.filtering import matching_videos

        return [int(number) for number in matching_videos(connection, videos)]
    known = named_videos(connection, videos)
    for name in videos:
        require_known(name, known)
    return sorted(set(known.values()))


def named_videos(connection: Connection, names: Iterable[VideoName]) -> dict[VideoName, int]:
    """The numbers of indexed videos by the names that were given; unknown ones are left out."""
    known: dict[VideoName, int] = {}
    left = iter(names)
    while batch := list(islice(left, _AT_ONCE)):
        ids = {str(name): name for name in batch if _ID.fullmatch(str(name))}
        paths = {os.path.abspath(name): name for name in batch if str(name) not in ids}
        known |= _with_ids(connection, ids) | _at_paths(connection, paths)
        # What is reached by a link stands in the catalog by its real path.
        links = {os.path.realpath(name): name for name in paths.values() if name not in known}
        known |= _at_paths(connection, links)
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
        if os.path.isdir(name)
        else ("name it by the path of its file, or by its id")
    )
    raise UnknownVideoError(f"no video {printable(name)} in this library: {hint}")


def _with_ids(connection: Connection, ids: Mapping[str, VideoName]) -> dict[VideoName, int]:
    if not ids:
        return {}
    query = select(VideoRecord.video_id, VideoRecord.number).where(
        VideoRecord.video_id.in_(ids), VideoRecord.state == "indexed"
    )
    return {ids[row.video_id]: row.number for row in connection.execute(query)}


def _at_paths(connection: Connection, paths: Mapping[str, VideoName]) -> dict[VideoName, int]:
    if not paths:
        return {}
    # As the bytes that the catalog holds: a Path for each would take longer than the question.
    stored = type_coerce(VideoRecord.path, LargeBinary)
    names = {path.encode("utf-8", "surrogateescape"): name for path, name in paths.items()}
    query = select(stored, VideoRecord.number).where(
        stored.in_(names), VideoRecord.state == "indexed"
    )
    return {names[row[0]]: row.number for row in connection.execute(query)}
