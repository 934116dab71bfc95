"""Named sets of videos: made, filled and dropped, each function of an open transaction.

A video that fails or goes stale stays in its collections, for the day when it can be read again;
one that is removed leaves them.

Axes: N videos.
"""

import json
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, delete, func, insert, select, text, update

from index.catalog.names import alike, checked_name, require_free, told
from index.catalog.tables import CollectionRecord, CollectionVideoRecord, VideoRecord
from index.errors import UnknownCollectionError
from index.filters.scanner import shorten

_WHAT = "collection"
# As one text: the number of values that a statement may have is bounded.
_PUT = text(
    "INSERT OR IGNORE INTO collection_videos (collection_number, video_number)"
    " SELECT :collection, number FROM videos"
    " WHERE number IN (SELECT value FROM json_each(:numbers))"
)
_LACKS = text(
    "SELECT EXISTS (SELECT 1 FROM json_each(:numbers) AS asked WHERE NOT EXISTS"
    " (SELECT 1 FROM collection_videos"
    " WHERE collection_number = :collection AND video_number = asked.value))"
)
_COUNT = text(
    "SELECT count(*) FROM collection_videos WHERE collection_number = :collection"
    " AND video_number IN (SELECT value FROM json_each(:numbers))"
)
_TAKE = text(
    "DELETE FROM collection_videos WHERE collection_number = :collection"
    " AND video_number IN (SELECT value FROM json_each(:numbers))"
)


class CollectionRow(NamedTuple):
    """A collection and how much is in it."""

    name: str
    videos: int
    """Indexed ones."""
    hours: float
    """Of indexed video."""
    created_at: float
    """Seconds since 1970."""


def create_collection(connection: Connection, name: str) -> int:
    """Make an empty one; its number.

    Raises:
        InputError: there is one of that name, or it can be no name.
    """
    clean = checked_name(name, what=_WHAT)
    require_free(clean, _numbers(connection), what=_WHAT)
    row = {"name": clean, "created_at": time.time()}
    made = connection.execute(insert(CollectionRecord).returning(CollectionRecord.number), row)
    return made.scalar_one()


def find_collection(connection: Connection, name: str) -> int | None:
    """The number of the collection of a name; None where there is none."""
    known = _numbers(connection)
    found = alike(name, known)
    return None if found is None else known[found]


def collection_number(connection: Connection, name: str) -> int:
    """The same where it has to be there.

    Raises:
        UnknownCollectionError: there is none of that name.
    """
    number = find_collection(connection, name)
    if number is None:
        has = told(_numbers(connection))
        raise UnknownCollectionError(
            f"there is no collection {shorten(name)} in this library; it has: {has}"
        )
    return number


def list_collections(connection: Connection, *, number: int | None = None) -> list[CollectionRow]:
    """All of them, by name, or the one of a number."""
    asked = () if number is None else (CollectionRecord.number == number,)
    indexed = and_(
        VideoRecord.number == CollectionVideoRecord.video_number, VideoRecord.state == "indexed"
    )
    within = CollectionVideoRecord.collection_number == CollectionRecord.number
    seconds = func.coalesce(func.sum(VideoRecord.__table__.c.duration_seconds), 0.0)
    rows = connection.execute(
        select(
            CollectionRecord.name,
            func.count(VideoRecord.number),
            seconds / 3600,
            CollectionRecord.created_at,
        )
        .select_from(CollectionRecord)
        .outerjoin(CollectionVideoRecord, within)
        .outerjoin(VideoRecord, indexed)
        .where(*asked)
        .group_by(CollectionRecord.number)
    )
    return sorted(
        CollectionRow(name, videos, float(hours), made) for name, videos, hours, made in rows
    )


def rename_collection(connection: Connection, name: str, new_name: str) -> int:
    """Give it another name, the same in another case is another; its number.

    Raises:
        UnknownCollectionError: there is none of that name.
        InputError: another collection has the new name, or it can be no name.
    """
    number = collection_number(connection, name)
    clean = checked_name(new_name, what=_WHAT)
    require_free(clean, _numbers(connection), what=_WHAT, number=number)
    same = CollectionRecord.number == number
    connection.execute(update(CollectionRecord).where(same).values(name=clean))
    return number


def drop_collection(connection: Connection, number: int) -> None:
    """Forget it; its videos stay."""
    connection.execute(delete(CollectionRecord).where(CollectionRecord.number == number))


def put_in(connection: Connection, number: int, videos_N: NDArray[np.int64]) -> int:
    """Put videos of these numbers into a collection; how many were not in it before."""
    return connection.execute(_PUT, _asked(number, videos_N)).rowcount


def lacks(connection: Connection, number: int, videos_N: NDArray[np.int64]) -> bool:
    """Whether a collection lacks any of these videos."""
    return bool(connection.execute(_LACKS, _asked(number, videos_N)).scalar())


def take_out(connection: Connection, number: int, videos_N: NDArray[np.int64]) -> None:
    """Take videos of these numbers out of a collection."""
    connection.execute(_TAKE, _asked(number, videos_N))


def count_in(connection: Connection, number: int, videos_N: NDArray[np.int64]) -> int:
    """How many of these videos are in a collection."""
    return int(connection.execute(_COUNT, _asked(number, videos_N)).scalar_one())


def _asked(number: int, videos_N: NDArray[np.int64]) -> dict[str, int | str]:
    return {"collection": number, "numbers": json.dumps(videos_N.tolist())}


def _numbers(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(CollectionRecord.name, CollectionRecord.number))
    return {row.name: row.number for row in rows}
