"""Videos by where they are: at a path, or in a folder and all below it.

Paths are compared as the file system's bytes, so that the index of paths answers: all below `/a`
stands between `/a/` and `/a0`, for 0 is the character that follows the slash.

Axes: N videos.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from index.catalog.tables import VideoRecord

_AT_ONCE = 500
_FILES = select(
    VideoRecord.number, VideoRecord.video_id, type_coerce(VideoRecord.path, LargeBinary)
)


class StoredFile(NamedTuple):
    """A row of the catalog and where its file is; an indexed video or a failure.

    The path is no Path: a hundred thousand of them would take a second to make.
    """

    number: int
    video_id: str
    path: str


def below(folder: Path) -> ColumnElement[bool]:
    """Where a video's path lies below a folder, at any depth."""
    path = type_coerce(VideoRecord.path, LargeBinary)
    front = path_bytes(folder).rstrip(b"/")
    first, behind = (literal(front + end, LargeBinary) for end in (b"/", b"0"))
    return (path >= first) & (path < behind)


def path_bytes(path: Path) -> bytes:
    """As the catalog keeps it."""
    return str(path).encode("utf-8", "surrogateescape")


def path_of(stored: bytes) -> str:
    """The path of the bytes that the catalog keeps, with surrogate escapes."""
    return stored.decode("utf-8", "surrogateescape")


def numbers_at(connection: Connection, path: Path) -> NDArray[np.int64]:
    """What is at a path or below it, failures too; ascending."""
    query = select(VideoRecord.number).where(or_(VideoRecord.path == path, below(path)))
    return np.sort(np.fromiter(connection.execute(query).scalars(), dtype=np.int64))


def files_below(connection: Connection, folder: Path) -> list[StoredFile]:
    """What is below a folder, failures too, by path."""
    return _files(connection, _FILES.where(below(folder)).order_by(VideoRecord.path))


def files_of(connection: Connection, numbers_N: NDArray[np.int64] | None) -> list[StoredFile]:
    """The files of these numbers, all for None; failures too, by number."""
    query = _FILES.order_by(VideoRecord.number)
    if numbers_N is None:
        return _files(connection, query)
    # As one text: how many values a statement may have is bounded.
    listed = func.json_each(json.dumps(numbers_N.tolist())).table_valued("value")
    return _files(connection, query.where(VideoRecord.number.in_(select(listed.c.value))))


def _files(connection: Connection, query: "Select[int, str, bytes]") -> list[StoredFile]:
    rows = connection.execute(query)
    return [StoredFile(number, video_id, path_of(path)) for number, video_id, path in rows]


def ancestors(path: Path) -> list[Path]:
    """All folders that a path lies in, the innermost first; without the file system's top."""
    return [folder for folder in path.parents if folder != folder.parent]


def is_below(path: Path, folder: Path) -> bool:
    """Whether a path lies below a folder."""
    return path_bytes(path).startswith(path_bytes(folder).rstrip(b"/") + os.sep.encode())


def indexed_at(connection: Connection, paths: Sequence[Path]) -> NDArray[np.int64]:
    """The numbers of the indexed videos at some paths, ascending."""
    found: list[int] = []
    for start in range(0, len(paths), _AT_ONCE):
        here = VideoRecord.path.in_(paths[start : start + _AT_ONCE])
        query = select(VideoRecord.number).where(here, VideoRecord.state == "indexed")
        found += connection.execute(query).scalars()
    return np.array(sorted(found), dtype=np.int64)
