"""Pictures and short films for a page: as displayed, small, and playable by browsers."""

import io
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.video.file import (
    browser_can_play,
    probe,
    read_frames,
    read_jpeg,
    read_preview,
)
from tests.index.video.clip_specs import GREEN, SPEC
from tests.index.videos import (
    Recipe,
    grey_frames,
    h264,
    numbers_of,
    quarters,
    write_video,
)


def test_a_thumbnail_is_the_picture_as_displayed(tmp_path: Path) -> None:
    recipe = replace(h264(), rotation_degrees=90, pixel_aspect=Fraction(2))
    path = write_video(tmp_path / "t.mp4", [quarters(320, 160)] * 3, recipe)

    image = Image.open(io.BytesIO(read_jpeg(path, 0.1, max_side=160)))

    assert (image.format, image.size) == ("JPEG", (40, 160))
    assert np.abs(np.array(image.getpixel((4, 4))) - GREEN).max() < 40


def test_a_thumbnail_is_not_enlarged(grey_video: Path) -> None:
    assert Image.open(io.BytesIO(read_jpeg(grey_video, 1.0))).size == (48, 32)


def test_a_preview_is_the_moment_as_h264_that_browsers_play(tmp_path: Path) -> None:
    recipe = Recipe(codec="mpeg4", pixels="yuv420p", fps=10)
    path = write_video(tmp_path / "old.avi", grey_frames(20), recipe)
    preview = tmp_path / "preview.mp4"

    preview.write_bytes(read_preview(path, 0.5, 1.5))

    facts = probe(preview)
    assert not browser_can_play(probe(path))
    assert browser_can_play(facts)
    assert facts.duration_seconds == pytest.approx(1.0, abs=0.11)
    assert numbers_of(read_frames(preview, [0.0, 0.5], SPEC)) == [5, 10]
    assert preview.read_bytes().index(b"moov") < preview.read_bytes().index(b"mdat")


def test_a_preview_beyond_the_end_is_the_last_frame(grey_video: Path, tmp_path: Path) -> None:
    preview = tmp_path / "preview.mp4"

    preview.write_bytes(read_preview(grey_video, 50.0, 60.0))

    assert numbers_of(read_frames(preview, [0.0], SPEC)) == [19]


@pytest.mark.parametrize(("start", "stop"), [(2.0, 2.0), (3.0, 1.0), (0.0, math.nan)])
def test_a_preview_needs_a_moment(grey_video: Path, start: float, stop: float) -> None:
    with pytest.raises(ValueError, match="moment"):
        read_preview(grey_video, start, stop)
