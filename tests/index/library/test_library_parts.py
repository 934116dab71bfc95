"""Readers stand on parts that can be trusted; the status tells how much is in them."""

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path

import pytest

from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.id_range import IdRange
from index.catalog.parts import published_parts
from index.library.library import Library
from index.vectors.current_view import CurrentView
from tests.index.libraries import (
    MADE_BY,
    SETTINGS,
    axis,
    file_version,
    make_library,
    part_names,
    paths,
    put,
    unit_rows,
)


def copy_catalog(source: Path, target: Path) -> None:
    """As a person who makes and restores backups does."""
    with (
        contextlib.closing(sqlite3.connect(source)) as from_there,
        contextlib.closing(sqlite3.connect(target)) as to_here,
    ):
        from_there.backup(to_here)


class TestParts:
    def test_a_new_reader_stands_on_the_part_and_takes_the_rest_as_tail(
        self, library: Library
    ) -> None:
        with library.writer() as writer:
            gone = put(writer, "/a.mp4", [axis(0)])
            put(writer, "/b.mp4", [axis(1)])
            assert writer.publish()
            writer.remove_video(gone)
            put(writer, "/c.mp4", [axis(2)])

        with Library.open(library.folder) as reader:
            status = reader.status()
            assert (status.parts, status.tail_segments, status.removed_segments) == (1, 1, 1)
            assert status.generation == 4
            assert [paths(reader, i) for i in range(3)] == [[], ["/b.mp4"], ["/c.mp4"]]

    def test_a_folder_may_have_any_name(self, tmp_path: Path) -> None:
        """FAISS takes only names in UTF-8."""
        folder = tmp_path / os.fsdecode(b"library \xff")
        with make_library(folder) as library, library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)] * 1000)
            writer.publish(index_kind="ivf")

            assert "/a.mp4" in paths(library, 0)
            assert (library.status().exact, library.status().warnings) == (False, [])
            assert library.verify() == []

    def test_publishing_twice_writes_once(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])

            assert writer.publish()
            writer.move_video(video_id, file_version("/b.mp4", size_bytes=1, mtime_ns=1))
            assert not writer.publish()

    def test_a_publish_writes_what_is_new_and_the_small_parts_before_it(
        self, library: Library
    ) -> None:
        with library.writer() as writer:
            put(writer, "/0.mp4", unit_rows(300, seed=0))
            writer.publish()
            large = part_names(library)
            for i in range(1, 5):
                put(writer, f"/{i}.mp4", [axis(0)])
                writer.publish()

        assert len(part_names(library)) < 5
        assert set(large) < set(part_names(library))
        assert library.verify() == []

    def test_the_next_publish_clears_what_a_killed_one_left(self, library: Library) -> None:
        (library.folder / "parts" / f"{'ab' * 16}.partial").mkdir(parents=True)
        (library.folder / "parts" / ("cd" * 16)).mkdir()
        (library.folder / "snapshots" / "7").mkdir(parents=True)  # of an older program

        with library.writer() as writer:
            assert not writer.publish()

        assert part_names(library) == []
        assert not (library.folder / "snapshots").exists()

    def test_what_a_person_keeps_in_a_librarys_folder_stays(self, library: Library) -> None:
        kept = [
            library.folder / place
            for place in ("parts/a.mp4", "parts/holiday/b.mp4", "snapshots/2024/c.jpg")
        ]
        for file in kept:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"precious")
        (library.folder / "snapshots" / "7").mkdir()
        (library.folder / "snapshots" / "7" / "index.faiss").touch()

        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
            writer.publish()
            writer.publish()

        assert all(file.is_file() for file in kept)
        assert not (library.folder / "snapshots" / "7").exists()

    def test_the_status_passes_over_a_file_that_leads_nowhere(self, library: Library) -> None:
        size = library.status().bytes
        (library.folder / "loop").symlink_to("loop")

        assert library.status().bytes == size

    def test_a_part_that_somebody_writes_is_no_leftover(self, library: Library) -> None:
        partial = library.folder / "parts" / f"{'ab' * 16}.partial"
        partial.mkdir(parents=True)
        descriptor = os.open(partial, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)

        with library.writer() as writer:
            writer.publish()

        os.close(descriptor)
        assert part_names(library) == [partial.name]

    def test_removed_rows_are_cleared_away_when_they_are_many(self, library: Library) -> None:
        with library.writer() as writer:
            ids = [put(writer, f"/{i}.mp4", unit_rows(10, seed=i)) for i in range(10)]
            writer.publish()
            writer.remove_video(ids[0])
            assert writer.compact() == 0
            for video_id in ids[1:4]:
                writer.remove_video(video_id)

            assert writer.compact() == 1

        with Library.open(library.folder) as reader:
            status = reader.status()
        assert (status.parts, status.removed_segments, status.segments) == (1, 0, 60)
        assert library.verify() == []

    def test_a_part_of_which_nothing_is_left_goes(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])
            writer.publish()
            writer.remove_video(video_id)
            assert writer.compact() == 1
            assert part_names(library) == []
            put(writer, "/b.mp4", [axis(0)])
            assert writer.publish()

        assert paths(library, 0) == ["/b.mp4"]
        assert library.verify() == []

    def test_many_parts_become_few(self, library: Library) -> None:
        with library.writer() as writer:
            for i in range(12):
                put(writer, f"/{i}.mp4", unit_rows(10_000 if i == 0 else 100 - i, seed=i))
                writer.publish()
            before = part_names(library)
            assert writer.compact(whole=True) == 1
            assert writer.compact(whole=True) == 0

        assert len(before) > 1
        assert len(part_names(library)) == 1
        assert library.verify() == []

    def test_a_reader_goes_on_with_parts_that_were_merged_away(self, library: Library) -> None:
        with library.writer() as writer:
            put(writer, "/a.mp4", unit_rows(300, seed=0))
            writer.publish()
            put(writer, "/b.mp4", [axis(0)])
            writer.publish()
            with Library.open(library.folder) as reader:
                before = reader.search(axis(0), fingerprint=MADE_BY, limit=50)
                assert writer.compact(whole=True) == 1

                assert reader.search(axis(0), fingerprint=MADE_BY, limit=50) == before
                put(writer, "/c.mp4", [axis(0)])
                assert "/c.mp4" in paths(reader, 0)
                assert reader.status().parts == 1

    def test_a_reader_takes_new_parts_though_nothing_else_changed(self, library: Library) -> None:
        """Files that were merged away give their room back only when nobody has them mapped."""
        with Library.open(library.folder) as reader, library.writer() as writer:
            put(writer, "/a.mp4", unit_rows(1200, seed=0))
            writer.publish()
            before = reader.search(axis(0), fingerprint=MADE_BY)
            assert reader.status().exact
            writer.compact(index_kind="ivf", whole=True)

            assert reader.search(axis(0), fingerprint=MADE_BY)[0] == before[0]
            assert not reader.status().exact

    def test_a_part_that_is_merged_away_while_it_is_opened_is_no_damage(
        self, library: Library
    ) -> None:
        with library.writer() as writer:
            put(writer, "/a.mp4", unit_rows(300, seed=0))
            writer.publish()
            put(writer, "/b.mp4", [axis(0)])
            writer.publish()
        catalog = Catalog(library.folder / CATALOG_NAME)
        current = CurrentView(library.folder, catalog, SETTINGS, device="cpu")

        with catalog.read_transaction() as connection:
            assert len(published_parts(connection, IdRange.of_model(1))) == 2  # seen before they go
            with library.writer() as writer:
                writer.compact(whole=True)
            view = current.at(connection, made_before=current.num_made)

        assert view is None
        assert [placed.part.name for placed in current.get().parts] == part_names(library)
        assert current.warnings == []

    def test_a_part_that_the_catalog_does_not_list_is_not_believed(
        self, library: Library, tmp_path: Path
    ) -> None:
        """A catalog restored from a backup must not meet the vectors of a later day."""
        backup = tmp_path / "backup.sqlite3"
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
        copy_catalog(library.folder / CATALOG_NAME, backup)
        with library.writer() as writer:
            put(writer, "/later.mp4", [axis(1)])
            writer.publish()
        library.close()

        for file in library.folder.glob(f"{CATALOG_NAME}*"):
            file.unlink()
        backup.rename(library.folder / CATALOG_NAME)
        with Library.open(library.folder) as restored, restored.writer() as writer:
            put(writer, "/other.mp4", [axis(2)])

            assert [paths(restored, i) for i in range(3)] == [["/a.mp4"], [], ["/other.mp4"]]
            assert restored.status().parts == 0

    def test_a_reader_that_is_open_when_its_catalog_is_restored_opens_it_afresh(
        self, library: Library, tmp_path: Path
    ) -> None:
        """The restored catalog counts on to the same generation, with other content."""
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
        backup = tmp_path / "backup.sqlite3"
        copy_catalog(library.folder / CATALOG_NAME, backup)
        with library.writer() as writer:
            put(writer, "/later.mp4", [axis(1)])
        with Library.open(library.folder) as reader:
            assert paths(reader, 1) == ["/later.mp4"]
            copy_catalog(backup, library.folder / CATALOG_NAME)

            assert [paths(reader, i) for i in range(2)] == [["/a.mp4"], []]
            with library.writer() as writer:
                put(writer, "/other.mp4", [axis(2)])
            assert [paths(reader, i) for i in range(3)] == [["/a.mp4"], [], ["/other.mp4"]]

    def test_a_long_tail_makes_way_for_a_part(self, library: Library) -> None:
        with Library.open(library.folder) as reader, library.writer() as writer:
            reader.prepare()
            for i in range(6):
                put(writer, f"/{i}.mp4", unit_rows(2000, seed=i))
                reader.search(axis(0), fingerprint=MADE_BY)
            assert reader.status().tail_segments == 12_000
            writer.publish()
            put(writer, "/a.mp4", [axis(0)])

            assert "/a.mp4" in paths(reader, 0)
            assert (reader.status().parts, reader.status().tail_segments) == (1, 1)

    def test_what_no_part_holds_is_made_into_one_in_memory_where_it_is_much(
        self, library: Library
    ) -> None:
        with library.writer() as writer:
            for i in range(6):
                put(writer, f"/{i}.mp4", unit_rows(2000, seed=i))
            put(writer, "/a.mp4", [axis(0)])

        with Library.open(library.folder) as reader:
            assert "/a.mp4" in paths(reader, 0)
            assert (reader.status().parts, reader.status().tail_segments) == (0, 0)


class TestStatus:
    def test_it_counts_what_is_there(self, library: Library) -> None:
        with library.writer() as writer:
            put(writer, "/a.mp4", unit_rows(3, seed=1))
            put(writer, "/b.mp4", unit_rows(2, seed=2))
            writer.put_failure(file_version("/f.mp4", size_bytes=1, mtime_ns=5), reason="x")

        status = library.status()

        assert (status.videos, status.segments, status.failed) == (2, 5, 1)
        assert status.hours == pytest.approx(25 / 3600)
        assert (status.model, status.fingerprint) == ("color", SETTINGS.fingerprint)
        assert (status.search_device, status.search_device_reason) == ("cpu", "asked for")
        assert status.bytes >= (library.folder / CATALOG_NAME).stat().st_size
        assert status.warnings == ["no part was published yet: `cpd index add` does at its end"]

    def test_an_empty_library_has_nothing_to_warn_of(self, library: Library) -> None:
        status = library.status()

        assert (status.videos, status.segments, status.hours) == (0, 0, 0)
        assert status.warnings == []
