"""The library as its users see it: one writer, any number of readers, nothing stale or twice."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from cpd_model.errors import InputError
from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.records import SegmentRow
from index.errors import (
    IndexMismatchError,
    LibraryBusyError,
    LibraryCorruptError,
    LibraryError,
    LibraryNotFoundError,
    UnknownVideoError,
)
from index.file_version import FileVersion
from index.library.library import Library
from index.library.lock import writer_lock
from index.search.moments import Hit
from tests.index.libraries import (
    FACTS,
    SETTINGS,
    axis,
    file_version,
    make_library,
    put,
    unit_rows,
    windows,
)

MADE_BY = SETTINGS.fingerprint


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `empty` and `full` of libraries to copy: a copy takes a tenth of making one."""
    folder = tmp_path_factory.mktemp("templates")
    make_library(folder / "empty").close()
    with make_library(folder / "full") as library, library.writer() as writer:
        put(writer, "/a.mp4", unit_rows(3, seed=1))
        put(writer, "/b.mp4", unit_rows(3, seed=2))
        gone = put(writer, "/gone.mp4", unit_rows(3, seed=3))
        writer.publish_snapshot()
        put(writer, "/c.mp4", unit_rows(3, seed=4))
        writer.remove_video(gone)
    return folder


@pytest.fixture
def library(tmp_path: Path, templates: Path) -> Iterator[Library]:
    """An empty library."""
    with Library.open(shutil.copytree(templates / "empty", tmp_path / "library")) as library:
        yield library


def paths(library: Library, query_index: int, *, limit: int = 10) -> list[str]:
    """The paths that a search along one axis finds with a score above 0.9."""
    hits = library.search(axis(query_index), fingerprint=MADE_BY, limit=limit)
    return [str(hit.path) for hit in hits if hit.score > 0.9]


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

    def test_creating_does_not_wait_for_the_writer_of_a_library_that_exists(
        self, tmp_path: Path
    ) -> None:
        make_library(tmp_path).close()

        with writer_lock(tmp_path), Library.create(tmp_path, SETTINGS) as library:
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

    def test_a_second_writer_is_told_to_wait(self, library: Library) -> None:
        with (
            library.writer(),
            Library.open(library.folder) as other,
            pytest.raises(LibraryBusyError, match=f"process {os.getpid()}"),
            other.writer(),
        ):
            pass

    def test_a_writer_is_of_no_use_after_its_block(self, library: Library) -> None:
        with library.writer() as writer:
            pass

        with pytest.raises(ValueError, match="block has ended"):
            put(writer, "/a.mp4", [axis(0)])


