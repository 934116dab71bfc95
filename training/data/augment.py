"""What happens to a clip before training sees it: a random square of a random scale, mirrored.

All frames of a clip get the same. Everything random comes from a generator that is handed in, so a
resumed run augments as the first one did. Nothing here imports torch: decoder processes run it.

Axes: T frames of a clip, H height, W width, C channels (3, RGB), S height and width of the result.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cpd_model.encoder import Frames

_SIDES = re.compile(r"\b(?:left|right)(?:most|wards?|hand(?:ed)?)?\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipPlan:
    """How one clip is cut out of its video: what was drawn, before a frame is decoded."""

    place: float
    """Where the clip begins, in [0, 1]: 0 as early as the video allows, 1 as late."""

    short_side: int
    """Height or width that the frames are scaled to, whichever is smaller, in pixels."""

    top: float
    """Where the square begins, in [0, 1]: 0 at the upper edge, 1 as low as it fits."""

    left: float
    """The same from the left edge."""

    mirrored: bool


def centre_plan(short_side: int) -> ClipPlan:
    """The middle of the video and of its frames, nothing drawn: what a model is judged by."""
    return ClipPlan(place=0.5, short_side=short_side, top=0.5, left=0.5, mirrored=False)


def draw_plan(
    random: np.random.Generator, *, short_side_pixels: tuple[int, int], mirror: bool
) -> ClipPlan:
    """A plan drawn as the authors do: place, scale and square uniform, every other clip mirrored.

    Args:
        short_side_pixels: smallest and largest short side; both may be drawn.
        mirror: False: no clip is mirrored. The other draws are the same.
    """
    place, top, left, coin = random.random(4)
    low, high = short_side_pixels
    short_side = int(random.integers(low, high, endpoint=True))
    return ClipPlan(
        place=place, short_side=short_side, top=top, left=left, mirrored=mirror and coin < 0.5
    )


def cut_square(frames_THWC: Frames, plan: ClipPlan, *, size: int) -> Frames:
    """The plan's square (T, S, S, 3) of frames that have its short side, contiguous in memory.

    Raises:
        ValueError: the frames are smaller than the square.
    """
    height, width = frames_THWC.shape[1:3]
    if min(height, width) < size:
        raise ValueError(f"cannot cut {size} pixels out of frames of {width}x{height}")
    top, left = _offset(height - size, plan.top), _offset(width - size, plan.left)
    square_TSSC = frames_THWC[:, top : top + size, left : left + size]
    return np.ascontiguousarray(square_TSSC[:, :, ::-1] if plan.mirrored else square_TSSC)


def names_a_side(captions: Iterable[str]) -> bool:
    """Whether a text says left or right, which a mirrored video would make untrue.

    "He left the room" counts as well: a clip that is not mirrored costs nothing.
    """
    return any(_SIDES.search(caption) for caption in captions)


def _offset(spare: int, part: float) -> int:
    """One of the offsets 0..spare, each for an equal share of [0, 1]; a half is spare // 2."""
    return max(math.ceil(part * (spare + 1)) - 1, 0)
