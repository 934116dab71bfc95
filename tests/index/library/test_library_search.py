"""Searches find what was committed before them, whoever else reads or writes."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cpd_model.errors import InputError
from index.errors import (
    IndexMismatchError,
)
from index.library.library import Library
from index.search.moments import Hit
from tests.index.libraries import (
    MADE_BY,
    axis,
    paths,
    put,
)


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
                writer.publish()
                put(writer, "/b.mp4", [axis(1)])
                assert paths(reader, 1) == ["/b.mp4"]

            assert (reader.status().parts, reader.status().tail_segments) == (1, 1)

    def test_a_reader_that_missed_pruned_tombstones_loads_afresh(self, library: Library) -> None:
        with Library.open(library.folder) as reader, library.writer() as writer:
            video_id = put(writer, "/a.mp4", [axis(0)])
            assert paths(reader, 0) == ["/a.mp4"]
            writer.remove_video(video_id)
            for i in range(3):
                put(writer, f"/{i}.mp4", [axis(1)])
                writer.publish()

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
            writer.publish()
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
