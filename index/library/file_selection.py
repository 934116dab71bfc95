"""Which files of a library a person means: by path, folder, pattern, id or filter.

Unlike in `index.library.selection` a folder means all below it, files that failed are known too,
and none of the files need be there any more.

Axes: N videos.
"""

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from cpd_model.errors import InputError
from index.catalog.filtering import matching_videos
from index.catalog.places import files_below, numbers_at
from index.catalog.reads import number_of
from index.catalog.tables import VideoRecord
from index.filters.filter import Filter
from index.ingest.files import path_text, printable
from index.library.patterns import fixed_front, is_pattern, matches
from index.library.selection import VideoName, Videos

_ID = re.compile(r"[0-9a-f]{32}")


def select_files(connection: Connection, videos: Videos, *, with_failed: bool) -> NDArray[np.int64]:
    """The numbers of what is named, or of the videos that a filter means, ascending.

    Args:
        videos: ids, and paths of files, folders and patterns; or a filter.
        with_failed: whether files that failed may be among those that are named.

    Raises:
        InputError: nothing is named, or the library has nothing at a path.
        UnknownVideoError: it has no video of an id.
        FilterError: the filter names what the library does not have.
    """
    if isinstance(videos, Filter):
        return matching_videos(connection, videos)
    listed = [videos] if isinstance(videos, str | Path) else list(videos)
    if not listed:
        raise InputError("no video is named: give paths, ids or a filter")
    found = []
    for name in listed:
        numbers_N = find_files(connection, name)
        if not len(numbers_N):
            raise InputError(
                f"the library has nothing at {printable(name)}, nor below it: check how it is "
                f"written; a name of 32 hex digits is an id"
            )
        found.append(numbers_N)
    numbers_N = np.unique(np.concatenate(found))
    return numbers_N if with_failed else _indexed(connection, numbers_N)


def find_files(connection: Connection, named: VideoName) -> NDArray[np.int64]:
    """The numbers of the videos and failures that one name means, ascending; there may be none.

    Raises:
        InputError: the name is empty, or no file can have it.
        UnknownVideoError: it is an id, and the library has no such video.
    """
    name = path_text(named)
    if not name:
        raise InputError("an empty path names no video: name one, or '.' for the working folder")
    if _ID.fullmatch(name):
        return np.array([number_of(connection, name)], dtype=np.int64)
    expanded = os.path.expanduser(name)
    for path in _as_stored(expanded):
        numbers_N = numbers_at(connection, path)
        if len(numbers_N):
            return numbers_N
    if not is_pattern(expanded):
        return np.empty(0, dtype=np.int64)
    front, names = fixed_front(expanded)
    fitting = [
        file.number for file in files_below(connection, front) if matches(file.path, front, names)
    ]
    return np.array(sorted(fitting), dtype=np.int64)


def _as_stored(path: str) -> dict[Path, None]:
    """What the catalog may call a path, which was real when it was added and may be a link now."""
    parent, name = os.path.split(path.rstrip(os.sep) or os.sep)
    unfollowed = os.path.join(os.path.realpath(parent or "."), name)
    real = os.path.realpath(path)
    plain = name not in ("", ".", "..")
    return dict.fromkeys(Path(each) for each in ([unfollowed] if plain else []) + [real])


def _indexed(connection: Connection, numbers_N: NDArray[np.int64]) -> NDArray[np.int64]:
    failed = connection.execute(select(VideoRecord.number).where(VideoRecord.state == "failed"))
    return np.setdiff1d(numbers_N, np.fromiter(failed.scalars(), dtype=np.int64))