class TestVideos:
    def test_a_video_is_told_with_all_its_facts(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/videos/a.mp4", unit_rows(3, seed=1), mtime_ns=2**61)

        row = library.video(video_id)

        assert row.path == Path("/videos/a.mp4")
        assert row.mtime_ns == 2**61
        assert row.content_hash == "ab" * 32
        assert row.num_segments == 3
        assert {name: getattr(row, name) for name in FACTS.__dataclass_fields__} == {
            name: getattr(FACTS, name) for name in FACTS.__dataclass_fields__
        }
        assert library.videos(limit=5) == [row]

    def test_segments_and_embeddings_stand_in_the_same_order(self, library: Library) -> None:
        rows_SD = unit_rows(3, seed=1)
        with library.writer() as writer:
            put(writer, "/videos/first.mp4", unit_rows(2, seed=2))
            video_id = put(writer, "/videos/a.mp4", rows_SD)

        assert library.segments(video_id) == [
            SegmentRow(0.0, 4.0, segment_id=3),
            SegmentRow(2.0, 6.0, segment_id=4),
            SegmentRow(4.0, 8.0, segment_id=5),
        ]
        assert library.embeddings(video_id) == pytest.approx(rows_SD, abs=1e-3)
        assert library.embeddings(video_id).dtype == np.float32

    @pytest.mark.parametrize("ask", [Library.video, Library.segments, Library.embeddings])
    def test_an_unknown_id_is_the_senders_fault(
        self, library: Library, ask: Callable[[Library, str], object]
    ) -> None:
        with pytest.raises(UnknownVideoError, match="no video abc"):
            ask(library, "abc")

    @pytest.mark.parametrize("change", ["remove_video", "touch_video", "move_video"])
    def test_an_unknown_id_cannot_be_changed(self, library: Library, change: str) -> None:
        more: dict[str, dict[str, Any]] = {
            "remove_video": {},
            "touch_video": {"mtime_ns": 1},
            "move_video": {"file": file_version("/b.mp4")},
        }
        with library.writer() as writer, pytest.raises(UnknownVideoError):
            getattr(writer, change)("abc", **more[change])

        assert library.status().generation == 0

    def test_videos_are_listed_in_pages_and_by_a_part_of_the_path(self, library: Library) -> None:
        names = ["/videos/B\u00e4r 1.mp4", "/videos/dog_50%.mp4", "/videos/b\u00e4r 2.mp4"]
        with library.writer() as writer:
            ids = [put(writer, name, unit_rows(1, seed=1)) for name in names]

        assert [v.video_id for v in library.videos(limit=2, offset=1)] == ids[1:]
        found = library.videos(limit=9, path_contains="BA\u0308R")
        assert [v.video_id for v in found] == [ids[0], ids[2]]
        assert [v.video_id for v in library.videos(limit=9, path_contains="0%")] == [ids[1]]
        assert library.videos(limit=9, path_contains="%.mp4_") == []

    def test_a_file_name_that_is_no_utf_8_survives(self, library: Library, tmp_path: Path) -> None:
        name = os.fsdecode(b"caf\xe9.mp4")
        (tmp_path / name).write_bytes(b"x")
        with library.writer() as writer:
            video_id = put(writer, tmp_path / name, [axis(0)])

        path = library.search(axis(0), fingerprint=MADE_BY)[0].path

        assert os.fsencode(path).endswith(b"/caf\xe9.mp4")
        assert Path(path).read_bytes() == b"x"
        assert [v.video_id for v in library.videos(limit=9, path_contains="CAF")] == [video_id]

    def test_a_symbolic_link_and_its_file_are_one_video(
        self, library: Library, tmp_path: Path
    ) -> None:
        (tmp_path / "a.mp4").touch()
        (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
        with library.writer() as writer:
            first = put(writer, tmp_path / "a.mp4", [axis(0)])
            second = put(writer, tmp_path / "link.mp4", [axis(1)])

        assert first == second
        assert library.status().videos == 1


class TestChanging:
    def test_new_content_replaces_the_old_under_the_same_id(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0), axis(1)])
            old_ids = [s.segment_id for s in library.segments(video_id)]

            assert put(writer, "/a.mp4", [axis(2)]) == video_id

        assert paths(library, 0) == []
        assert paths(library, 2) == ["/a.mp4"]
        assert min(s.segment_id for s in library.segments(video_id)) > max(old_ids)
        assert library.verify() == []

    def test_an_id_of_a_removed_segment_is_never_given_out_again(self, library: Library) -> None:
        with library.writer() as writer:
            first = put(writer, "/a.mp4", [axis(0)])
            used = library.segments(first)[0].segment_id
            writer.remove_video(first)
            second = put(writer, "/b.mp4", [axis(0)])

        assert library.segments(second)[0].segment_id > used

    def test_a_removed_video_is_found_no_more(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])
            assert paths(library, 0) == ["/a.mp4"]
            writer.remove_video(video_id)

        assert paths(library, 0) == []
        assert library.verify() == []

    def test_an_indexed_file_that_fails_later_keeps_nothing_stale(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])
            failed_id = writer.put_failure(
                file_version("/a.mp4", size_bytes=3, mtime_ns=4), reason="no frames"
            )

        assert failed_id == video_id
        assert paths(library, 0) == []
        assert [(str(f.path), f.reason, f.video_id) for f in library.failures()] == [
            ("/a.mp4", "no frames", video_id)
        ]
        with pytest.raises(UnknownVideoError):
            library.video(video_id)
        assert library.verify() == []

    def test_a_failed_file_that_succeeds_later_keeps_its_id(self, library: Library) -> None:
        with library.writer() as writer:
            failed_id = writer.put_failure(
                file_version("/a.mp4", size_bytes=3, mtime_ns=4, content_hash="ef"),
                reason="no frames",
            )
            assert put(writer, "/a.mp4", [axis(0)]) == failed_id

        assert library.failures() == []
        assert paths(library, 0) == ["/a.mp4"]

    def test_a_moved_video_keeps_its_id_and_is_found_at_its_new_path(
        self, library: Library
    ) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])
            assert paths(library, 0) == ["/a.mp4"]
            writer.move_video(video_id, file_version("/b.mp4", size_bytes=1000, mtime_ns=9))
            unchanged = writer.find_unchanged(file_version("/b.mp4", size_bytes=1000, mtime_ns=9))

        assert unchanged == video_id
        assert paths(library, 0) == ["/b.mp4"]
        assert library.videos(limit=9, path_contains="b.mp4")[0].video_id == video_id

    def test_what_stood_at_the_new_path_is_gone(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])
            put(writer, "/b.mp4", [axis(1)])
            writer.move_video(video_id, file_version("/b.mp4", size_bytes=1000, mtime_ns=9))

        assert paths(library, 0) == ["/b.mp4"]
        assert paths(library, 1) == []
        assert library.verify() == []

    def test_unchanged_means_the_same_path_size_and_time(self, library: Library) -> None:
        def a_mp4(size_bytes: int, mtime_ns: int) -> FileVersion:
            return file_version("/a.mp4", size_bytes=size_bytes, mtime_ns=mtime_ns)

        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)], mtime_ns=5)
            writer.put_failure(file_version("/f.mp4", size_bytes=1, mtime_ns=5), reason="x")

            assert writer.find_unchanged(a_mp4(1000, 5)) == video_id
            assert writer.find_unchanged(a_mp4(1001, 5)) is None
            assert writer.find_unchanged(a_mp4(1000, 6)) is None
            assert writer.find_unchanged(file_version("/f.mp4", size_bytes=1, mtime_ns=5)) is None
            writer.touch_video(video_id, mtime_ns=6)
            assert writer.find_unchanged(a_mp4(1000, 6)) == video_id

    def test_copies_are_found_by_their_hash(self, library: Library) -> None:
        with library.writer() as writer:
            ids = [put(writer, f"/{i}.mp4", [axis(0)], content_hash="5a") for i in range(2)]

            assert [v.video_id for v in writer.find_by_hash("5a")] == ids
            assert writer.find_by_hash("00") == []

    @pytest.mark.parametrize(
        ("num_segments", "rows_SD"),
        [
            (0, np.empty((0, 4))),
            (2, unit_rows(1, seed=0)),
            (1, np.ones((1, 4))),
            (1, np.full((1, 4), np.nan)),
            (1, np.zeros((1, 4))),
            (1, unit_rows(1, seed=0, embed_dim=3)),
        ],
    )
    def test_vectors_that_mean_nothing_are_refused(
        self, library: Library, num_segments: int, rows_SD: Any
    ) -> None:
        with library.writer() as writer, pytest.raises(ValueError, match="embeddings must be"):
            writer.put_video(
                file_version("/a.mp4", content_hash="ab"),
                facts=FACTS,
                segments=windows(num_segments),
                embeddings_SD=rows_SD,
            )

        assert library.status().generation == 0


