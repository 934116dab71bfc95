"""An add puts what it settles into collections, and makes roots of the folders it is given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.filters import parse_filter
from index.ingest.events import FileEnd, SilentListener
from index.library.add import add_videos
from index.library.library import Library
from tests.index.fake_decoder import FakeDecoder
from tests.index.library.adding import DURATIONS, ENCODER, add, make_color_library


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "colors") as library:
        yield library


def held(library: Library, where: str) -> set[str]:
    return {row.path.name for row in library.videos(limit=99, where=parse_filter(where))}


def test_new_changed_moved_copied_and_unchanged_videos_are_put_in(
    empty: Library, folder: Path
) -> None:
    add(empty, folder)
    (folder / "b.mp4").write_text("other content of b.mp4")
    (folder / "c.mp4").rename(folder / "moved.mp4")
    (folder / "copy.mp4").write_text("content of a.mp4")
    (folder / "bad.mp4").write_text("no video")

    report = add(empty, folder, collections=["One", "two"])
    again = add(empty, folder, collections=["one"])

    assert (report.added, report.updated, report.unchanged, report.failed) == (1, 2, 1, 1)
    expected = {"a.mp4", "b.mp4", "moved.mp4", "copy.mp4"}
    assert held(empty, "collection:one") == held(empty, "collection:two") == expected
    assert (report.collections, again.collections) == (["One", "two"], [])
    assert report.as_json()["collections_made"] == ["One", "two"]
    assert "collections_made" not in add(empty, folder).as_json()


def test_only_what_the_run_is_given_is_put_in(empty: Library, folder: Path) -> None:
    add(empty, folder)

    add(empty, folder / "a.mp4", collections=["one"])

    assert held(empty, "collection:one") == {"a.mp4"}


def test_an_add_of_what_is_known_and_collected_changes_nothing(
    empty: Library, folder: Path
) -> None:
    add(empty, folder, collections=["one"])
    generation = empty.status().generation

    add(empty, folder, collections=["one"])

    assert empty.status().generation == generation


def test_a_run_that_is_stopped_puts_the_rest_in_when_it_runs_again(
    empty: Library, folder: Path
) -> None:
    with FakeDecoder(DURATIONS) as decoder, pytest.raises(KeyboardInterrupt):
        add_videos(
            [folder], empty, ENCODER, decoder, collections=["one"], listener=StopAtTheSecond()
        )
    assert empty.count().videos == 2

    add(empty, folder, collections=["one"])

    assert held(empty, "collection:one") == {"a.mp4", "b.mp4", "c.mp4"}


class StopAtTheSecond(SilentListener):
    """Somebody types Ctrl-C when two files are done."""

    def __init__(self) -> None:
        self._num_ended = 0

    def file_ended(self, how: FileEnd) -> None:
        self._num_ended += 1
        if self._num_ended == 2:
            raise KeyboardInterrupt


def test_each_folder_that_is_named_becomes_a_root_unless_it_lies_in_one(
    empty: Library, folder: Path
) -> None:
    deep = folder / "deep"
    deep.mkdir()
    (deep / "moved.mp4").write_text("moved")

    add(empty, deep)
    add(empty, folder / "*.mp4", deep / "moved.mp4")
    add(empty, folder)

    listed = {row.name: (row.path, row.videos) for row in empty.roots.list()}
    assert listed == {"deep": (deep, 1), "videos": (folder, 3)}


def test_a_library_without_roots_gets_them_with_the_next_add(empty: Library, folder: Path) -> None:
    add(empty, folder)
    empty.roots.drop("videos")

    report = add(empty, folder)

    assert report.unchanged == 3
    assert held(empty, "root:videos") == {"a.mp4", "b.mp4", "c.mp4"}


def test_a_video_that_moves_to_another_root_belongs_there(
    empty: Library, folder: Path, tmp_path: Path
) -> None:
    add(empty, folder)
    other = tmp_path / "other"
    other.mkdir()
    (folder / "a.mp4").rename(other / "a.mp4")

    report = add(empty, other)

    assert report.updated == 1
    assert held(empty, "root:other") == {"a.mp4"}
    assert held(empty, "root:videos") == {"b.mp4", "c.mp4"}


def test_where_a_root_moved_an_add_finds_all_unchanged(
    empty: Library, folder: Path, tmp_path: Path
) -> None:
    add(empty, folder)
    folder.rename(tmp_path / "elsewhere")

    change = empty.roots.set("videos", tmp_path / "elsewhere")
    report = add(empty, tmp_path / "elsewhere", decoder=FakeDecoder({}))

    assert (change.moved, change.made) == (3, False)
    assert (report.unchanged, report.added, report.updated, report.failed) == (3, 0, 0, 0)
    assert [row.name for row in empty.roots.list()] == ["videos"]
