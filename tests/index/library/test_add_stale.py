"""Indexed videos whose newest bytes cannot be read: what was indexed stays, and is called stale."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpd_model.encoder import Frames, Vectors
from cpd_model.testing import ColorEncoder
from index.errors import (
    NoFrameError,
    NotAVideoError,
    VideoCrashError,
    VideoError,
    VideoMemoryError,
    VideoTimeoutError,
)
from index.ingest.files import why_unreadable
from index.ingest.outcomes import CHANGED, GONE
from index.library.add import STILL_SEARCHABLE, add_videos
from index.library.add_report import AddReport
from index.library.library import Library
from tests.index.fake_decoder import REFUSAL, FakeDecoder
from tests.index.library.adding import (
    DURATIONS,
    SEGMENTS,
    add,
    counts,
    ids,
    make_color_library,
    search,
)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        yield library


@pytest.fixture
def indexed(library: Library, folder: Path) -> Library:
    """The library with a.mp4, b.mp4 and c.mp4 in it, and b.mp4 with other bytes since."""
    add(library, folder)
    (folder / "b.mp4").write_text("other bytes than before")
    return library


def names_found(library: Library) -> set[str]:
    return {hit.path.name for hit in search(library, "red")}


def add_refused(library: Library, folder: Path, error: type[VideoError]) -> AddReport:
    return add(library, folder, decoder=FakeDecoder(DURATIONS, refused={"b.mp4": error}))


@pytest.mark.parametrize(
    "passing", [VideoError, VideoTimeoutError, VideoCrashError, VideoMemoryError]
)
def test_a_passing_failure_leaves_what_was_indexed(
    indexed: Library, folder: Path, passing: type[VideoError]
) -> None:
    before = {row.path.name: row for row in indexed.videos(limit=9)}["b.mp4"]

    report = add_refused(indexed, folder, passing)

    assert counts(report) == (0, 0, 2, 1, 1)
    assert report.failures == [(folder / "b.mp4", REFUSAL + STILL_SEARCHABLE, passing.code)]
    assert len(search(indexed, "red")) == 3 * SEGMENTS
    (stale,) = indexed.stale_videos()
    assert (stale.path, stale.stale_reason) == (folder / "b.mp4", REFUSAL)
    assert stale.stale_since == pytest.approx(time.time(), abs=60)
    assert (stale.size_bytes, stale.mtime_ns) == (before.size_bytes, before.mtime_ns)
    assert stale.content_hash == before.content_hash
    assert (indexed.status().videos, indexed.status().stale) == (3, 1)
    assert indexed.failures() == []
    assert indexed.verify() == []


@pytest.mark.parametrize("final", [NotAVideoError, NoFrameError])
def test_bytes_that_were_read_and_are_no_video_take_its_place(
    indexed: Library, folder: Path, final: type[VideoError]
) -> None:
    report = add_refused(indexed, folder, final)

    assert counts(report) == (0, 0, 2, 1, 1)
    assert report.failures == [(folder / "b.mp4", REFUSAL, final.code)]
    assert names_found(indexed) == {"a.mp4", "c.mp4"}
    assert indexed.stale_videos() == []
    assert [failure.path.name for failure in indexed.failures()] == ["b.mp4"]


def test_a_stale_video_keeps_since_when_and_tells_the_newest_reason(
    indexed: Library, folder: Path
) -> None:
    add_refused(indexed, folder, VideoTimeoutError)
    (first,) = indexed.stale_videos()

    add(indexed, folder, decoder=FakeDecoder(DURATIONS, bad_reads={"b.mp4": 0}))

    (second,) = indexed.stale_videos()
    assert second.stale_since == first.stale_since
    assert (first.stale_reason, second.stale_reason) == (REFUSAL, "it is damaged")


def test_a_stale_video_that_fails_as_before_costs_no_write(indexed: Library, folder: Path) -> None:
    add_refused(indexed, folder, VideoTimeoutError)
    generation = indexed.status().generation

    report = add_refused(indexed, folder, VideoTimeoutError)

    assert report.failed == 1
    assert indexed.status().generation == generation


def test_a_stale_video_is_tried_again_and_is_stale_no_more(indexed: Library, folder: Path) -> None:
    before = ids(indexed)
    add_refused(indexed, folder, VideoTimeoutError)

    report = add(indexed, folder)

    assert counts(report) == (0, 1, 2, 0, 1)
    assert ids(indexed) == before
    assert indexed.stale_videos() == []
    assert counts(add(indexed, folder)) == (0, 0, 3, 0, 1)


def test_old_bytes_that_came_back_are_stale_no_more(library: Library, folder: Path) -> None:
    """With their old size and time, by which alone the file would count as unchanged."""
    add(library, folder)
    file = folder / "b.mp4"
    old, mtime_ns = file.read_text(), file.stat().st_mtime_ns
    file.write_text("other bytes than before")
    add_refused(library, folder, VideoTimeoutError)
    file.write_text(old)
    os.utime(file, ns=(mtime_ns, mtime_ns))

    report = add(library, folder)

    assert counts(report) == (0, 0, 3, 0, 1)
    assert library.stale_videos() == []


def test_a_stale_video_that_moved_is_stale_no_more(library: Library, folder: Path) -> None:
    add(library, folder)
    os.utime(folder / "b.mp4", (1, 1))
    add_refused(library, folder, VideoTimeoutError)
    (folder / "b.mp4").rename(folder / "moved.mp4")

    report = add(library, folder)

    assert counts(report) == (0, 1, 2, 0, 1)
    assert library.stale_videos() == []


def test_a_file_that_grows_while_it_is_read_is_left_for_later(
    indexed: Library, folder: Path
) -> None:
    new = folder / "moved.mp4"
    new.write_text("a recording")

    def grow(path: Path, count: int) -> None:
        if path.name in ("b.mp4", "moved.mp4"):
            with path.open("a") as file:
                file.write("more")

    growing = FakeDecoder(DURATIONS, on_read=grow, bad_reads={"moved.mp4": 0})
    report = add(indexed, folder, decoder=growing)

    assert counts(report) == (0, 0, 2, 2, 1)
    assert report.failures == [
        (folder / "b.mp4", CHANGED + STILL_SEARCHABLE, "changed"),
        (new, CHANGED, "changed"),
    ]
    assert names_found(indexed) == {"a.mp4", "b.mp4", "c.mp4"}
    assert counts(add(indexed, folder)) == (1, 1, 2, 0, 1)


def test_a_file_that_goes_away_while_it_is_read_is_not_called_growing(
    indexed: Library, folder: Path
) -> None:
    vanishing = FakeDecoder(DURATIONS, on_read=lambda path, count: path.unlink(missing_ok=True))

    report = add(indexed, folder, decoder=vanishing)

    (failure,) = report.failures
    assert failure.reason == GONE + STILL_SEARCHABLE
    assert indexed.stale_videos() == []
    assert names_found(indexed) == {"a.mp4", "b.mp4", "c.mp4"}


def test_a_model_that_fails_on_new_bytes_leaves_the_old_ones(
    indexed: Library, folder: Path
) -> None:
    class Broken(ColorEncoder):
        def encode_frames(self, frames_NHWC: Frames) -> Vectors:
            raise RuntimeError("no more")

    with FakeDecoder(DURATIONS) as decoder:
        report = add_videos([folder], indexed, Broken(), decoder)

    assert report.failed == 1
    (stale,) = indexed.stale_videos()
    assert stale.stale_reason is not None
    assert "no more" in stale.stale_reason
    assert names_found(indexed) == {"a.mp4", "b.mp4", "c.mp4"}


def test_a_file_is_readable_when_all_of_its_bytes_come(folder: Path) -> None:
    """Reading the memory of this process at address 0 is an input/output error, for root too."""
    assert why_unreadable(folder / "a.mp4") is None
    assert why_unreadable(folder / "absent.mp4") == "no such file or directory"
    memory = Path("/proc/self/mem")
    if memory.exists():
        assert why_unreadable(memory) == "input/output error"
