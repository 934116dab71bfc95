"""What a library tells of its videos is what was put into it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.catalog.records import SegmentRow
from index.errors import (
    UnknownVideoError,
)
from index.filters import parse_filter
from index.library.library import Library
from tests.index.libraries import (
    FACTS,
    MADE_BY,
    axis,
    file_version,
    put,
    unit_rows,
)


def ids_where(library: Library, text: str) -> list[str]:
    return [video.video_id for video in library.videos(limit=9, where=parse_filter(text))]


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

    @pytest.mark.parametrize("change", ["remove_video", "move_video"])
    def test_an_unknown_id_cannot_be_changed(self, library: Library, change: str) -> None:
        more: dict[str, dict[str, Any]] = {
            "remove_video": {},
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
        assert ids_where(library, "path:BA\u0308R") == [ids[0], ids[2]]
        assert ids_where(library, "path:0%") == [ids[1]]
        assert ids_where(library, "path:%.mp4_") == []

    def test_going_through_the_videos_skips_none_when_one_is_removed_meanwhile(
        self, library: Library
    ) -> None:
        with library.writer() as writer:
            ids = [put(writer, f"/videos/{i}.mp4", unit_rows(1, seed=i)) for i in range(6)]
        going = library.each_video(at_once=2)
        seen = [next(going).video_id, next(going).video_id]

        with library.writer() as writer:
            for gone in (ids[1], ids[4]):  # the last that was read, and one not read yet
                writer.remove_video(gone)

        assert seen + [video.video_id for video in going] == [*ids[:4], ids[5]]

    def test_a_file_name_that_is_no_utf_8_survives(self, library: Library, tmp_path: Path) -> None:
        name = os.fsdecode(b"caf\xe9.mp4")
        (tmp_path / name).write_bytes(b"x")
        with library.writer() as writer:
            video_id = put(writer, tmp_path / name, [axis(0)])

        path = library.search(axis(0), fingerprint=MADE_BY)[0].path

        assert os.fsencode(path).endswith(b"/caf\xe9.mp4")
        assert Path(path).read_bytes() == b"x"
        assert ids_where(library, "path:CAF") == [video_id]

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
