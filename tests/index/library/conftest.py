"""Libraries for the tests of this folder, copied from templates."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.library.library import Library
from tests.index.libraries import axis, make_library, put, unit_rows
from tests.index.library.adding import make_files
from tests.index.library.asking import put_numbered


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `empty` and `full` of libraries to copy: a copy takes a tenth of making one."""
    folder = tmp_path_factory.mktemp("templates")
    make_library(folder / "empty").close()
    with make_library(folder / "full") as library, library.writer() as writer:
        put(writer, "/a.mp4", unit_rows(3, seed=1))
        put(writer, "/b.mp4", unit_rows(3, seed=2))
        gone = put(writer, "/gone.mp4", unit_rows(3, seed=3))
        writer.publish()
        put(writer, "/c.mp4", unit_rows(3, seed=4))
        writer.remove_video(gone)
    return folder


@pytest.fixture
def library(tmp_path: Path, templates: Path) -> Iterator[Library]:
    """An empty library."""
    with Library.open(shutil.copytree(templates / "empty", tmp_path / "library")) as library:
        yield library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Made-up files to add: a.mp4 b.mp4 c.mp4 notes.txt."""
    return make_files(tmp_path / "videos")


@pytest.fixture(scope="module")
def thirty_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty videos of six windows, half of them in a part."""
    folder = tmp_path_factory.mktemp("asked") / "library"
    with make_library(folder) as library, library.writer() as writer:
        for number in range(30):
            put_numbered(writer, number)
            if number == 14:
                writer.publish()
    return folder


@pytest.fixture
def asked(thirty_videos: Path, tmp_path: Path) -> Iterator[Library]:
    with Library.open(shutil.copytree(thirty_videos, tmp_path / "library")) as library:
        yield library


@pytest.fixture
def kept(library: Library) -> Library:
    """/a.mp4 in a part, kept as `one`; then /b.mp4 came and /a.mp4 went, all of it published."""
    with library.writer() as writer:
        a = put(writer, "/a.mp4", [axis(0)])
        writer.publish()
        library.snapshots.create("one")
        put(writer, "/b.mp4", [axis(1), axis(2)])
        writer.remove_video(a)
        writer.publish()
    return library
