"""What can be made anew is; what cannot is named, and keeps nobody from searching the rest."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.catalog.connection import CATALOG_NAME
from index.catalog.mending import LOST
from index.errors import LibraryBusyError, LibraryCorruptError
from index.library.library import Library
from index.library.repair import RepairReport
from tests.index.libraries import MADE_BY, axis, flip_a_bit, put, unit_rows

SHORT = "UPDATE embeddings SET vectors = zeroblob(5) WHERE video_number = "
EMPTY = "UPDATE embeddings SET vectors = zeroblob(length(vectors)) WHERE video_number = "


@pytest.fixture
def full(tmp_path: Path, templates: Path) -> Iterator[Library]:
    """Videos 1 and 2 in a part, 3 removed since, 4 newer than the part."""
    with Library.open(shutil.copytree(templates / "full", tmp_path / "library")) as library:
        yield library


def run_sql(library: Library, *statements: str) -> None:
    with sqlite3.connect(library.folder / CATALOG_NAME) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def repaired(library: Library) -> RepairReport:
    """What a repair says; afterwards nothing differs, and every indexed video can be found."""
    with library.lease() as writer:
        report = writer.repair()
    with Library.open(library.folder) as reader:
        assert reader.verify() == []
        hits = reader.search(axis(0), fingerprint=MADE_BY, limit=100, merge=False)
        assert {hit.video_id for hit in hits} == {row.video_id for row in reader.each_video()}
        assert len(hits) == reader.count().segments
    with library.lease() as writer:
        assert writer.repair() == RepairReport()
    return report


def test_a_library_that_is_whole_stays_as_it_is(full: Library) -> None:
    with full.writer() as writer:
        writer.publish()
    before = sorted(path.name for path in full.folder.glob("parts/*"))

    assert repaired(full) == RepairReport()
    assert sorted(path.name for path in full.folder.glob("parts/*")) == before


@pytest.mark.parametrize("name", ["vectors.faiss", "rows.bin", "runs.bin", "pages.bin", ""])
def test_damaged_and_lost_parts_are_made_anew(full: Library, name: str) -> None:
    (part,) = full.folder.glob("parts/*")
    if name:
        flip_a_bit(part / name)
    else:
        shutil.rmtree(part)

    report = repaired(full)

    assert report.is_whole
    assert f"part {part.name[:8]}, which was damaged or missing" in report.rebuilt


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE parts SET checksum = 'x'",
        "UPDATE segments SET start_seconds = 1.5 WHERE id = 2",
        "DELETE FROM tombstones",
        "UPDATE parts SET last_segment_id = 12",
    ],
)
def test_a_part_that_differs_from_the_catalog_is_made_anew(full: Library, statement: str) -> None:
    run_sql(full, statement)

    report = repaired(full)

    assert report.is_whole
    assert any(said.startswith("part ") for said in report.rebuilt)


def test_what_a_killed_run_left_is_taken_away(full: Library) -> None:
    leftover = full.folder / "parts" / ("ab" * 16 + ".partial")
    leftover.mkdir()

    repaired(full)

    assert not leftover.exists()


def test_a_catalog_that_fell_behind_its_parts_comes_to_a_generation_of_its_own(
    full: Library,
) -> None:
    run_sql(full, "UPDATE library SET generation = 2")

    report = repaired(full)

    assert report.is_whole
    assert "the catalog's generation" in report.rebuilt
    with full.writer() as writer:
        put(writer, "/d.mp4", unit_rows(2, seed=8))
    assert full.verify() == []


def test_a_count_is_counted_again(full: Library) -> None:
    run_sql(full, "UPDATE embedded_videos SET num_segments = 7 WHERE video_number = 1")

    report = repaired(full)

    assert report.is_whole
    assert "the count of segments of /a.mp4" in report.rebuilt
    assert full.videos(limit=1)[0].num_segments == 3


@pytest.mark.parametrize("damage", [EMPTY, SHORT])
def test_vectors_come_back_from_a_part_that_provably_holds_them(full: Library, damage: str) -> None:
    video = full.videos(limit=1)[0].video_id
    before = full.embeddings(video).copy()
    run_sql(full, damage + "1")

    report = repaired(full)

    assert report.is_whole
    assert "the vectors of /a.mp4 in the catalog, from a part that holds them" in report.rebuilt
    assert (full.embeddings(video) == before).all()


def test_a_part_whose_vectors_are_not_those_that_were_written_gives_none_back(
    full: Library,
) -> None:
    run_sql(full, EMPTY + "1")
    flip_a_bit(next(full.folder.glob("parts/*/vectors.faiss")))

    assert repaired(full).index_again == [Path("/a.mp4")]


@pytest.mark.parametrize(
    ("statement", "path"),
    [
        (EMPTY + "4", "/c.mp4"),
        ("DELETE FROM embeddings WHERE video_number = 2", "/b.mp4"),
        ("DELETE FROM segments WHERE id = 3", "/a.mp4"),
        ("DELETE FROM segments WHERE id = 1", "/a.mp4"),
        ("DELETE FROM segments WHERE video_number = 1", "/a.mp4"),
        ("UPDATE segments SET stop_seconds = -1 WHERE id = 2", "/a.mp4"),
        (
            "UPDATE embedded_videos SET num_segments = 0 WHERE video_number = 2; "
            "DELETE FROM segments WHERE video_number = 2",
            "/b.mp4",
        ),
    ],
)
def test_a_video_that_cannot_be_mended_is_named_and_the_others_are_searched(
    full: Library, statement: str, path: str
) -> None:
    run_sql(full, *statement.split("; "))

    report = repaired(full)

    assert not report.is_whole
    assert (report.index_again, report.left) == ([Path(path)], [])
    assert [(failed.path, failed.reason) for failed in full.failures()] == [(Path(path), LOST)]
    assert len(full.videos(limit=10)) == 2


def test_one_damaged_video_keeps_nobody_from_the_others_any_longer(full: Library) -> None:
    run_sql(full, EMPTY + "4")
    with pytest.raises(LibraryCorruptError, match="cpd index repair"):
        full.search(axis(0), fingerprint=MADE_BY)

    with full.lease() as writer:
        writer.repair()

    assert full.search(axis(0), fingerprint=MADE_BY)


def test_a_video_that_was_given_up_is_indexed_under_its_id_again(full: Library) -> None:
    video_id = full.videos(limit=9)[2].video_id
    run_sql(full, EMPTY + "4")
    repaired(full)

    with full.writer() as writer:
        assert put(writer, "/c.mp4", unit_rows(3, seed=4)) == video_id
    assert repaired(full).is_whole


def test_rows_of_no_video_go(full: Library) -> None:
    run_sql(
        full,
        "INSERT INTO segments VALUES (99, 77, 0, 4, 5)",
        "INSERT INTO embeddings VALUES (100, 78, 5, 0, zeroblob(8))",
    )

    report = repaired(full)

    assert report.is_whole
    assert "removed 2 rows that belonged to no video" in report.rebuilt


def test_an_index_of_sqlite_that_lacks_rows_is_built_anew(full: Library) -> None:
    """Rows are written while the index is hidden from SQLite, so that it misses them."""
    own = "name = 'ix_videos_content_hash'"
    run_sql(
        full,
        f"CREATE TABLE hidden AS SELECT * FROM sqlite_master WHERE {own}",
        "PRAGMA writable_schema=ON",
        f"DELETE FROM sqlite_master WHERE {own}",
    )
    run_sql(full, "UPDATE videos SET content_hash = 'cd' WHERE number = 1")
    run_sql(
        full,
        "PRAGMA writable_schema=ON",
        "INSERT INTO sqlite_master SELECT * FROM hidden",
        "DROP TABLE hidden",
    )
    assert any("ix_videos_content_hash" in said for said in full.verify())

    report = repaired(full)

    assert report.is_whole
    assert any(said.startswith("the catalog's own indexes") for said in report.rebuilt)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("INSERT INTO texts_fts (texts_fts) VALUES ('delete-all')", r"lacks \d+ texts and has 0"),
        ("DELETE FROM texts_fts_docsize WHERE id = 1", "lacks 1 texts and has 0"),
        ("INSERT INTO texts_fts (rowid, body) VALUES (999, 'cat')", "lacks 0 texts and has 1"),
    ],
)
def test_an_index_of_words_that_differs_from_the_texts_is_built_anew(
    full: Library, damage: str, said: str
) -> None:
    run_sql(full, damage)
    differences = [str(each) for each in full.verify()]
    assert len(differences) == 1
    assert re.search(said, differences[0])

    report = repaired(full)

    assert report.is_whole
    run_sql(full, "INSERT INTO texts_fts (texts_fts, rank) VALUES ('integrity-check', 1)")


def test_a_damaged_page_is_left_with_what_to_do(full: Library) -> None:
    full.close()
    file = full.folder / CATALOG_NAME
    with sqlite3.connect(file) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'segments'"
        ).fetchone()
    connection.close()
    content = bytearray(file.read_bytes())
    content[(page - 1) * 4096 : (page - 1) * 4096 + 8] = b"\xff" * 8
    file.write_bytes(content)

    with Library.open(full.folder) as library, library.lease() as writer:
        report = writer.repair()

    assert not report.is_whole
    assert "from a backup" in report.left[-1]


def test_it_has_the_lease_or_asks_for_it(full: Library) -> None:
    with full.lease(), full.writer() as writer, pytest.raises(LibraryBusyError):
        writer.repair()
