"""What a library of generated videos is asked with: collections of known size, titles, pages.

Axes: N videos.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sqlalchemy import insert, select

from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.tables import CollectionRecord, CollectionVideoRecord, VideoRecord
from index.catalog.texts import VideoText, put_texts

SHARES = (0.5, 0.1, 0.01, 0.001)
"""Of the videos, in a collection each."""

_NUM_WORDS = 5_000
_TITLE_WORDS = 6
_VIDEOS_A_COMMIT = 500


def name_of(share: float) -> str:
    """The collection of a share."""
    return f"share {share:g}"


def equip(folder: Path) -> None:
    """Put a share of the videos, drawn at random, into a collection each, and give all a title."""
    catalog = Catalog(folder / CATALOG_NAME)
    rng = np.random.default_rng(0)
    with catalog.write_transaction() as transaction:
        connection = transaction.connection
        numbers = list(connection.execute(select(VideoRecord.number)).scalars())
        for share in SHARES:
            made = connection.execute(
                insert(CollectionRecord)
                .values(name=name_of(share), created_at=0.0)
                .returning(CollectionRecord.number)
            ).scalar_one()
            drawn = rng.choice(numbers, max(1, round(share * len(numbers))), replace=False)
            connection.execute(
                insert(CollectionVideoRecord),
                [{"collection_number": made, "video_number": int(n)} for n in drawn],
            )
    for start in range(0, len(numbers), _VIDEOS_A_COMMIT):
        batch = numbers[start : start + _VIDEOS_A_COMMIT]
        titles = {
            n: [VideoText("title", title)] for n, title in zip(batch, _titles(rng), strict=False)
        }
        with catalog.write_transaction() as transaction:
            put_texts(transaction.connection, titles, replacing=["title"])
    catalog.close()


def words(number: int) -> str:
    """Two words of a query, which some titles hold."""
    drawn = np.random.default_rng([1, number]).integers(10, 500, 2)
    return " ".join(f"word{each}" for each in drawn)


def _titles(rng: np.random.Generator) -> Iterator[str]:
    """Titles of words that are the rarer, the higher their number (Zipf)."""
    reach_W = np.cumsum(1 / np.arange(1, _NUM_WORDS + 1))
    while True:
        drawn = np.searchsorted(reach_W, rng.random(_TITLE_WORDS) * reach_W[-1])
        yield " ".join(f"word{each}" for each in drawn)
