"""An add goes on right while others change the library: what it read may be gone when it writes."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from index.catalog.connection import CATALOG_NAME, Catalog, Stand
from index.catalog.records import VideoRow
from index.errors import UnknownVideoError
from index.ingest.events import FileEnd
from index.library.add import add_videos
from index.library.library import Library
from index.library.writer import LibraryWriter
from index.vectors.building import Shelf
from index.vectors.publishing import publish
from tests.index.fake_decoder import FakeDecoder
from tests.index.libraries import FACTS, axis, file_version, put
from tests.index.library.adding import ENCODER, add, counts, ids, make_color_library, search

NAMES = [f"{i}.mp4" for i in range(12)]
DURATIONS = dict.fromkeys([*NAMES, *(f"new{name}" for name in NAMES)], 6.0)

CHANGE_THINGS = """
import sys
from index.catalog.connection import CATALOG_NAME, Catalog, Stand
from index.catalog.records import VideoRow
from index.errors import UnknownVideoError
from index.library.library import Library
from index.library.writer import LibraryWriter
from index.vectors.building import Shelf
from index.vectors.publishing import publish
from tests.index.libraries import axis, put
with Library.open(sys.argv[1]) as library, library.writer() as writer:
    for number in range(60):
        put(writer, f"/others/{number % 7}.mp4", [axis(0)])
        for video in library.videos(limit=100)[number % 3::5]:
            try:
                writer.remove_video(video.video_id)
            except UnknownVideoError:
                pass
        if number == 3:
            print("under way", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(f"content of {name}")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        yield library


class Meanwhile:
    """Somebody else, who acts when the run tells how a file ended."""

    def __init__(self, library: Library, *, remove_at: int) -> None:
        self._library = library
        self._remove_at = remove_at
        self._num_ended = 0

    def found_files(self, count: int) -> None: ...

    def segments_embedded(self, count: int) -> None: ...

    def file_ended(self, how: FileEnd) -> None:
        self._num_ended += 1
        if self._num_ended == self._remove_at:
            with self._library.writer() as writer:
                for video in self._library.videos(limit=100):
                    writer.remove_video(video.video_id)


@pytest.mark.parametrize("remove_at", [1, 2, 3])
def test_copies_of_a_video_that_is_removed_meanwhile_are_embedded(
    library: Library, folder: Path, remove_at: int
) -> None:
    for name in NAMES[1:4]:
        shutil.copy(folder / NAMES[0], folder / name)

    with Library.open(library.folder) as other, FakeDecoder(DURATIONS) as decoder:
        files = [folder / name for name in NAMES[:4]]
        meanwhile = Meanwhile(other, remove_at=remove_at)
        report = add_videos(files, library, ENCODER, decoder, listener=meanwhile)

    assert counts(report) == (4, 0, 0, 0, 0)
    assert len(ids(library)) == 4 - remove_at
    assert library.verify() == []


def test_an_add_and_another_process_that_changes_the_library_both_end_well(
    library: Library, folder: Path
) -> None:
    add(library, folder, decoder=FakeDecoder(DURATIONS))
    for name in NAMES[:3]:
        os.utime(folder / name, (1, 1))
    for name in NAMES[3:6]:
        (folder / name).rename(folder / f"new{name}")
    for name in NAMES[6:9]:
        shutil.copy(folder / name, folder / f"new{name}")
    (folder / NAMES[10]).write_text("other content")
    command = [sys.executable, "-c", CHANGE_THINGS, str(library.folder)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "under way\n"
        report = add(library, folder, decoder=FakeDecoder(DURATIONS))
        assert other.wait(60) == 0

    assert report.failures == []
    assert library.verify() == []
    add(library, folder, decoder=FakeDecoder(DURATIONS))
    assert {path.name for path in folder.iterdir()} <= set(ids(library))
    assert library.verify() == []


class Forgetful(Library):
    """A library from which somebody removes what a run has just found to be known."""

    @contextlib.contextmanager
    def lease(self, *, wait_seconds: float = 0) -> Iterator[LibraryWriter]:
        with super().lease(wait_seconds=wait_seconds) as writer:
            find = writer.find_by_hash

            def find_and_remove(content_hash: str) -> list[VideoRow]:
                found = find(content_hash)
                for video in found:
                    writer.remove_video(video.video_id)
                self.num_removed += len(found)
                return found

            writer.find_by_hash = find_and_remove  # type: ignore[method-assign]  # a fake of one
            yield writer

    num_removed = 0


def test_files_whose_twin_is_removed_when_it_was_found_are_new(
    library: Library, folder: Path
) -> None:
    """Found, and gone when it was to be moved, touched or copied from."""
    add(library, folder, decoder=FakeDecoder(DURATIONS))
    for name in NAMES[:4]:
        (folder / name).rename(folder / f"new{name}")
    for name in NAMES[4:8]:
        os.utime(folder / name, (1, 1))

    with Forgetful.open(library.folder) as forgetful:
        report = add(forgetful, folder, decoder=FakeDecoder(DURATIONS))

    assert forgetful.num_removed == 8
    assert counts(report) == (8, 0, 4, 0, 0)
    assert set(ids(library)) == {path.name for path in folder.iterdir()}
    assert library.verify() == []


class Racing(Catalog):
    """A catalog that somebody empties before a certain transaction of a publish."""

    def __init__(self, library: Library, *, empty_at: int) -> None:
        super().__init__(library.folder / CATALOG_NAME)
        self._library = library
        self._left = empty_at

    @contextlib.contextmanager
    def maintenance_transaction(self, *, after: Stand | None = None) -> Iterator[Connection]:
        self._left -= 1
        if self._left == 0:
            with self._library.writer() as writer:
                for video in self._library.videos(limit=100):
                    writer.remove_video(video.video_id)
        with super().maintenance_transaction(after=after) as connection:
            yield connection


@pytest.mark.parametrize("empty_at", [1, 2])
def test_a_publish_whose_rows_are_all_removed_meanwhile_ends_well(
    library: Library, empty_at: int
) -> None:
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])

    with contextlib.closing(Racing(library, empty_at=empty_at)) as catalog:
        publish(Shelf(folder=library.folder, catalog=catalog, settings=library.settings))

    assert search(library, "red") == []
    assert library.verify() == []


def test_a_copy_is_not_made_of_bytes_that_were_replaced(library: Library, folder: Path) -> None:
    """The id is still there, its vectors are those of another content."""
    with library.writer() as writer:
        source = put(writer, "/a.mp4", [axis(0)], content_hash="aa")
        put(writer, "/a.mp4", [axis(1)], content_hash="bb")

        with pytest.raises(UnknownVideoError):
            writer.copy_video(source, file_version("/b.mp4", content_hash="aa"), facts=FACTS)

    assert library.count().videos == 1
