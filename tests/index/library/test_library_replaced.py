"""A library whose files are exchanged while it is open: no reader and no writer goes on with it."""

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from index.catalog.connection import CATALOG_NAME
from index.errors import (
    IndexMismatchError,
    LibraryCorruptError,
    LibraryNotFoundError,
    LibraryReplacedError,
)
from index.library.library import Library
from index.library.writer import LibraryWriter
from tests.index.libraries import (
    MADE_BY,
    SETTINGS,
    axis,
    make_library,
    paths,
    paths_in,
    put,
    unit_rows,
)


def back_up(library: Library, to: Path) -> Path:
    """A copy of the catalog by SQLite's own means, complete in one file."""
    with opened(library.folder / CATALOG_NAME) as source, opened(to) as target:
        source.backup(target)
    return to


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def put_in_place(backup: Path, library: Library) -> None:
    """The rule of docs/quickstart.md: the log goes before the backup comes."""
    for suffix in ("-wal", "-shm"):
        Path(f"{library.folder / CATALOG_NAME}{suffix}").unlink(missing_ok=True)
    backup.replace(library.folder / CATALOG_NAME)


def restore_while_in_use(backup: Path, library: Library) -> None:
    """As `.restore` of the sqlite3 shell does: into the same file, in one transaction."""
    with opened(backup) as source, opened(library.folder / CATALOG_NAME) as target:
        source.backup(target)


Restore = Callable[[Path, Library], None]
each_way = pytest.mark.parametrize("restore", [put_in_place, restore_while_in_use])


@pytest.fixture
def backup(library: Library, tmp_path: Path) -> Path:
    """Of the library when it held /a.mp4 alone; now it holds two more."""
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])
        backup = back_up(library, tmp_path / "backup.sqlite3")
        put(writer, "/b.mp4", [axis(1)])
        put(writer, "/c.mp4", [axis(2)])
    return backup


@each_way
def test_an_open_library_reads_the_backup_that_was_restored(
    library: Library, backup: Path, restore: Restore
) -> None:
    assert len(paths_in(library)) == 3
    assert paths(library, 1) == ["/b.mp4"]

    restore(backup, library)

    assert paths_in(library) == ["/a.mp4"]
    assert [paths(library, i) for i in range(2)] == [["/a.mp4"], []]
    assert library.verify() == []


@each_way
def test_a_writer_stops_where_its_library_was_replaced(
    library: Library, backup: Path, restore: Restore
) -> None:
    with library.writer() as writer:
        put(writer, "/d.mp4", [axis(3)])
        restore(backup, library)

        with pytest.raises(LibraryReplacedError, match="run again to go on with what is there now"):
            put(writer, "/e.mp4", [axis(3)])

    assert paths_in(library) == ["/a.mp4"]
    with library.writer() as writer:
        put(writer, "/e.mp4", [axis(3)])
    assert paths_in(library) == ["/a.mp4", "/e.mp4"]
    assert library.verify() == []


def test_a_file_that_is_exchanged_during_a_transaction_is_not_committed_to(
    library: Library, backup: Path
) -> None:
    """The change would be in a file that nobody finds any more."""
    catalog = library._catalog

    with pytest.raises(LibraryReplacedError), catalog.write_transaction():
        put_in_place(backup, library)

    assert library.count().videos == 1


def test_a_writer_that_others_overtake_goes_on(library: Library) -> None:
    """Others publish meanwhile, and the catalog forgets old generations: no other history."""
    with library.writer() as writer, Library.open(library.folder) as other:
        put(writer, "/a.mp4", [axis(0)])
        with other.lease() as run:
            for i in range(4):
                put(run, f"/{i}.mp4", [axis(1)])
                publish(run)

        put(writer, "/b.mp4", [axis(2)])

    assert len(paths_in(library)) == 6


def publish(writer: LibraryWriter) -> None:
    writer.publish()


def test_another_models_library_in_its_place_is_refused(library: Library, tmp_path: Path) -> None:
    other_settings = replace(SETTINGS, model="other", fingerprint="d1" * 32, embed_dim=3)
    Library.create(tmp_path / "other", other_settings).close()
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])
        assert library.search(axis(0), fingerprint=MADE_BY)

        library.folder.rename(tmp_path / "away")
        (tmp_path / "other").rename(library.folder)

        with pytest.raises(IndexMismatchError, match=r"replaced .* not made with color \(c0c0"):
            library.search(axis(0), fingerprint=MADE_BY)
        with pytest.raises(IndexMismatchError, match="open it again"):
            library.videos(limit=1)
        with pytest.raises(IndexMismatchError):
            put(writer, "/b.mp4", [axis(1)])

    with Library.open(library.folder) as reopened:
        assert reopened.settings.model == "other"


def test_a_library_that_vanished_is_one_sentence_and_is_not_made_anew(
    library: Library, tmp_path: Path
) -> None:
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])
        library.folder.rename(tmp_path / "away")

        with pytest.raises(LibraryNotFoundError, match=r"is gone: .* moved or removed"):
            library.search(axis(0), fingerprint=MADE_BY)
        with pytest.raises(LibraryNotFoundError, match="is gone"):
            put(writer, "/b.mp4", [axis(1)])

    assert not library.folder.exists()
    (tmp_path / "away").rename(library.folder)
    assert paths_in(library) == ["/a.mp4"]


def test_a_backup_beside_the_log_of_the_file_before_is_undone_by_it(tmp_path: Path) -> None:
    """Why the rule says to remove the log: SQLite takes any log that lies there for the file's."""
    with make_library(tmp_path / "library", num_videos=1) as library:
        backup = back_up(library, tmp_path / "backup.sqlite3")
        with library.writer() as writer:
            put(writer, "/later.mp4", [axis(0)])

        backup.replace(library.folder / CATALOG_NAME)

        assert paths_in(library) == ["/videos/0.mp4", "/later.mp4"]


def test_what_a_damaged_catalog_asks_for_brings_it_back(tmp_path: Path) -> None:
    """A backup beside the log of a writer that was killed is undone by it, or damaged too."""
    with make_library(tmp_path / "library", num_videos=40, num_segments=40) as library:
        backup = back_up(library, tmp_path / "backup")
        with library.writer() as writer:
            for i in range(40, 80):
                put(writer, f"/videos/{i}.mp4", unit_rows(40, seed=i))
        killed = Path(shutil.copytree(library.folder, tmp_path / "killed"))
    (killed / CATALOG_NAME).write_bytes(b"damaged" * 1000)
    with pytest.raises(LibraryCorruptError) as told:
        Library.open(killed)

    to_delete = re.findall(rf"{re.escape(CATALOG_NAME)}-\w+", str(told.value))
    assert to_delete == [f"{CATALOG_NAME}-wal", f"{CATALOG_NAME}-shm"]
    for name in to_delete:
        (killed / name).unlink(missing_ok=True)
    shutil.copy(backup, killed / CATALOG_NAME)

    with Library.open(killed) as restored:
        assert restored.count().videos == 40
        assert restored.verify() == []
