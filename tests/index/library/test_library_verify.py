"""A library that does not agree with itself says where."""

import re
import shutil
import sqlite3
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
)


def run_sql(library: Library, *statements: str) -> None:
    with sqlite3.connect(library.folder / CATALOG_NAME) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


class TestVerifying:
    @pytest.fixture
    def full(self, tmp_path: Path, templates: Path) -> Iterator[Library]:
        """Two videos in a snapshot, one newer, one that was removed since."""
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
            ("UPDATE videos SET num_segments = 7 WHERE number = 1", "should have 7 .* has 3"),
            ("DELETE FROM segments WHERE id = 3", "should have 3 segments and has 2"),
            ("DELETE FROM segments WHERE id = 3", "has 2 segments and 3 embeddings"),
            ("DELETE FROM segments WHERE id = 1", "embeddings have others"),
            ("DELETE FROM segments WHERE video_number = 1", "should have 3 segments and has 0"),
            ("UPDATE segments SET stop_seconds = -1 WHERE id = 2", "segment 2 ends before"),
            ("INSERT INTO segments VALUES (99, 77, 0, 4, 5)", "row 99 of segments belongs to no"),
            ("DELETE FROM tombstones", "has segment 7, which the catalog does not know"),
            (
                "INSERT INTO tombstones VALUES (1, 99)",
                "snapshot 3 lacks segment 1",
            ),
            ("UPDATE snapshots SET checksum = 'x'", "snapshot 3 .* is damaged"),
            ("UPDATE snapshots SET num_segments = 1", "9 vectors of 4 dimensions, 1 of 4"),
            ("UPDATE library SET fingerprint = 'other'", "snapshot 3 says of itself"),
            ("UPDATE library SET generation = 2", "snapshot 3 is newer than the catalog"),
            (
                "UPDATE videos SET num_segments = 0, state = 'indexed' WHERE number = 1",
                "indexed without a single segment",
            ),
        ],
    )
    def test_what_does_not_agree_is_told(self, full: Library, statement: str, said: str) -> None:
        run_sql(full, statement)

        assert any(re.search(said, line) for line in full.verify())

    def test_a_snapshot_that_a_killed_run_did_not_list_is_no_difference(
        self, full: Library
    ) -> None:
        run_sql(full, "DELETE FROM snapshots")

        assert full.verify() == []
        with full.lease():
            pass
        assert list((full.folder / "snapshots").iterdir()) == []

    def test_a_flipped_bit_in_the_snapshot_is_told(self, full: Library) -> None:
        flip_a_bit(full.folder / "snapshots" / "3" / "index.faiss")

        assert re.search("snapshot 3 .* is damaged", full.verify()[0])

    def test_a_missing_snapshot_is_told(self, full: Library) -> None:
        (full.folder / "snapshots" / "3" / "index.faiss").unlink()

        assert re.search("snapshot 3 .* cannot be read", full.verify()[0])

    def test_embeddings_that_were_swapped_are_told(self, full: Library) -> None:
        run_sql(
            full,
            "CREATE TEMP TABLE a AS SELECT vectors, checksum FROM embeddings WHERE video_number=1",
            "UPDATE embeddings SET (vectors, checksum) = (SELECT vectors, checksum FROM embeddings"
            " WHERE video_number = 2) WHERE video_number = 1",
            "UPDATE embeddings SET (vectors, checksum) = (SELECT * FROM a) WHERE video_number = 2",
        )

        assert full.verify() == [
            "snapshot 3 and the catalog differ from segment 1 on",
            "snapshot 3 and the catalog differ from segment 4 on",
        ]

    def test_damaged_embeddings_are_not_searched_as_if_nothing_were(self, full: Library) -> None:
        run_sql(full, "UPDATE embeddings SET vectors = zeroblob(24)")

        with pytest.raises(LibraryCorruptError, match="cpd index verify"):
            full.search(axis(0), fingerprint=MADE_BY)

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
