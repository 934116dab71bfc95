"""A second model beside the one that answers: built from the same files, resumed, and whole."""

import shutil
from pathlib import Path

import pytest

from index.errors import LibraryBusyError
from index.library.library import Library
from index.reembedding.report import ReembedInterrupted
from index.segments import Windows
from tests.index.fake_decoder import FakeDecoder
from tests.index.library.adding import DURATIONS, ENCODER, SEGMENTS, add
from tests.index.reembedding.two_models import WIDE, build, empty_library_of, windows_found


def test_both_models_find_what_a_library_of_each_alone_finds(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    report = build(library)

    with empty_library_of(tmp_path / "alone", WIDE) as alone, FakeDecoder(DURATIONS) as decoder:
        from index.library.add import add_videos

        add_videos([folder], alone, WIDE, decoder)
    assert (report.embedded, report.failed, report.segments) == (3, 0, 3 * SEGMENTS)
    assert report.model.state == "ready"
    for query in ("red", "blue"):
        assert windows_found(library.folder, WIDE, query) == windows_found(
            alone.folder, WIDE, query
        )
    assert len(windows_found(library.folder, ENCODER, "red")) == 3 * SEGMENTS
    assert library.verify() == []


def test_other_windows_of_the_same_model_are_a_model_of_their_own(library: Library) -> None:
    report = build(library, ENCODER, windows=Windows(2, 1))

    assert report.model.number == 2
    assert report.segments == 3 * 5
    assert [model.window_seconds for model in library.models.list()] == [4, 2]
    assert library.verify() == []


def test_nothing_is_embedded_twice(library: Library) -> None:
    build(library)
    decoder = FakeDecoder(DURATIONS)

    report = build(library, decoder=decoder)

    assert (report.embedded, report.segments, decoder.probed) == (0, 0, [])
    assert len(library.models.list()) == 2


def test_a_stopped_run_goes_on_where_it_was(library: Library) -> None:
    def stop(path: Path, _: int) -> None:
        if len(reads) == 2:
            raise KeyboardInterrupt
        reads.append(path)

    reads: list[Path] = []
    with pytest.raises(ReembedInterrupted) as stopped:
        build(library, decoder=FakeDecoder(DURATIONS, on_read=stop))
    kept = stopped.value.report
    assert kept.model.state == "building"

    report = build(library)

    assert kept.embedded + report.embedded == 3
    assert report.model.videos == 3
    assert library.verify() == []


def test_files_that_are_gone_or_changed_stay_without_vectors_and_are_told(
    library: Library, folder: Path
) -> None:
    (folder / "a.mp4").unlink()
    (folder / "b.mp4").write_text("CONTENT OF b.mp4")

    report = build(library)

    assert (report.embedded, report.failed, report.model.lacking) == (1, 2, 2)
    assert [(each.path.name, each.code) for each in report.failures] == [
        ("a.mp4", "gone"),
        ("b.mp4", "changed"),
    ]
    assert "cpd index add" in report.failures[1].reason
    assert {name for name, _, _ in windows_found(library.folder, WIDE, "red")} == {"c.mp4"}
    assert library.verify() == []


def test_a_file_that_cannot_be_read_any_more_is_told_and_tried_again(library: Library) -> None:
    report = build(library, decoder=FakeDecoder(DURATIONS, bad_reads={"a.mp4": 0}))
    again = build(library)

    assert [each.reason for each in report.failures] == ["it is damaged"]
    assert (again.embedded, again.failed) == (1, 0)


def test_copies_are_decoded_once_and_any_of_them_will_do(library: Library, folder: Path) -> None:
    shutil.copy(folder / "a.mp4", folder / "copy.mp4")
    add(library, folder)
    (folder / "a.mp4").unlink()
    decoder = FakeDecoder(DURATIONS)

    report = build(library, decoder=decoder)

    assert (report.embedded, report.failed, report.segments) == (4, 0, 4 * SEGMENTS)
    assert sorted(path.name for path in decoder.probed) == ["b.mp4", "c.mp4", "copy.mp4"]
    assert library.verify() == []


def test_searches_and_short_changes_go_on_meanwhile(library: Library, folder: Path) -> None:
    def change(path: Path, _: int) -> None:
        if removed:
            return
        found = library.search(ENCODER.encode_text(["red"])[0], fingerprint=ENCODER.fingerprint)
        removed.append(found[0].video_id)
        with library.writer() as writer:
            writer.remove_video(removed[0])

    removed: list[str] = []
    report = build(library, decoder=FakeDecoder(DURATIONS, on_read=change))

    assert removed
    assert (report.embedded, report.model.videos, report.model.lacking) == (2, 2, 0)
    assert library.verify() == []


def test_another_long_run_is_refused(library: Library) -> None:
    with library.lease(), pytest.raises(LibraryBusyError):
        build(library)

    assert len(library.models.list()) == 1


def test_a_second_model_is_found_while_it_is_empty(library: Library, folder: Path) -> None:
    """Its reader must not take in what the first model has."""
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (folder / name).rename(folder / f"away {name}")
    build(library)
    query_D = WIDE.encode_text(["red"])[0]

    with Library.open(library.folder, model_number=2) as wide:
        assert wide.search(query_D, fingerprint=WIDE.fingerprint) == []
        for name in ("a.mp4", "b.mp4", "c.mp4"):
            (folder / f"away {name}").rename(folder / name)
        build(library)
        assert len(wide.search(query_D, fingerprint=WIDE.fingerprint, merge=False)) == 6


def test_the_report_as_json_has_the_promised_keys(library: Library, folder: Path) -> None:
    (folder / "a.mp4").unlink()

    content = build(library).as_json()

    assert content["failures"][0]["path"] == str(folder / "a.mp4")
    assert {name: content[name] for name in ("model", "name", "state", "embedded", "lacking")} == {
        "model": 2,
        "name": "wide",
        "state": "ready",
        "embedded": 2,
        "lacking": 1,
    }
