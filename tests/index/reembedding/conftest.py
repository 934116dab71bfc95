"""A library of three made-up files, embedded by the model of colours alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.library.library import Library
from tests.index.library.adding import add, make_color_library, make_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Made-up files: a.mp4 b.mp4 c.mp4 notes.txt."""
    return make_files(tmp_path / "videos")


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        add(library, folder)
        yield library
