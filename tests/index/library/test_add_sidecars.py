"""An add takes in what the files beside videos say, and follows them as it follows the videos."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import text

from index.catalog.metadata import documents_of, merged_document
from index.catalog.texts import search_texts, texts_of
from index.documents import Document
from index.library.add import add_videos
from index.library.add_report import AddReport
from index.library.library import Library
from tests.index.fake_decoder import FakeDecoder
from tests.index.library.adding import DURATIONS, add, counts, make_color_library

CONTAINER: Document = {"title": "from the container", "date": "2020"}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        yield library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.mp4, b.mp4, a.json, a.en.srt"""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_text(f"content of {name}")
    (folder / "a.json").write_text('{"title": "A dog", "camera": "A7"}')
    (folder / "a.en.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhe barks\n")
    return folder


def tagged() -> FakeDecoder:
    return FakeDecoder(DURATIONS, documents={"a.mp4": CONTAINER})


def never_loaded() -> NoReturn:
    raise AssertionError("the model was loaded")


def add_without_model(library: Library, folder: Path) -> AddReport:
    """Add what nobody may decode and for which no model may be loaded."""

    with FakeDecoder(DURATIONS) as decoder:
        report = add_videos([folder], library, never_loaded, decoder)
        assert decoder.probed == []
    return report


def said(library: Library, name: str) -> Document:
    """What counts of what is said of a video."""
    with library._catalog.read_transaction() as connection:
        number = number_at(library, name)
        return merged_document(documents_of(connection, [number]).get(number, {}))


def words(library: Library, name: str) -> list[str]:
    with library._catalog.read_transaction() as connection:
        return sorted(text.body for text in texts_of(connection, number_at(library, name)))


def number_at(library: Library, name: str) -> int:
    with library._catalog.read_transaction() as connection:
        query = text("SELECT number FROM videos WHERE instr(path_folded, :name)")
        return int(connection.execute(query, {"name": f"/{name}"}).scalar_one())


def test_container_and_sidecars_are_taken_in_with_the_video(library: Library, folder: Path) -> None:
    report = add(library, folder, decoder=tagged())

    assert counts(report) == (2, 0, 0, 0, 0)
    assert report.warnings == []
    assert said(library, "a.mp4") == {"title": "A dog", "date": "2020", "camera": "A7"}
    assert words(library, "a.mp4") == ["A dog", "a", "he barks"]
    assert words(library, "b.mp4") == ["b"]
    with library._catalog.read_transaction() as connection:
        (row,) = search_texts(connection, "barks", limit=5)
    assert (row.video_number, row.start_seconds, row.stop_seconds) == (
        number_at(library, "a.mp4"),
        1.0,
        2.0,
    )


def test_sidecars_are_not_counted_as_files_that_are_no_video(
    library: Library, folder: Path
) -> None:
    (folder / "notes.txt").touch()

    assert add(library, folder).ignored == 1


def test_nothing_is_written_while_nothing_changes(library: Library, folder: Path) -> None:
    add(library, folder)
    before = library.status().generation

    report = add_without_model(library, folder)

    assert counts(report) == (0, 0, 2, 0, 0)
    assert library.status().generation == before


def test_a_changed_sidecar_is_noticed_without_decoding(library: Library, folder: Path) -> None:
    add(library, folder, decoder=tagged())
    (folder / "a.json").write_text('{"title": "Another dog"}')
    (folder / "b.txt").write_text("a caption")

    report = add_without_model(library, folder)

    assert counts(report) == (0, 2, 0, 0, 0)
    assert said(library, "a.mp4") == {"title": "Another dog", "date": "2020"}
    assert words(library, "b.mp4") == ["a caption", "b"]


def test_a_removed_sidecar_takes_along_what_it_said(library: Library, folder: Path) -> None:
    add(library, folder, decoder=tagged())
    (folder / "a.json").unlink()
    (folder / "a.en.srt").unlink()

    report = add_without_model(library, folder)

    assert counts(report) == (0, 1, 1, 0, 0)
    assert said(library, "a.mp4") == CONTAINER
    assert words(library, "a.mp4") == ["a", "from the container"]
    assert counts(add_without_model(library, folder)) == (0, 0, 2, 0, 0)


def test_a_broken_sidecar_is_told_until_it_is_mended(library: Library, folder: Path) -> None:
    (folder / "b.json").write_text("{")

    first = add(library, folder)
    generation = library.status().generation
    second = add_without_model(library, folder)
    (folder / "b.json").write_text('{"good": true}')
    third = add_without_model(library, folder)

    for report in (first, second):
        assert [(w.path, w.code) for w in report.warnings] == [(folder / "b.json", "sidecar")]
        assert "it is not JSON" in report.warnings[0].reason
        assert report.failed == 0
    assert counts(second) == (0, 0, 2, 0, 0)
    assert library.status().generation == generation + 1
    assert (third.warnings, third.updated) == ([], 1)
    assert said(library, "b.mp4") == {"good": True}
    assert json.loads(json.dumps(first.as_json()))["warnings"][0]["path"] == str(folder / "b.json")


def test_a_video_that_moves_has_the_sidecars_of_its_new_place(
    library: Library, folder: Path
) -> None:
    add(library, folder, decoder=tagged())
    (folder / "a.mp4").rename(folder / "moved.mp4")
    (folder / "moved.txt").write_text("moved along")

    with FakeDecoder(DURATIONS, documents={"moved.mp4": CONTAINER}) as decoder:
        report = add_videos([folder], library, never_loaded, decoder)

    assert counts(report) == (0, 1, 1, 0, 2)
    assert said(library, "moved.mp4") == {**CONTAINER, "caption": "moved along"}
    assert words(library, "moved.mp4") == ["from the container", "moved", "moved along"]


def test_new_bytes_replace_what_the_old_ones_said(library: Library, folder: Path) -> None:
    add(library, folder, decoder=tagged())
    (folder / "a.mp4").write_text("other bytes")

    add(library, folder, decoder=FakeDecoder(DURATIONS, documents={"a.mp4": {"place": "Rome"}}))

    assert said(library, "a.mp4") == {"place": "Rome", "title": "A dog", "camera": "A7"}


def test_the_date_is_that_of_the_video_or_else_of_its_file(library: Library, folder: Path) -> None:
    os.utime(folder / "b.mp4", (1000, 1000))
    add(library, folder, decoder=tagged())

    def date(name: str) -> float:
        with library._catalog.read_transaction() as connection:
            query = text("SELECT date FROM videos WHERE number = :number")
            found = connection.execute(query, {"number": number_at(library, name)})
            return float(found.scalar_one())

    assert (date("a.mp4"), date("b.mp4")) == (1577836800.0, 1000.0)
    os.utime(folder / "b.mp4", (2000, 2000))
    add(library, folder, decoder=tagged())
    assert date("b.mp4") == 2000.0


def test_a_video_that_became_none_says_nothing(library: Library, folder: Path) -> None:
    add(library, folder, decoder=tagged())
    number = number_at(library, "a.mp4")
    with library.writer() as writer:
        known = writer.find_at(folder / "a.mp4")
        assert known is not None
        row = library.video(known.video_id)
        writer.put_failure(row, reason="it is damaged")

    with library._catalog.read_transaction() as connection:
        assert documents_of(connection, [number]) == {}
        assert texts_of(connection, number) == []
        assert connection.execute(text("SELECT count(*) FROM facts")).scalar() == 0
