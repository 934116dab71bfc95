"""Runs that stop halfway, are refused, or are watched: what is finished is kept and told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpd_model.encoder import Frames, Vectors
from cpd_model.errors import InputError
from cpd_model.testing import ColorEncoder
from index.errors import IndexMismatchError, LibraryBusyError
from index.ingest.events import FileEnd
from index.library.add import add_videos
from index.library.add_report import AddInterrupted
from index.library.library import Library
from tests.index.fake_decoder import FakeDecoder
from tests.index.library.adding import (
    DURATIONS,
    ENCODER,
    SEGMENTS,
    add,
    counts,
    ids,
    make_color_library,
)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        yield library


def test_ctrl_c_keeps_what_is_finished(library: Library, folder: Path) -> None:
    class Interrupting:
        def found_files(self, count: int) -> None: ...

        def segments_embedded(self, count: int) -> None: ...

        def file_ended(self, how: FileEnd) -> None:
            raise KeyboardInterrupt

    with FakeDecoder(DURATIONS) as decoder, pytest.raises(AddInterrupted) as stop:
        add_videos([folder], library, ENCODER, decoder, listener=Interrupting())

    assert stop.value.report.added == 1
    assert library.status().videos == 1
    assert counts(add(library, folder)) == (2, 0, 1, 0, 1)


def test_a_long_run_publishes_now_and_then(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.library.add.PUBLISH_EVERY_SEGMENTS", SEGMENTS)
    parts: list[int] = []

    class Looking:
        def found_files(self, count: int) -> None: ...

        def segments_embedded(self, count: int) -> None: ...

        def file_ended(self, how: FileEnd) -> None:
            parts.append(library.status().parts)

    with FakeDecoder(DURATIONS) as decoder:
        add_videos([folder], library, ENCODER, decoder, listener=Looking())

    assert parts[0] == 1


def test_an_encoder_that_breaks_leaves_what_is_finished(library: Library, folder: Path) -> None:
    add(library, folder / "a.mp4")

    class Broken(ColorEncoder):
        def encode_frames(self, frames_NHWC: Frames) -> Vectors:
            raise RuntimeError("no more")

    with FakeDecoder(DURATIONS) as decoder:
        report = add_videos([folder], library, Broken(), decoder)

    assert counts(report) == (0, 0, 1, 2, 1)
    assert counts(add(library, folder)) == (2, 0, 1, 0, 1)


def test_another_model_is_refused_before_anything_is_read(library: Library, folder: Path) -> None:
    decoder = FakeDecoder(DURATIONS)

    with decoder, pytest.raises(IndexMismatchError, match=r"not by other \("):
        add_videos([folder], library, ColorEncoder(name="other"), decoder)

    assert decoder.probed == []


def test_a_second_run_is_told_who_writes(library: Library, folder: Path) -> None:
    with library.lease(), pytest.raises(LibraryBusyError, match=str(os.getpid())):
        add(library, folder)


def test_a_path_that_is_not_there_is_one_sentence(library: Library, folder: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        add(library, folder / "absent")


def test_the_report_as_json_has_the_promised_keys(library: Library, folder: Path) -> None:
    report = add(library, folder, decoder=FakeDecoder(DURATIONS, bad_reads={"b.mp4": 0}))

    content = report.as_json()

    assert list(content) == [
        "added",
        "updated",
        "unchanged",
        "failed",
        "ignored",
        "segments",
        "seconds",
        "failures",
        "warnings",
    ]
    assert content["warnings"] == []
    path = str(folder / "b.mp4")
    assert content["failures"] == [{"path": path, "reason": "it is damaged", "code": "video"}]


def test_who_watches_hears_of_each_file_once(library: Library, folder: Path) -> None:
    class Watching:
        def __init__(self) -> None:
            self.num_files: list[int] = []
            self.ends: list[FileEnd] = []
            self.num_segments = 0

        def found_files(self, count: int) -> None:
            self.num_files.append(count)

        def segments_embedded(self, count: int) -> None:
            self.num_segments += count

        def file_ended(self, how: FileEnd) -> None:
            self.ends.append(how)

    watching = Watching()
    with FakeDecoder(DURATIONS, bad_reads={"b.mp4": 0}) as decoder:
        add_videos([folder], library, ENCODER, decoder, listener=watching)

    assert watching.num_files == [1, 2, 3]
    assert sorted(watching.ends) == ["added", "added", "failed"]
    assert watching.num_segments == 2 * SEGMENTS


FULL_DISK = """
import resource, sys
from pathlib import Path
from cpd_model.errors import CPDError
from cpd_model.testing import ColorEncoder
from index import Library, add_videos
from tests.index.fake_decoder import FakeDecoder

resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
folder, library = map(Path, sys.argv[1:])
with Library.open(library) as opened, FakeDecoder(dict.fromkeys(("a.mp4", "b.mp4"), 6.0) | {
    "c.mp4": 30_000.0
}) as decoder:
    try:
        add_videos([folder], opened, ColorEncoder(), decoder)
    except CPDError as error:
        print(error)
        sys.exit(2)
"""


def test_a_disk_that_takes_no_more_ends_the_run_and_harms_nothing(
    library: Library, folder: Path
) -> None:
    """A limit on the size of files stands in for the full disk."""
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(folder), str(library.folder)],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (2, "")
    (sentence,) = ended.stdout.splitlines()
    assert str(library.folder) in sentence
    assert set(ids(library)) == {"a.mp4", "b.mp4"}
    assert library.verify() == []
    assert counts(add(library, folder)) == (1, 0, 2, 0, 1)
