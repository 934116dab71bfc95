"""A search holds the catalog open for its questions, not while the vectors are searched."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpd_model.encoder import Vectors
from index.catalog.connection import CATALOG_NAME
from index.errors import LibraryCorruptError
from index.library.library import Library
from index.search.moments import Hit
from tests.index.libraries import MADE_BY, axis, file_version, put


class SlowQuery:
    """A query whose numbers are read late: what happens while the vectors are searched."""

    def __init__(self, query_D: Vectors, meanwhile: Callable[[int], object]) -> None:
        self._query_D = query_D
        self._meanwhile = meanwhile
        self.times_read = 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Vectors:
        self.times_read += 1
        self._meanwhile(self.times_read)
        return np.array(self._query_D, dtype=dtype)


def search(library: Library, query: Any, *, limit: int = 10) -> list[Hit]:
    return library.search(query, fingerprint=MADE_BY, limit=limit)


def paths_of(hits: list[Hit]) -> list[str]:
    return [str(hit.path) for hit in hits]


def test_the_log_of_the_catalog_can_be_emptied_while_a_search_is_on(library: Library) -> None:
    """A reader in its transaction keeps SQLite from it, and the log would grow without end."""
    emptied: list[tuple[int, int, int]] = []
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])

        def write_and_checkpoint(_: int) -> None:
            put(writer, "/later.mp4", [axis(1)])
            connection = sqlite3.connect(library.folder / CATALOG_NAME, timeout=0)
            emptied.extend(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
            connection.close()

        hits = search(library, SlowQuery(axis(0), write_and_checkpoint))

    assert paths_of(hits) == ["/a.mp4"]
    assert emptied == [(0, 0, 0)]


def test_a_video_that_is_removed_during_a_search_makes_way_for_the_next(library: Library) -> None:
    with library.writer() as writer:
        gone = put(writer, "/gone.mp4", [axis(0)])
        put(writer, "/stays.mp4", [axis(0) * 0.8 + axis(1) * 0.6])

        def remove_it(times: int) -> None:
            if times == 1:
                writer.remove_video(gone)

        hits = search(library, SlowQuery(axis(0), remove_it), limit=1)

    assert paths_of(hits) == ["/stays.mp4"]


def test_a_writer_that_removes_during_each_look_stops_no_search(library: Library) -> None:
    query_D = axis(0)
    with library.writer() as writer:
        put(writer, "/stays.mp4", [axis(1)])
        ids = [put(writer, f"/{i}.mp4", [axis(0)]) for i in range(30)]

        query = SlowQuery(query_D, lambda _: writer.remove_video(ids.pop()))
        hits = search(library, query, limit=40)

    assert query.times_read < 10
    assert {hit.video_id for hit in hits} >= set(ids)
    assert "/stays.mp4" in paths_of(hits)


def test_a_segment_without_its_video_is_one_sentence(library: Library) -> None:
    """Such a catalog is damaged; asking again would not help."""
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])
    connection = sqlite3.connect(library.folder / CATALOG_NAME)
    connection.execute("UPDATE videos SET number = 77")
    connection.commit()
    connection.close()

    with pytest.raises(LibraryCorruptError, match="a video that it does not know: run `cpd index"):
        search(library, axis(0))


def test_a_video_that_moves_during_a_search_is_told_at_its_new_path(library: Library) -> None:
    with library.writer() as writer:
        video_id = put(writer, "/a.mp4", [axis(0)])

        def move_it(_: int) -> None:
            writer.move_video(video_id, file_version("/b.mp4", size_bytes=1000, mtime_ns=9))

        hits = search(library, SlowQuery(axis(0), move_it))

    assert [(hit.path, hit.video_id) for hit in hits] == [(Path("/b.mp4"), video_id)]
