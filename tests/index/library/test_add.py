"""A library follows its files: new, changed, moved, copied, broken; and runs that stop halfway."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpd_model.encoder import Frames, Vectors
from cpd_model.errors import InputError
from cpd_model.testing import ColorEncoder
from index.catalog.records import LibrarySettings
from index.errors import IndexMismatchError, LibraryBusyError
from index.ingest.events import FileEnd
from index.library.add import AddInterrupted, AddReport, add_videos
from index.library.library import Library
from index.search.moments import Hit
from tests.index.fake_decoder import FakeDecoder

ENCODER = ColorEncoder()
DURATIONS = {f"{name}.mp4": 6.0 for name in ("a", "b", "c", "moved", "copy")}
SEGMENTS = 2
"""Of six seconds, in windows of four every two."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.mp4 b.mp4 c.mp4 notes.txt"""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4", "notes.txt"):
        (folder / name).write_text(f"content of {name}")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    settings = LibrarySettings(
        model=ENCODER.name,
        fingerprint=ENCODER.fingerprint,
        embed_dim=ENCODER.embed_dim,
        window_seconds=4.0,
        hop_seconds=2.0,
    )
    with Library.create(tmp_path / "library", settings) as library:
        yield library


def add(library: Library, *paths: Path, decoder: FakeDecoder | None = None) -> AddReport:
    with decoder or FakeDecoder(DURATIONS) as running:
        return add_videos(paths, library, ENCODER, running)


def counts(report: AddReport) -> tuple[int, int, int, int, int]:
    return (report.added, report.updated, report.unchanged, report.failed, report.ignored)


def search(library: Library, query: str) -> list[Hit]:
    """The windows that fit, best first."""
    query_D = ENCODER.encode_text([query])[0]
    return library.search(query_D, fingerprint=ENCODER.fingerprint, merge=False)


def ids(library: Library) -> dict[str, str]:
    return {Path(row.path).name: row.video_id for row in library.videos(limit=100)}


def test_new_files_are_added_and_searchable_at_once(library: Library, folder: Path) -> None:
    report = add(library, folder)

    assert counts(report) == (3, 0, 0, 0, 1)
    assert report.segments == 3 * SEGMENTS
    assert report.failures == []
    hits = search(library, "red")
    assert len(hits) == 3 * SEGMENTS
    assert library.verify() == []
    assert library.status().snapshot_generation is not None


def test_nothing_is_opened_the_second_time(library: Library, folder: Path) -> None:
    add(library, folder)
    decoder = FakeDecoder(DURATIONS)

    report = add(library, folder, decoder=decoder)

    assert counts(report) == (0, 0, 3, 0, 1)
    assert decoder.probed == []


def test_a_new_time_on_the_same_bytes_is_unchanged(library: Library, folder: Path) -> None:
    add(library, folder)
    os.utime(folder / "a.mp4", (1, 1))
    decoder = FakeDecoder(DURATIONS)

    first = add(library, folder, decoder=decoder)
    second = add(library, folder)

    assert counts(first) == counts(second) == (0, 0, 3, 0, 1)
    assert [path.name for path in decoder.probed] == ["a.mp4"]


def test_changed_content_replaces_the_old(library: Library, folder: Path) -> None:
    add(library, folder)
    before = ids(library)
    (folder / "b.mp4").write_text("something else")

    report = add(library, folder)

    assert counts(report) == (0, 1, 2, 0, 1)
    assert ids(library) == before
    assert library.status().segments == 3 * SEGMENTS
    assert library.verify() == []


def test_a_moved_file_keeps_its_id_and_is_not_decoded(library: Library, folder: Path) -> None:
    add(library, folder)
    before = ids(library)
    (folder / "a.mp4").rename(folder / "moved.mp4")
    read: list[Path] = []

    report = add(
        library, folder, decoder=FakeDecoder(DURATIONS, on_read=lambda p, n: read.append(p))
    )

    assert counts(report) == (0, 1, 2, 0, 1)
    after = ids(library)
    assert after.pop("moved.mp4") == before.pop("a.mp4")
    assert after == before
    assert read == []
    assert library.verify() == []


def test_a_file_that_moved_over_another_takes_its_place(library: Library, folder: Path) -> None:
    add(library, folder)
    before = ids(library)
    (folder / "a.mp4").replace(folder / "b.mp4")

    report = add(library, folder)

    assert counts(report) == (0, 1, 1, 0, 1)
    assert ids(library) == {"b.mp4": before["a.mp4"], "c.mp4": before["c.mp4"]}
    assert library.verify() == []


