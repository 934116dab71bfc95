"""A library is made, opened, refused, and written by one at a time."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from index.catalog.connection import CATALOG_NAME, Catalog
from index.errors import (
    IndexMismatchError,
    LibraryBusyError,
    LibraryError,
    LibraryNotFoundError,
)
from index.library.library import Library
from index.library.lock import lease
from index.library.writer import LibraryWriter
from tests.index.libraries import (
    SETTINGS,
    axis,
    file_version,
    make_library,
    paths,
    put,
)


class TestOpening:
    def test_a_folder_without_library_says_how_to_make_one(self, tmp_path: Path) -> None:
        with pytest.raises(LibraryNotFoundError, match="`cpd index add PATH --library"):
            Library.open(tmp_path)

    def test_what_was_created_opens_with_its_settings(self, tmp_path: Path) -> None:
        Library.create(tmp_path / "new" / "folder", SETTINGS).close()

        with Library.open(tmp_path / "new" / "folder") as library:
            assert library.settings == SETTINGS

    def test_creating_it_again_opens_it(self, tmp_path: Path) -> None:
        make_library(tmp_path, num_videos=2).close()

        with Library.create(tmp_path, replace(SETTINGS, model="another name")) as library:
            assert library.status().videos == 2
            assert library.settings.model == "color"

    def test_creating_does_not_wait_for_the_run_of_a_library_that_exists(
        self, tmp_path: Path
    ) -> None:
        make_library(tmp_path).close()

        with lease(tmp_path), Library.create(tmp_path, SETTINGS) as library:
            assert library.settings == SETTINGS

    @pytest.mark.parametrize(
        ("other", "said"),
        [
            ({"fingerprint": "d" * 64, "model": "x"}, "built by color .* not by x .*: use that"),
            ({"window_seconds": 8.0}, "made with window 4.0 not 8.0"),
            ({"hop_seconds": 1.0, "embed_dim": 5}, "embed_dim 4 not 5, hop 2.0 not 1.0"),
        ],
    )
    def test_other_settings_say_which_differ(
        self, tmp_path: Path, other: dict[str, Any], said: str
    ) -> None:
        make_library(tmp_path).close()

        with pytest.raises(IndexMismatchError, match=said):
            Library.create(tmp_path, replace(SETTINGS, **other))

    def test_another_models_fingerprint_is_refused(self, library: Library) -> None:
        library.require(fingerprint=SETTINGS.fingerprint)

        with pytest.raises(IndexMismatchError, match=r"color \(c0c0.* not by other \(dddd"):
            library.require(fingerprint="d" * 64, model="other")

    def test_a_creation_that_was_interrupted_is_finished_by_the_next(self, tmp_path: Path) -> None:
        (tmp_path / CATALOG_NAME).touch()
        catalog = Catalog(tmp_path / CATALOG_NAME)
        catalog.migrate()
        catalog.close()

        with pytest.raises(LibraryNotFoundError):
            Library.open(tmp_path)

        with Library.create(tmp_path, SETTINGS) as library:
            assert library.status().videos == 0

    def test_an_empty_file_is_no_library(self, tmp_path: Path) -> None:
        (tmp_path / CATALOG_NAME).touch()

        with pytest.raises(LibraryNotFoundError):
            Library.open(tmp_path)

        assert (tmp_path / CATALOG_NAME).stat().st_size == 0

    def test_a_file_in_the_place_of_the_folder_is_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(LibraryError, match="cannot make a library in"):
            Library.create(tmp_path / "file", SETTINGS)

    def test_a_second_run_is_told_to_wait(self, library: Library) -> None:
        with (
            library.lease(),
            Library.open(library.folder) as other,
            pytest.raises(LibraryBusyError, match=f"process {os.getpid()}"),
            other.lease(),
        ):
            pass

    def test_a_short_change_goes_in_beside_a_run(self, library: Library) -> None:
        with library.lease() as run, Library.open(library.folder) as other:
            first = put(run, "/a.mp4", [axis(0)])
            with other.writer() as writer:
                put(writer, "/b.mp4", [axis(1)])
                writer.remove_video(first)
            put(run, "/c.mp4", [axis(2)])
            run.publish()

        assert [paths(library, i) for i in range(3)] == [[], ["/b.mp4"], ["/c.mp4"]]
        assert library.verify() == []

    def test_publishing_takes_the_lease(self, library: Library) -> None:
        with library.lease(), Library.open(library.folder) as other, other.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
            with pytest.raises(LibraryBusyError, match=f"process {os.getpid()}"):
                writer.publish()

        with library.writer() as writer:
            assert writer.publish()

    def test_a_short_writer_leaves_alone_what_a_run_is_writing(self, library: Library) -> None:
        half_written = library.folder / "parts" / "9.partial"
        with library.lease():
            half_written.mkdir(parents=True)
            with library.writer() as writer:
                put(writer, "/a.mp4", [axis(0)])

            assert half_written.is_dir()

    @pytest.mark.parametrize(
        "use",
        [
            lambda writer: put(writer, "/a.mp4", [axis(0)]),
            lambda writer: writer.publish(),
            lambda writer: writer.find_at("/a.mp4"),
            lambda writer: writer.find_by_hash("ab"),
            lambda writer: writer.find_unchanged(file_version("/a.mp4")),
        ],
    )
    def test_a_writer_is_of_no_use_after_its_block(
        self, library: Library, use: Callable[[LibraryWriter], object]
    ) -> None:
        with library.writer() as writer:
            pass

        with pytest.raises(ValueError, match="block has ended"):
            use(writer)

    @pytest.mark.parametrize(
        "use",
        [
            lambda library: library.search(axis(0), fingerprint=SETTINGS.fingerprint),
            lambda library: library.videos(limit=1),
            lambda library: library.status(),
            lambda library: library.verify(),
            lambda library: library.writer().__enter__(),
        ],
    )
    def test_a_closed_library_says_so(
        self, library: Library, use: Callable[[Library], object]
    ) -> None:
        library.close()

        with pytest.raises(ValueError, match=r"library in .* was closed: open it again"):
            use(library)

    def test_a_writer_cannot_outlive_its_library(self, library: Library) -> None:
        with library.writer() as writer:
            library.close()

            with pytest.raises(ValueError, match="was closed"):
                put(writer, "/a.mp4", [axis(0)])
            with pytest.raises(ValueError, match="was closed"):
                writer.publish()
