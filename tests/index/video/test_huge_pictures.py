"""A picture that no camera makes is refused by what is claimed of it, before it gets memory."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index.decoding.pool import DecodePool
from index.errors import NoFrameError, VideoError
from index.video.file import probe
from index.video.source import LONGEST_SIDE_PIXELS, MOST_PIXELS
from tests.index.videos import Recipe, moving_frames, write_video

LITTLE_MEMORY_BYTES = 64 << 20
FFV1 = Recipe(codec="ffv1", pixels="bgr0")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    """A worker that may not hold even one of these pictures."""
    with DecodePool(num_workers=1, memory_bytes=LITTLE_MEMORY_BYTES) as pool:
        yield pool


def claiming(path: Path, recipe: Recipe, *, width: int, height: int) -> Path:
    """An AVI or GIF of 96 x 64 pixels whose header says something else."""
    content = bytearray(write_video(path, moving_frames(3), recipe).read_bytes())
    if path.suffix == ".gif":
        struct.pack_into("<HH", content, len("GIF89a"), width, height)
    else:
        struct.pack_into("<ii", content, content.index(b"strf") + 12, width, height)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("width", "height"), [(100_000, 100_000), (100_000, 10), (20_000, 12_000), (12_000, 12_000)]
)
def test_a_video_that_claims_huge_pictures_is_one_sentence_with_the_limit(
    pool: DecodePool, tmp_path: Path, width: int, height: int
) -> None:
    path = claiming(tmp_path / "huge.avi", FFV1, width=width, height=height)

    error = pool.probe(path).exception(timeout=20)

    assert type(error) is VideoError
    assert error.reason == (
        f"its pictures claim to be {width} x {height} pixels, and at most 16384 a side and "
        "134 million in all are read"
    )


def test_a_gif_that_claims_them_says_so_too(pool: DecodePool, tmp_path: Path) -> None:
    recipe = Recipe(codec="gif", pixels="rgb8")
    path = claiming(tmp_path / "huge.gif", recipe, width=65_535, height=65_535)

    error = pool.probe(path).exception(timeout=20)

    assert isinstance(error, VideoError)
    assert "claim to be 65535 x 65535 pixels" in error.reason


def test_what_a_header_claims_does_not_count_where_the_pictures_know_better(
    pool: DecodePool, tmp_path: Path
) -> None:
    recipe = Recipe(codec="mpeg4", pixels="yuv420p")
    path = claiming(tmp_path / "lies.avi", recipe, width=100_000, height=100_000)

    facts = pool.probe(path).result(timeout=20)

    assert (facts.width, facts.height) == (96, 64)


def test_a_panorama_is_read(tmp_path: Path) -> None:
    picture_HWC = np.zeros((64, LONGEST_SIDE_PIXELS, 3), dtype=np.uint8)
    path = write_video(tmp_path / "wide.avi", [picture_HWC], FFV1)

    assert probe(path).width == LONGEST_SIDE_PIXELS


def test_the_limit_leaves_room_for_the_largest_cameras() -> None:
    assert MOST_PIXELS >= 15_360 * 8_640  # 16K


def test_a_size_of_nothing_is_no_huge_one(tmp_path: Path) -> None:
    path = claiming(tmp_path / "nothing.avi", FFV1, width=0, height=0)

    with pytest.raises(NoFrameError):
        probe(path)
