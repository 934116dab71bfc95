"""What changes leaves nothing stale behind, and nothing twice."""

from typing import Any

import numpy as np
import pytest

from index.errors import (
    UnknownVideoError,
)
from index.file_version import FileVersion
from index.filters import parse_filter
from index.library.library import Library
from tests.index.libraries import (
    FACTS,
    axis,
    file_version,
    paths,
    put,
    unit_rows,
    windows,
)


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
        assert library.videos(limit=9, where=parse_filter("path:b.mp4"))[0].video_id == video_id

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
            writer.move_video(video_id, a_mp4(1000, 6))
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
