"""Many videos forgotten at once, in transactions of a size that keeps nobody waiting.

Axes: N videos.
"""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from index.catalog.connection import WriteTransaction

MOST_VIDEOS = 1_000
"""Of one transaction."""

MOST_SEGMENTS = 20_000
"""Of one transaction, unless one video has more: some 0.2 s of the catalog's one writer."""

# By the numbers as one text: how many values a statement may have is bounded.
_SIZES = text(
    "SELECT videos.number, coalesce(sum(num_segments), 0) FROM videos"
    " LEFT JOIN embedded_videos ON video_number = videos.number"
    " WHERE videos.number IN (SELECT value FROM json_each(:numbers)) GROUP BY videos.number"
)
_UNCHANGED = text(
    "SELECT number FROM videos WHERE generation <= :generation"
    " AND number IN (SELECT value FROM json_each(:numbers))"
)
_OF_THESE = "WHERE video_number IN (SELECT value FROM json_each(:numbers))"
_BURIED = text(
    f"INSERT INTO tombstones (segment_id, generation) SELECT id, :generation FROM segments"
    f" {_OF_THESE}"
)
_DELETED = [
    *(text(f"DELETE FROM {table} {_OF_THESE}") for table in ("segments", "embeddings")),
    # All else of a video goes with it.
    text("DELETE FROM videos WHERE number IN (SELECT value FROM json_each(:numbers))"),
]


class Batch(NamedTuple):
    """What one transaction removes."""

    numbers: list[int]
    num_segments: int
    """Of all models."""


def batches(connection: Connection, numbers: Sequence[int]) -> Iterator[Batch]:
    """The videos and failures of these numbers that there are, a transaction's worth at a time."""
    asked = {"numbers": json.dumps(list(numbers))}
    batch: list[int] = []
    num_segments = 0
    for number, of_it in connection.execute(_SIZES, asked):
        if batch and (num_segments + of_it > MOST_SEGMENTS or len(batch) >= MOST_VIDEOS):
            yield Batch(batch, num_segments)
            batch, num_segments = [], 0
        batch.append(number)
        num_segments += of_it
    if batch:
        yield Batch(batch, num_segments)


def remove_unchanged(
    transaction: WriteTransaction, numbers: Sequence[int], *, since: int
) -> set[int]:
    """Forget videos and failures, all that there is of them; the numbers of those that went.

    Args:
        since: a generation; what changed after it is left, for it may not be what was meant.
    """
    connection = transaction.connection
    asked = {"numbers": json.dumps(list(numbers)), "generation": since}
    gone = set(connection.execute(_UNCHANGED, asked).scalars())
    of_these = {"numbers": json.dumps(sorted(gone))}
    connection.execute(_BURIED, of_these | {"generation": transaction.generation})
    for statement in _DELETED:
        connection.execute(statement, of_these)
    return gone
