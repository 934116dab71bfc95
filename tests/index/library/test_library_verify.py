"""A library that does not agree with itself says where."""

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from index.catalog.connection import CATALOG_NAME
from index.errors import (
    LibraryCorruptError,
)
from index.library.library import Library
from tests.index.libraries import (
    MADE_BY,
    axis,
    flip_a_bit,
    put,
    unit_rows,
)


def run_sql(library: Library, *statements: str) -> None:
    with sqlite3.connect(library.folder / CATALOG_NAME) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


class TestVerifying:
    @pytest.fixture
    def full(self, tmp_path: Path, templates: Path) -> Iterator[Library]:
        """Two videos in a part, one newer, one that was removed since."""
        with Library.open(shutil.copytree(templates / "full", tmp_path / "library")) as library:
            yield library

    def test_a_library_that_agrees_has_nothing_to_say(self, full: Library) -> None:
        assert full.verify() == []

    @pytest.mark.parametrize(
        ("statement", "said"),
        [
            ("DELETE FROM library", "has lost its settings"),
            (
                "UPDATE embeddings SET vectors = zeroblob(length(vectors)) WHERE video_number = 1",
                "embeddings of video .* are not what was written",
            ),
            ("DELETE FROM embeddings WHERE video_number = 2", "has no embeddings"),
            (
                "UPDATE embedded_videos SET num_segments = 7 WHERE video_number = 1",
                "should have 7 .* has 3",
            ),
            ("DELETE FROM segments WHERE id = 3", "should have 3 segments and has 2"),
            ("DELETE FROM segments WHERE id = 3", "has 2 segments and 3 embeddings"),
            ("DELETE FROM segments WHERE id = 1", "embeddings have others"),
            ("DELETE FROM segments WHERE video_number = 1", "should have 3 segments and has 0"),
            ("UPDATE segments SET stop_seconds = -1 WHERE id = 2", "segment 2 ends before"),
            ("INSERT INTO segments VALUES (99, 77, 0, 4, 5)", "row 99 of segments belongs to no"),
            ("DELETE FROM tombstones", "part .* has 3 segments that the catalog does not know"),
            ("UPDATE segments SET start_seconds = 1.5 WHERE id = 2", "differ at segment 2"),
            ("UPDATE parts SET checksum = 'x'", "part.json .* is damaged"),
            ("UPDATE library SET generation = 2", "part .* is newer than the catalog"),
            (
                "UPDATE embedded_videos SET num_segments = 0 WHERE video_number = 1",
                "indexed without a single segment",
            ),
        ],
    )
    def test_what_does_not_agree_is_told(self, full: Library, statement: str, said: str) -> None:
        run_sql(full, statement)

        assert any(re.search(said, line) for line in full.verify())

    def test_a_part_that_a_killed_run_did_not_list_is_no_difference(self, full: Library) -> None:
        run_sql(full, "DELETE FROM parts")

        assert full.verify() == []
        with full.writer() as writer:
            writer.publish()
        assert len(list((full.folder / "parts").iterdir())) == 1

    def test_a_flipped_bit_in_a_part_is_told(self, full: Library) -> None:
        flip_a_bit(next(full.folder.glob("parts/*/vectors.faiss")))

        assert re.search("vectors.faiss .* is damaged", full.verify()[0])

    def test_a_missing_file_of_a_part_is_told(self, full: Library) -> None:
        next(full.folder.glob("parts/*/rows.bin")).unlink()

        assert re.search("rows.bin .* cannot be read", full.verify()[0])

    def test_a_part_that_lacks_a_segment_is_told(self, full: Library) -> None:
        """As if the catalog had been restored with a segment that the part never saw."""
        run_sql(
            full,
            "DELETE FROM tombstones WHERE segment_id = 9",
            "UPDATE parts SET last_segment_id = 12",
        )

        assert any("lacks segment 10" in sentence for sentence in full.verify())

    def test_embeddings_that_were_swapped_are_told(self, full: Library) -> None:
        run_sql(
            full,
            "CREATE TEMP TABLE a AS SELECT vectors, checksum FROM embeddings WHERE video_number=1",
            "UPDATE embeddings SET (vectors, checksum) = (SELECT vectors, checksum FROM embeddings"
            " WHERE video_number = 2) WHERE video_number = 1",
            "UPDATE embeddings SET (vectors, checksum) = (SELECT * FROM a) WHERE video_number = 2",
        )

        (sentence,) = full.verify()
        assert sentence.endswith("and the catalog differ at segment 1")

    def test_damaged_embeddings_are_not_searched_as_if_nothing_were(self, full: Library) -> None:
        run_sql(full, "UPDATE embeddings SET vectors = zeroblob(24)")

        with pytest.raises(LibraryCorruptError, match="cpd index verify"):
            full.search(axis(0), fingerprint=MADE_BY)

    def test_the_vectors_of_a_long_video_are_read_once(self, library: Library) -> None:
        """And not for each of its segments, which took minutes."""
        with library.writer() as writer:
            put(writer, "/long.mp4", unit_rows(20_000, seed=1))
        started = time.process_time()

        assert library.verify() == []

        assert time.process_time() - started < 5

    def test_a_damaged_page_of_the_catalog_is_told(self, full: Library) -> None:
        full.close()
        file = full.folder / CATALOG_NAME
        content = bytearray(file.read_bytes())
        with (
            Library.open(full.folder) as library,
            library._catalog.read_transaction() as connection,
        ):
            page = connection.execute(
                text("SELECT rootpage FROM sqlite_master WHERE name = 'segments'")
            ).scalar_one()
        content[(page - 1) * 4096 : (page - 1) * 4096 + 8] = b"\xff" * 8
        file.write_bytes(content)

        with Library.open(full.folder) as library:
            assert re.search("catalog .* is damaged", library.verify()[-1])
