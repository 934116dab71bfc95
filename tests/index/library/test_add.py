"""A library follows its files: new, changed, moved, copied, broken."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.catalog.records import LibrarySettings
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
    search,
)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        yield library


def test_new_files_are_added_and_searchable_at_once(library: Library, folder: Path) -> None:
    report = add(library, folder)

    assert counts(report) == (3, 0, 0, 0, 1)
    assert report.segments == 3 * SEGMENTS
    assert report.failures == []
    hits = search(library, "red")
    assert len(hits) == 3 * SEGMENTS
    assert library.verify() == []
    assert library.status().parts == 1


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


@pytest.mark.parametrize("seconds", [13_600_000_000, -5_000_000_000])
def test_a_file_dated_in_another_century_is_indexed_like_any(
    library: Library, folder: Path, seconds: int
) -> None:
    os.utime(folder / "a.mp4", (seconds, seconds))

    first = add(library, folder)
    second = add(library, folder)

    assert counts(first) == (3, 0, 0, 0, 1)
    assert counts(second) == (0, 0, 3, 0, 1)


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
    assert bad.failures == [(folder / "b.mp4", "it is damaged", "video")]
    assert counts(again) == (1, 0, 2, 0, 1)
    assert library.failures() == []


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
