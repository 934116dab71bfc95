"""Real files through real decoder processes: honest gaps are searched, damaged ones are told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cpd_model.testing import COLORS, ColorEncoder
from index.decoding.pool import DecodePool
from index.ingest.embed import embed_videos
from index.ingest.outcomes import EmbeddedVideo, FailedEmbedding
from tests.index.videos import EXACT, write_video

ENCODER = ColorEncoder()
DAY = 86_400_000
SLIDES = ("red", "blue", "green")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(num_workers=1) as pool:
        yield pool


def write_slides(path: Path, ticks: list[int], *, colors: tuple[str, ...] = SLIDES) -> Path:
    """One flat picture at each time, in thousandths of a second."""
    pictures = [np.full((32, 48, 3), COLORS[color], dtype=np.uint8) for color in colors]
    return write_video(path, pictures, replace(EXACT, ticks=ticks))


def test_each_slide_is_best_where_it_appears(pool: DecodePool, tmp_path: Path) -> None:
    path = write_slides(tmp_path / "slides.mkv", [0, 20_000, 40_000])

    (video,) = embed_videos([path], ENCODER, pool)

    assert isinstance(video, EmbeddedVideo)
    best = np.argmax(video.embeddings_SD @ ENCODER.encode_text(SLIDES).T, axis=0)
    found = [video.segments[segment] for segment in best]
    for segment, appears in zip(found, (0, 20, 40), strict=True):
        assert segment.start_seconds <= appears < segment.stop_seconds
    assert len(video.segments) == 4


def test_four_frames_over_a_month_are_a_failure_of_their_file(
    pool: DecodePool, tmp_path: Path
) -> None:
    ticks = [0, 10 * DAY, 20 * DAY, 30 * DAY]
    path = write_slides(tmp_path / "month.mkv", ticks, colors=(*SLIDES, "red"))

    (failed,) = embed_videos([path], ENCODER, pool)

    assert isinstance(failed, FailedEmbedding)
    assert failed.reason == (
        "its timestamps must be damaged: the frame at 0.0 s would stand for 10.0 days, and at most "
        "one day is believed"
    )
    assert failed.is_video