def test_a_copy_is_a_second_video_that_costs_no_decoding(library: Library, folder: Path) -> None:
    add(library, folder)
    shutil.copy(folder / "a.mp4", folder / "copy.mp4")
    read: list[Path] = []

    report = add(
        library, folder, decoder=FakeDecoder(DURATIONS, on_read=lambda p, n: read.append(p))
    )

    assert counts(report) == (1, 0, 3, 0, 1)
    assert report.segments == SEGMENTS
    video_ids = ids(library)
    assert video_ids["copy.mp4"] != video_ids["a.mp4"]
    copied_SD = library.embeddings(video_ids["copy.mp4"])
    assert copied_SD == pytest.approx(library.embeddings(video_ids["a.mp4"]), abs=1e-3)
    assert read == []


def test_two_files_that_changed_places_both_end_up_right(library: Library, folder: Path) -> None:
    add(library, folder)
    (folder / "a.mp4").rename(folder / "t")
    (folder / "b.mp4").rename(folder / "a.mp4")
    (folder / "t").rename(folder / "b.mp4")

    add(library, folder)

    by_name = {Path(row.path).name: row for row in library.videos(limit=9)}
    hashes = {name: row.content_hash for name, row in by_name.items()}
    assert len(set(hashes.values())) == 3
    assert counts(add(library, folder)) == (0, 0, 3, 0, 1)
    assert library.verify() == []


def test_a_failure_is_recorded_and_tried_again(library: Library, folder: Path) -> None:
    bad = add(library, folder, decoder=FakeDecoder(DURATIONS, bad_reads={"b.mp4": 0}))
    again = add(library, folder)

    assert counts(bad) == (2, 0, 0, 1, 1)
    assert bad.failures == [(folder / "b.mp4", "it is damaged")]
    assert counts(again) == (1, 0, 2, 0, 1)
    assert library.failures() == []


def test_a_video_that_became_unreadable_is_no_hit_any_more(library: Library, folder: Path) -> None:
    add(library, folder)
    (folder / "b.mp4").write_text("damaged now")

    report = add(library, folder, decoder=FakeDecoder(DURATIONS, bad_reads={"b.mp4": 0}))

    assert report.failed == 1
    assert [failure.path for failure in library.failures()] == [folder / "b.mp4"]
    hits = search(library, "red")
    assert {Path(hit.path).name for hit in hits} == {"a.mp4", "c.mp4"}
    assert library.verify() == []


def test_a_library_inside_the_folder_does_not_index_itself(tmp_path: Path, folder: Path) -> None:
    settings = LibrarySettings(
        model=ENCODER.name,
        fingerprint=ENCODER.fingerprint,
        embed_dim=4,
        window_seconds=4.0,
        hop_seconds=2.0,
    )
    with Library.create(folder / "library", settings) as library:
        report = add(library, folder)

    assert counts(report) == (3, 0, 0, 0, 1)


def test_names_that_are_no_utf8_are_stored_and_found(library: Library, folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.mp4"))
    odd.write_text("odd")

    report = add(library, odd, decoder=FakeDecoder({odd.name: 6.0}))

    assert counts(report) == (1, 0, 0, 0, 0)
    assert library.videos(limit=1)[0].path == odd


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

    with decoder, pytest.raises(IndexMismatchError):
        add_videos([folder], library, ColorEncoder(name="other"), decoder)

    assert decoder.probed == []


def test_a_second_writer_is_told_who_writes(library: Library, folder: Path) -> None:
    with library.writer(), pytest.raises(LibraryBusyError, match=str(os.getpid())):
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
    ]
    assert content["failures"] == [{"path": str(folder / "b.mp4"), "reason": "it is damaged"}]


def test_who_watches_hears_of_each_file_once(library: Library, folder: Path) -> None:
    class Watching:
        def __init__(self) -> None:
            self.num_files = 0
            self.ends: list[FileEnd] = []
            self.num_segments = 0

        def found_files(self, count: int) -> None:
            self.num_files = count

        def segments_embedded(self, count: int) -> None:
            self.num_segments += count

        def file_ended(self, how: FileEnd) -> None:
            self.ends.append(how)

    watching = Watching()
    with FakeDecoder(DURATIONS, bad_reads={"b.mp4": 0}) as decoder:
        add_videos([folder], library, ENCODER, decoder, listener=watching)

    assert watching.num_files == 3
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
    "c.mp4": 20_000.0
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
