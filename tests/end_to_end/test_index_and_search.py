"""Real files, real decoders, a real library: the planted moment is found where it was planted."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpd_model.testing import ColorEncoder
from index import AddReport, DecodePool, Hit, Library, LibrarySettings, add_videos
from tests.index.colored_videos import Scene, write_video

ENCODER = ColorEncoder()


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(num_workers=2) as pool:
        yield pool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A long video with a green moment from 20 s to 24 s, a red one and a blue one."""
    folder = tmp_path / "videos"
    (folder / "deep").mkdir(parents=True)
    write_video(folder / "long.mp4", Scene("black", 20), Scene("green", 4), Scene("black", 16))
    write_video(folder / "red.mkv", Scene("red", 3))
    write_video(folder / "deep/blue.mov", Scene("blue", 6))
    (folder / "readme.txt").write_text("no video")
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


def search(library: Library, query: str, *, merge: bool = True) -> list[Hit]:
    query_D = ENCODER.encode_text([query])[0]
    return library.search(query_D, fingerprint=ENCODER.fingerprint, merge=merge)


def counts(report: AddReport) -> tuple[int, int, int, int]:
    return (report.added, report.updated, report.unchanged, report.failed)


@pytest.mark.parametrize(
    ("query", "name", "start_seconds", "stop_seconds"),
    [("green", "long.mp4", 20, 24), ("red", "red.mkv", 0, 3), ("blue", "blue.mov", 0, 4)],
)
def test_a_planted_moment_is_found_at_its_time(
    folder: Path,
    library: Library,
    pool: DecodePool,
    query: str,
    name: str,
    start_seconds: float,
    stop_seconds: float,
) -> None:
    report = add_videos([folder], library, ENCODER, pool)

    window = search(library, f"something {query}", merge=False)[0]
    moment = search(library, f"something {query}")[0]

    assert counts(report) == (3, 0, 0, 0)
    assert report.ignored == 1
    assert Path(window.path).name == Path(moment.path).name == name
    assert (window.start_seconds, window.stop_seconds) == pytest.approx(
        (start_seconds, stop_seconds), abs=0.25
    )
    assert window.score == moment.score > 0.99
    assert moment.start_seconds <= start_seconds
    assert moment.stop_seconds >= window.stop_seconds


def test_the_second_run_reads_nothing_and_is_quick(
    folder: Path, library: Library, pool: DecodePool
) -> None:
    first = add_videos([folder], library, ENCODER, pool)
    before = search(library, "green")

    second = add_videos([folder], library, ENCODER, pool)

    assert counts(second) == (0, 0, 3, 0)
    assert second.segments == 0
    assert second.seconds < first.seconds
    assert search(library, "green") == before


def test_moves_changes_and_copies_are_followed(
    folder: Path, library: Library, pool: DecodePool
) -> None:
    add_videos([folder], library, ENCODER, pool)
    green_id = search(library, "green")[0].video_id
    (folder / "long.mp4").rename(folder / "deep/moved.mp4")
    write_video(folder / "red.mkv", Scene("yellow", 5))
    shutil.copy(folder / "deep/blue.mov", folder / "copy.mov")

    report = add_videos([folder], library, ENCODER, pool)

    assert counts(report) == (1, 2, 1, 0)
    moved = search(library, "green")[0]
    assert (moved.video_id, Path(moved.path).name) == (green_id, "moved.mp4")
    assert search(library, "red")[0].score < 0.99
    assert Path(search(library, "yellow")[0].path).name == "red.mkv"
    blues = {Path(hit.path).name for hit in search(library, "blue")[:2]}
    assert blues == {"blue.mov", "copy.mov"}
    assert library.verify() == []


def test_a_deleted_file_that_had_a_copy_lives_on_in_it(
    folder: Path, library: Library, pool: DecodePool
) -> None:
    """Copy, then delete: to the library that is a move, however it was done."""
    add_videos([folder], library, ENCODER, pool)
    red_id = search(library, "red")[0].video_id
    shutil.copy(folder / "red.mkv", folder / "copy.mkv")
    (folder / "red.mkv").unlink()

    report = add_videos([folder], library, ENCODER, pool)

    assert counts(report) == (0, 1, 2, 0)
    found = search(library, "red")[0]
    assert (found.video_id, Path(found.path).name) == (red_id, "copy.mkv")


def test_broken_files_among_good_ones_are_named(
    folder: Path, library: Library, pool: DecodePool
) -> None:
    whole = (folder / "long.mp4").read_bytes()
    (folder / "empty.mp4").touch()
    (folder / "renamed.mp4").write_text("a text under a video's name")
    (folder / "headless.mp4").write_bytes(whole[len(whole) // 2 :])
    (folder / "unknown").write_text("a text without an extension")

    report = add_videos([folder], library, ENCODER, pool)

    assert counts(report) == (3, 0, 0, 3)
    assert report.ignored == 2
    names = [Path(failure.path).name for failure in report.failures]
    assert names == ["empty.mp4", "headless.mp4", "renamed.mp4"]
    assert all(failure.reason for failure in report.failures)
    assert {Path(row.path).name for row in library.failures()} == set(names)
    assert search(library, "green")[0].score > 0.99


def test_what_was_added_is_found_by_a_reader_that_was_open_before(
    folder: Path, library: Library, pool: DecodePool
) -> None:
    add_videos([folder / "red.mkv"], library, ENCODER, pool)
    with Library.open(library.folder) as reader:
        assert search(reader, "green")[0].score < 0.9

        add_videos([folder / "long.mp4"], library, ENCODER, pool)

        assert search(reader, "green")[0].score > 0.99


FEW_FOLDERS = ("asl_gestures", "hmdb51", "kinetics_samples", "msvd")
"""GIF, AVI, MKV and MP4, of four makers."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folders", "count"),
    [
        pytest.param(FEW_FOLDERS, 36, id="few"),
        pytest.param((".",), 248, id="all", marks=pytest.mark.long_faults),
    ],
)
def test_real_clips_index(
    shared_data: Path, library: Library, folders: tuple[str, ...], count: int
) -> None:
    """Nasty ones included: metadata that is no UTF-8, odd codecs, GIF, portrait."""
    with DecodePool() as pool:
        report = add_videos([shared_data / name for name in folders], library, ENCODER, pool)

    assert counts(report) == (count, 0, 0, 0)
    assert report.failures == []
    assert library.verify() == []
