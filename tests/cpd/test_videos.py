"""The videos of a library by a filter, from Python."""

from pathlib import Path

import pytest

import cpd
from index.filters import parse_filter
from tests.index.libraries import make_library


def test_videos_are_chosen_by_a_filter_or_its_text(tmp_path: Path) -> None:
    make_library(tmp_path, num_videos=5).close()

    with cpd.open(tmp_path) as library:
        found = library.videos("name in (1.mp4, 3.mp4) or name:4.m")
        same = library.videos(parse_filter("name in (1.mp4, 3.mp4) or name:4.m"))

        assert [video.path.name for video in found] == ["1.mp4", "3.mp4", "4.mp4"]
        assert same == found
        assert library.videos() == list(library)
        assert library.videos(limit=2) == list(library)[:2]


def test_a_filter_that_cannot_be_read_points_at_the_word(tmp_path: Path) -> None:
    make_library(tmp_path).close()

    with cpd.open(tmp_path) as library:
        with pytest.raises(cpd.FilterError, match="did you mean duration") as caught:
            library.videos("duraton<5")
        with pytest.raises(TypeError, match="a filter is a Filter or its text, got int"):
            library.videos(5)  # type: ignore[arg-type]

    assert (caught.value.position, caught.value.length) == (0, 7)
