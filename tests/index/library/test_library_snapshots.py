"""Readers stand on snapshots that can be trusted; the status tells on which."""

import sqlite3
from pathlib import Path

import pytest

from index.catalog.connection import CATALOG_NAME
from index.library.library import Library
from tests.index.libraries import (
    MADE_BY,
    SETTINGS,
    axis,
    file_version,
    flip_a_bit,
    paths,
    put,
    unit_rows,
)


class TestSnapshots:
    def test_a_new_reader_stands_on_the_snapshot_and_takes_the_rest_as_tail(
        self, library: Library
    ) -> None:
        with library.writer() as writer:
            gone = put(writer, "/a.mp4", [axis(0)])
            put(writer, "/b.mp4", [axis(1)])
            assert writer.publish_snapshot()
            writer.remove_video(gone)
            put(writer, "/c.mp4", [axis(2)])

        with Library.open(library.folder) as reader:
            status = reader.status()
            assert (status.snapshot_generation, status.tail_segments) == (2, 1)
            assert status.generation == 4
            assert [paths(reader, i) for i in range(3)] == [[], ["/b.mp4"], ["/c.mp4"]]

    def test_publishing_twice_writes_once(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])

            assert writer.publish_snapshot()
            writer.move_video(video_id, file_version("/b.mp4", size_bytes=1, mtime_ns=1))
            assert not writer.publish_snapshot()

    def test_two_snapshots_are_kept(self, library: Library) -> None:
        with library.writer() as writer:
            for i in range(4):
                put(writer, f"/{i}.mp4", [axis(0)])
                writer.publish_snapshot()

        names = sorted(entry.name for entry in (library.folder / "snapshots").iterdir())
        assert names == ["3", "4"]
        assert library.verify() == []

    def test_the_next_run_clears_what_a_killed_one_left(self, library: Library) -> None:
        (library.folder / "snapshots" / "9.partial").mkdir(parents=True)
        (library.folder / "snapshots" / "8").mkdir()

        with library.lease():
            pass

        assert list((library.folder / "snapshots").iterdir()) == []

    def test_a_damaged_snapshot_is_passed_over_with_a_warning(self, library: Library) -> None:
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
            writer.publish_snapshot()
        flip_a_bit(library.folder / "snapshots" / "1" / "index.faiss")

        with Library.open(library.folder) as reader:
            assert paths(reader, 0) == ["/a.mp4"]
            assert reader.status().snapshot_generation is None
            assert "snapshot 1" in reader.status().warnings[0]

    def test_a_snapshot_that_the_catalog_does_not_list_is_not_believed(
        self, library: Library, tmp_path: Path
    ) -> None:
        """A catalog restored from a backup must not meet the vectors of a later day."""
        backup = tmp_path / "backup.sqlite3"
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
        with sqlite3.connect(library.folder / CATALOG_NAME) as source:
            target = sqlite3.connect(backup)
            source.backup(target)
            target.close()
        source.close()
        with library.writer() as writer:
            put(writer, "/later.mp4", [axis(1)])
            writer.publish_snapshot()
        library.close()

        for file in library.folder.glob(f"{CATALOG_NAME}*"):
            file.unlink()
        backup.rename(library.folder / CATALOG_NAME)
        with Library.open(library.folder) as restored, restored.writer() as writer:
            put(writer, "/other.mp4", [axis(2)])

            assert [paths(restored, i) for i in range(3)] == [["/a.mp4"], [], ["/other.mp4"]]
            assert restored.status().snapshot_generation is None

    def test_a_long_tail_makes_way_for_a_newer_snapshot(self, library: Library) -> None:
        with Library.open(library.folder) as reader, library.writer() as writer:
            reader.prepare()
            for i in range(6):
                put(writer, f"/{i}.mp4", unit_rows(2000, seed=i))
                reader.search(axis(0), fingerprint=MADE_BY)
            assert reader.status().tail_segments == 12_000
            writer.publish_snapshot()
            put(writer, "/a.mp4", [axis(0)])

            assert "/a.mp4" in paths(reader, 0)
            assert reader.status().tail_segments == 1
            assert reader.status().snapshot_generation == 6


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
        assert status.warnings == ["no snapshot was published yet: `cpd index add` does at its end"]

    def test_an_empty_library_has_nothing_to_warn_of(self, library: Library) -> None:
        status = library.status()

        assert (status.videos, status.segments, status.hours) == (0, 0, 0)
        assert status.warnings == []
