"""Tiny clips in several containers, and seeded damage to their headers."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.index.videos import EXACT, Recipe, h264, moving_frames, write_video

NUM_FRAMES = 30
HEADER_BYTES = 4096

RECIPES: dict[str, Recipe] = {
    "h264.mp4": h264(),
    "h264.mov": h264(),
    "front.mp4": replace(h264(), container_options={"movflags": "+faststart"}),
    "h264.mkv": h264(),
    "ffv1.mkv": EXACT,
    "vp8.webm": Recipe(codec="libvpx", pixels="yuv420p", options={"deadline": "realtime"}),
    "mpeg4.avi": Recipe(codec="mpeg4", pixels="yuv420p", max_b_frames=2, gop_size=12),
    "h264.ts": h264(),
    "h264.flv": h264(max_b_frames=0),
    "mpeg2.mpg": Recipe(codec="mpeg2video", pixels="yuv420p", fps=25),
    "film.gif": Recipe(codec="gif", pixels="rgb8"),
}
"""How each is written, by its name."""

_EXTREMES = (0, 1, 100_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x0100_0000_0000, (1 << 63) - 1)


def write_clips(folder: Path) -> dict[str, bytes]:
    """The bytes of each clip, whole."""
    return {
        name: write_video(folder / name, moving_frames(NUM_FRAMES), recipe).read_bytes()
        for name, recipe in RECIPES.items()
    }


def mutated(clips: dict[str, bytes], seed: int) -> tuple[str, bytes]:
    """The name of a file and its damaged bytes; the same seed damages the same bytes."""
    draw = random.Random(seed)
    name = draw.choice(sorted(clips))
    content = bytearray(clips[name])
    header = _header_of(content)
    for _ in range(draw.choice((1, 1, 2, 5))):
        draw.choice(_DAMAGES)(draw, content, draw.choice(header))
    return f"{seed:05d}-{name}", bytes(content)


def _header_of(content: bytearray) -> range:
    """The first bytes, or those of MP4's index, wherever that stands."""
    index = content.find(b"moov")
    if index < 0:
        return range(min(HEADER_BYTES, len(content)))
    return range(index - 4, min(index + HEADER_BYTES, len(content)))


def _flip_a_bit(draw: random.Random, content: bytearray, at: int) -> None:
    if at < len(content):
        content[at] ^= 1 << draw.randrange(8)


def _scramble(draw: random.Random, content: bytearray, at: int) -> None:
    length = min(draw.randrange(1, 9), max(0, len(content) - at))
    content[at : at + length] = draw.randbytes(length)


def _claim_an_extreme(draw: random.Random, content: bytearray, at: int) -> None:
    length, order = draw.choice((2, 4, 8)), draw.choice(("big", "little"))
    value = draw.choice(_EXTREMES) & ((1 << 8 * length) - 1)
    content[at : at + length] = value.to_bytes(length, order)  # type: ignore[arg-type]  # literals


def _lose_bytes(draw: random.Random, content: bytearray, at: int) -> None:
    del content[at : at + draw.randrange(1, 17)]


def _gain_bytes(draw: random.Random, content: bytearray, at: int) -> None:
    content[at:at] = draw.randbytes(draw.randrange(1, 17))


_DAMAGES: tuple[Callable[[random.Random, bytearray, int], None], ...] = (
    _flip_a_bit,
    _scramble,
    _claim_an_extreme,
    _lose_bytes,
    _gain_bytes,
)
