"""A library whose folder somebody removes during an add: one true sentence, and no new folder."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from index.catalog.connection import CATALOG_NAME, Catalog
from index.errors import LibraryNotFoundError
from index.ingest.events import FileEnd
from index.library.add import add_videos
from index.library.library import Library
from index.vectors.building import Order, Shelf, build_part
from tests.index.fake_decoder import FakeDecoder
from tests.index.libraries import SETTINGS, make_library
from tests.index.library.adding import DURATIONS, ENCODER, add, make_color_library, make_files

SENTENCE = "is gone: its catalog.sqlite3 was moved or removed, and what was indexed went with it"


class Removing:
    """Removes the library after so many files have ended."""

    def __init__(self, library: Library, num_files: int) -> None:
        self._folder = library.folder
        self._num_left = num_files

    def found_files(self, count: int) -> None:
        self._remove_if_due()

    def segments_embedded(self, count: int) -> None: ...

    def file_ended(self, how: FileEnd) -> None:
        self._num_left -= 1
        self._remove_if_due()

    def _remove_if_due(self) -> None:
        if self._num_left == 0:
            shutil.rmtree(self._folder, ignore_errors=True)


@pytest.mark.parametrize("num_files", [0, 1, 2, 3])
@pytest.mark.parametrize("num_indexed", [0, 1])
def test_a_library_that_is_removed_during_an_add_is_gone_and_said_to_be(
    tmp_path: Path, num_files: int, num_indexed: int
) -> None:
    folder = make_files(tmp_path / "videos")
    with make_color_library(tmp_path / "library") as library:
        add(library, *[folder / "a.mp4"][:num_indexed], folder / "notes.txt")
        removing = Removing(library, num_files)

        with FakeDecoder(DURATIONS) as decoder, pytest.raises(LibraryNotFoundError) as refusal:
            add_videos([folder], library, ENCODER, decoder, listener=removing)

    assert SENTENCE in str(refusal.value)
    assert not library.folder.exists()


class Vanishing(Catalog):
    """Its folder is removed as soon as something was read from it."""

    @contextlib.contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        with super().read_transaction() as connection:
            yield connection
        shutil.rmtree(self.path.parent)


def test_a_library_that_is_removed_before_its_vectors_are_written(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    make_library(folder, num_videos=1).close()
    shelf = Shelf(folder=folder, catalog=Vanishing(folder / CATALOG_NAME), settings=SETTINGS)

    with pytest.raises(LibraryNotFoundError, match=SENTENCE):
        build_part(
            shelf,
            Order(first_segment_id=1, last_segment_id=9, replaced=(), index_kind="exact"),
        )

    shelf.catalog.close()
    assert not folder.exists()
