"""A library that an older version made opens with all that it holds."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from cpd_model.encoder import Vectors
from index.catalog.connection import CATALOG_NAME
from index.errors import LibraryError
from index.library.library import Library
from tests.index.first_library import make_first_library, make_second_library
from tests.index.libraries import SETTINGS, axis, paths, put

Make = Callable[[Path, Vectors], None]
each_revision = pytest.mark.parametrize(
    ("revision", "make"), [("0001", make_first_library), ("0002", make_second_library)]
)
ROWS = np.stack([axis(0), axis(1)])


def test_videos_and_vectors_of_the_first_catalog_are_kept(tmp_path: Path) -> None:
    make_first_library(tmp_path, axis(0)[np.newaxis])

    with Library.open(tmp_path) as library:
        assert paths(library, 0) == ["/a.mp4"]
        with library.writer() as writer:
            assert writer.publish()
        assert library.verify() == []
        assert library.status().parts == 1
        assert not (tmp_path / "snapshots" / "1").exists()


def test_each_migrated_library_has_an_id_of_its_own(tmp_path: Path) -> None:
    ids = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_first_library(tmp_path / name, axis(0)[np.newaxis])
        with Library.open(tmp_path / name) as library, library._catalog.read_transaction() as c:
            facts = library._catalog.read_library(c)
            assert facts is not None
            ids.add(facts.stand.library_id)

    assert len(ids) == 2
    assert np.all([len(library_id) == 32 for library_id in ids])


@each_revision
def test_all_that_an_older_library_held_is_there(revision: str, make: Make, tmp_path: Path) -> None:
    make(tmp_path, ROWS)

    with Library.open(tmp_path) as library:
        assert [paths(library, i) for i in range(3)] == [["/a.mp4"], ["/a.mp4"], []]
        (video,) = library.videos(limit=None)
        assert (video.video_id, video.num_segments) == ("aa", 2)
        assert [str(failed.path) for failed in library.failures()] == (
            [] if revision == "0001" else ["/b.mp4"]
        )
        with library.writer() as writer:
            put(writer, "/c.mp4", [axis(2)])
            writer.publish()
        newest = max(row.segment_id for row in library.segments(video_named(library, "/c.mp4")))
        assert newest == (3 if revision == "0001" else 96)  # of those that ever were, none again
        assert library.verify() == []


def video_named(library: Library, path: str) -> str:
    return next(row.video_id for row in library.videos(limit=None) if str(row.path) == path)


@each_revision
def test_what_it_was_is_kept_first_and_can_be_had_back(
    revision: str, make: Make, tmp_path: Path
) -> None:
    make(tmp_path, ROWS)
    before = catalog_rows(tmp_path / CATALOG_NAME)

    with Library.open(tmp_path) as library, library.writer() as writer:
        (kept,) = library.snapshots.list()
        assert (kept.name, kept.kind, kept.revision) == (
            "before-0003",
            "before-migration",
            revision,
        )
        assert (kept.videos, kept.segments) == (1, 2)
        assert catalog_rows(tmp_path / "snapshots" / kept.name / CATALOG_NAME) == before
        put(writer, "/c.mp4", [axis(2)])
        used = {row.segment_id for row in library.segments(video_named(library, "/c.mp4"))}
        writer.publish()

        library.snapshots.restore(kept.name)

        assert [paths(library, i) for i in range(3)] == [["/a.mp4"], ["/a.mp4"], []]
        with library.writer() as after:
            put(after, "/d.mp4", [axis(3)])
            after.publish()
        given = {row.segment_id for row in library.segments(video_named(library, "/d.mp4"))}
        assert not used & given
        assert library.verify() == []


def catalog_rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    connection = sqlite3.connect(path)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}
    connection.close()
    return rows


def test_an_older_library_that_is_asked_for_by_its_settings_is_kept_too(tmp_path: Path) -> None:
    make_second_library(tmp_path, ROWS)

    with Library.create(tmp_path, SETTINGS) as library:
        assert [snapshot.name for snapshot in library.snapshots.list()] == ["before-0003"]
        assert library.count().videos == 1


class Disk(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room_for_the_copy_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_second_library(tmp_path, ROWS)
    before = catalog_rows(tmp_path / CATALOG_NAME)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(1000, 900, 100))

    with pytest.raises(LibraryError, match=r"is copied before .* and 100 are free; nothing was"):
        Library.open(tmp_path)

    assert catalog_rows(tmp_path / CATALOG_NAME) == before
    monkeypatch.undo()
    Library.open(tmp_path).close()


def test_a_library_of_a_newer_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    make_second_library(tmp_path, ROWS)
    connection = sqlite3.connect(tmp_path / CATALOG_NAME)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '0099'")
    connection.close()
    before = catalog_rows(tmp_path / CATALOG_NAME)

    with pytest.raises(LibraryError, match=r"newer cpd .*revision 0099.* update cpd"):
        Library.open(tmp_path)

    assert catalog_rows(tmp_path / CATALOG_NAME) == before
    assert not (tmp_path / "snapshots" / "before-0003").exists()
