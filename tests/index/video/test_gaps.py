"""Timestamps that leap: honest ones become gaps, and damaged ones a sentence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.errors import VideoError
from index.video.file import long_gaps, probe
from tests.index.videos import EXACT, grey_frames, write_video

DAY = 86_400_000


def write_at(path: Path, ticks: list[int]) -> Path:
    """One frame at each time, in thousandths of a second."""
    return write_video(path, grey_frames(len(ticks)), replace(EXACT, ticks=ticks))


def test_a_slide_show_has_a_gap_for_each_slide_that_stands(tmp_path: Path) -> None:
    path = write_at(tmp_path / "slides.mkv", [0, 10_000, 20_000])

    gaps_G2 = long_gaps(path, gap_seconds=4.0)

    assert probe(path).duration_seconds == pytest.approx(20.1)
    np.testing.assert_allclose(gaps_G2, [[0, 10], [10, 20]])


def test_a_pause_of_exactly_that_length_is_no_gap(tmp_path: Path) -> None:
    path = write_at(tmp_path / "pause.mkv", [0, 100, 200, 4200, 4300, 4400, 9400])

    gaps_G2 = long_gaps(path, gap_seconds=4.0)

    np.testing.assert_allclose(gaps_G2, [[4.4, 9.4]])


def test_frames_that_follow_each_other_leave_no_gap(grey_video: Path) -> None:
    assert long_gaps(grey_video, gap_seconds=0.15).shape == (0, 2)


@pytest.mark.parametrize(
    ("ticks", "sentence"),
    [
        (
            [0, 10 * DAY, 20 * DAY, 30 * DAY],
            "the frame at 0.0 s would stand for 10.0 days",
        ),
        ([0, 100, 200, 60 * DAY], "the frame at 0.2 s would stand for 60.0 days"),
    ],
)
def test_days_between_a_few_frames_are_one_sentence_that_names_the_gap(
    tmp_path: Path, ticks: list[int], sentence: str
) -> None:
    path = write_at(tmp_path / "damaged.mkv", ticks)

    with pytest.raises(VideoError, match=sentence) as caught:
        probe(path)

    assert "its timestamps must be damaged" in caught.value.reason


def test_a_recording_that_paused_over_night_is_read(tmp_path: Path) -> None:
    path = write_at(tmp_path / "night.mkv", [0, 100, DAY // 2, DAY // 2 + 100])

    assert long_gaps(path, gap_seconds=4.0).tolist() == [[0.1, 43_200.0]]
