"""Every video is found by the words of its file's name, whatever becomes of the file."""

from pathlib import Path

import numpy as np

from index.catalog.texts import search_texts
from index.library.library import Library
from tests.index.first_library import make_first_library
from tests.index.libraries import axis, file_version, put, unit_rows


def found(library: Library, words: str) -> list[int]:
    with library._catalog.read_transaction() as connection:
        return sorted({row.video_number for row in search_texts(connection, words, limit=9)})


def test_a_new_video_is_found_by_its_name(library: Library) -> None:
    with library.writer() as writer:
        put(writer, "/videos/HolidayInRome.mp4", unit_rows(1, seed=1))
        put(writer, "/videos/at_sea.mp4", unit_rows(1, seed=2))

    assert found(library, "rome") == [1]
    assert found(library, "videos mp4") == []


def test_a_video_that_moves_is_found_by_its_new_name(library: Library) -> None:
    with library.writer() as writer:
        video_id = put(writer, "/before.mp4", unit_rows(1, seed=1))
        put(writer, "/other.mp4", unit_rows(1, seed=2))
        writer.move_video(video_id, file_version("/after.mp4", content_hash="ab" * 32))

    assert found(library, "after") == [1]
    assert found(library, "before") == []


def test_a_video_that_goes_is_found_no_more(library: Library) -> None:
    with library.writer() as writer:
        writer.remove_video(put(writer, "/gone.mp4", unit_rows(1, seed=1)))
        put(writer, "/failed.mp4", unit_rows(1, seed=2))
        writer.put_failure(file_version("/failed.mp4"), reason="it is damaged")

    assert found(library, "gone failed") == []


def test_videos_of_an_older_library_are_found_by_their_names(tmp_path: Path) -> None:
    make_first_library(tmp_path, axis(0)[np.newaxis])

    with Library.open(tmp_path) as library:
        assert found(library, "a") == [1]