class TestSearching:
    def test_a_hit_tells_where_and_how_well(self, library: Library) -> None:
        with library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(1), axis(0), axis(1), axis(1)])

        best = library.search(axis(0) * 3, fingerprint=MADE_BY, limit=1, merge=False)[0]

        assert best == Hit(
            2.0, 6.0, segment_id=2, video_id=video_id, path=Path("/a.mp4"), score=1.0
        )

    def test_neighbours_merge_into_one_moment(self, library: Library) -> None:
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(1), axis(0), axis(0), axis(1), axis(1)])

        moments = library.search(axis(0), fingerprint=MADE_BY, limit=1)
        raw = library.search(axis(0), fingerprint=MADE_BY, limit=2, merge=False)

        assert [(h.start_seconds, h.stop_seconds) for h in moments] == [(2.0, 8.0)]
        assert [(h.start_seconds, h.stop_seconds) for h in raw] == [(2.0, 6.0), (4.0, 8.0)]

    def test_an_empty_library_has_no_hits(self, library: Library) -> None:
        assert library.search(axis(0), fingerprint=MADE_BY) == []

    def test_a_limit_of_nothing_is_the_senders_fault(self, library: Library) -> None:
        with pytest.raises(InputError):
            library.search(axis(0), fingerprint=MADE_BY, limit=0)

    def test_a_query_that_another_model_made_is_refused(self, library: Library) -> None:
        """Such a vector has the right length, and finds plausible nonsense."""
        with pytest.raises(IndexMismatchError, match=r"by color \(c0c0c0c0c0c0\), not by c1c1"):
            library.search(axis(0), fingerprint="c1" * 32)

    def test_what_was_added_is_found_by_a_reader_that_is_open(self, library: Library) -> None:
        with Library.open(library.folder) as reader:
            assert paths(reader, 0) == []
            with library.writer() as writer:
                put(writer, "/a.mp4", [axis(0)])
                assert paths(reader, 0) == ["/a.mp4"]
                writer.publish_snapshot()
                put(writer, "/b.mp4", [axis(1)])
                assert paths(reader, 1) == ["/b.mp4"]

            assert reader.status().tail_segments == 2

    def test_a_reader_that_missed_pruned_tombstones_loads_afresh(self, library: Library) -> None:
        with Library.open(library.folder) as reader, library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])
            assert paths(reader, 0) == ["/a.mp4"]
            writer.remove_video(video_id)
            for i in range(3):
                put(writer, f"/{i}.mp4", [axis(1)])
                writer.publish_snapshot()

            assert paths(reader, 0) == []
            assert len(paths(reader, 1)) == 3

    def test_threads_search_while_another_process_writes(self, library: Library) -> None:
        code = """
import sys
from index.library.library import Library
from tests.index.libraries import axis, put
with Library.open(sys.argv[1]) as library, library.writer() as writer:
    for i in range(20):
        put(writer, f"/{i % 15}.mp4", [axis(0), axis(1)])
        if i % 5 == 4:
            writer.publish_snapshot()
"""
        writer = subprocess.Popen([sys.executable, "-c", code, str(library.folder)])
        ended = threading.Event()

        def search() -> list[int]:
            sizes = []
            while not ended.is_set():
                hits = library.search(axis(0), fingerprint=MADE_BY, limit=100, merge=False)
                found = [hit.path for hit in hits if hit.score > 0.9]
                assert len(set(found)) == len(found)
                sizes.append(len(found))
            return sizes

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(search) for _ in range(2)]
            assert writer.wait(60) == 0
            ended.set()
            sizes_of_threads = [future.result(30) for future in futures]

        assert all(sizes == sorted(sizes) for sizes in sizes_of_threads)
        assert len(paths(library, 0, limit=100)) == 15
        assert library.verify() == []

    @pytest.mark.parametrize("num_done", [1, 9])
    def test_a_killed_writer_loses_nothing_that_it_reported(
        self, library: Library, num_done: int
    ) -> None:
        code = """
import sys
from index.library.library import Library
from tests.index.libraries import put, unit_rows
with Library.open(sys.argv[1]) as library, library.writer() as writer:
    for i in range(10_000):
        put(writer, f"/{i}.mp4", unit_rows(50, seed=i))
        print(i, flush=True)
"""
        command = [sys.executable, "-c", code, str(library.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            reported = [int(process.stdout.readline()) for _ in range(num_done)]
            process.send_signal(signal.SIGKILL)
            reported += [int(line) for line in process.stdout]

        status = library.status()
        assert len(reported) <= status.videos <= len(reported) + 1
        assert status.segments == 50 * status.videos
        assert library.verify() == []
        with library.writer() as writer:
            put(writer, "/after.mp4", [axis(0)])
        assert "/after.mp4" in paths(library, 0, limit=1000)


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

    def test_the_next_writer_clears_what_a_killed_one_left(self, library: Library) -> None:
        (library.folder / "snapshots" / "9.partial").mkdir(parents=True)
        (library.folder / "snapshots" / "8").mkdir()

        with library.writer():
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


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-9] ^= 4
    file.write_bytes(content)


def run_sql(library: Library, *statements: str) -> None:
    with sqlite3.connect(library.folder / CATALOG_NAME) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


class TestVerifying:
    @pytest.fixture
    def full(self, tmp_path: Path, templates: Path) -> Iterator[Library]:
        """Two videos in a snapshot, one newer, one that was removed since."""
        with Library.open(shutil.copytree(templates / "full", tmp_path / "library")) as library:
            yield library

    def test_a_library_that_agrees_has_nothing_to_say(self, full: Library) -> None:
        assert full.verify() == []

    @pytest.mark.parametrize(
        ("statement", "said"),
        [
            ("DELETE FROM library", "has lost its settings"),
            (
                "UPDATE embeddings SET vectors = zeroblob(length(vectors)) WHERE video_number = 1",
                "embeddings of video .* are not what was written",
            ),
            ("DELETE FROM embeddings WHERE video_number = 2", "has no embeddings"),
            ("UPDATE videos SET num_segments = 7 WHERE number = 1", "should have 7 .* has 3"),
            ("DELETE FROM segments WHERE id = 3", "should have 3 segments and has 2"),
            ("DELETE FROM segments WHERE id = 3", "has 2 segments and 3 embeddings"),
            ("DELETE FROM segments WHERE id = 1", "embeddings have others"),
            ("DELETE FROM segments WHERE video_number = 1", "should have 3 segments and has 0"),
            ("UPDATE segments SET stop_seconds = -1 WHERE id = 2", "segment 2 ends before"),
            ("INSERT INTO segments VALUES (99, 77, 0, 4, 5)", "row 99 of segments belongs to no"),
            ("DELETE FROM tombstones", "has segment 7, which the catalog does not know"),
            (
                "INSERT INTO tombstones VALUES (1, 99)",
                "snapshot 3 lacks segment 1",
            ),
            ("UPDATE snapshots SET checksum = 'x'", "snapshot 3 .* is damaged"),
            ("UPDATE snapshots SET num_segments = 1", "9 vectors of 4 dimensions, 1 of 4"),
            ("UPDATE library SET fingerprint = 'other'", "snapshot 3 says of itself"),
            ("UPDATE library SET generation = 2", "snapshot 3 is newer than the catalog"),
            (
                "UPDATE videos SET num_segments = 0, state = 'indexed' WHERE number = 1",
                "indexed without a single segment",
            ),
        ],
    )
    def test_what_does_not_agree_is_told(self, full: Library, statement: str, said: str) -> None:
        run_sql(full, statement)

        assert any(re.search(said, line) for line in full.verify())

    def test_a_snapshot_that_a_killed_run_did_not_list_is_no_difference(
        self, full: Library
    ) -> None:
        run_sql(full, "DELETE FROM snapshots")

        assert full.verify() == []
        with full.writer():
            pass
        assert list((full.folder / "snapshots").iterdir()) == []

    def test_a_flipped_bit_in_the_snapshot_is_told(self, full: Library) -> None:
        flip_a_bit(full.folder / "snapshots" / "3" / "index.faiss")

        assert re.search("snapshot 3 .* is damaged", full.verify()[0])

    def test_a_missing_snapshot_is_told(self, full: Library) -> None:
        (full.folder / "snapshots" / "3" / "index.faiss").unlink()

        assert re.search("snapshot 3 .* cannot be read", full.verify()[0])

    def test_embeddings_that_were_swapped_are_told(self, full: Library) -> None:
        run_sql(
            full,
            "CREATE TEMP TABLE a AS SELECT vectors, checksum FROM embeddings WHERE video_number=1",
            "UPDATE embeddings SET (vectors, checksum) = (SELECT vectors, checksum FROM embeddings"
            " WHERE video_number = 2) WHERE video_number = 1",
            "UPDATE embeddings SET (vectors, checksum) = (SELECT * FROM a) WHERE video_number = 2",
        )

        assert full.verify() == [
            "snapshot 3 and the catalog differ from segment 1 on",
            "snapshot 3 and the catalog differ from segment 4 on",
        ]

    def test_damaged_embeddings_are_not_searched_as_if_nothing_were(self, full: Library) -> None:
        run_sql(full, "UPDATE embeddings SET vectors = zeroblob(24)")

        with pytest.raises(LibraryCorruptError, match="cpd index verify"):
            full.search(axis(0), fingerprint=MADE_BY)

    def test_a_damaged_page_of_the_catalog_is_told(self, full: Library) -> None:
        full.close()
        file = full.folder / CATALOG_NAME
        content = bytearray(file.read_bytes())
        with (
            Library.open(full.folder) as library,
            library._catalog.read_transaction() as connection,
        ):
            page = connection.execute(
                text("SELECT rootpage FROM sqlite_master WHERE name = 'segments'")
            ).scalar_one()
        content[(page - 1) * 4096 : (page - 1) * 4096 + 8] = b"\xff" * 8
        file.write_bytes(content)

        with Library.open(full.folder) as library:
            assert re.search("catalog .* is damaged", library.verify()[-1])
