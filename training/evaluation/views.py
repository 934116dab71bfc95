"""The views of a video that a classifier is tested on: C clips, K square crops of each.

    clips   |--clip--|                   first as early, last as late as the video allows,
               |--clip--|                the others between them at equal steps;
                      |--clip--|         one clip alone is the middle

    crops   [    |    |    ]             squares as high as the short side, from the left (or top)
            [ 1  ][ 2 ][ 3 ]             end to the right (or bottom) one; they may overlap;
                                         one crop alone is the centre

CPD's authors take 10 clips x 3 crops. Their code (MCG-NJU/CPD-Video, datasets/decoder.py) has
clip i of n at i / n of the way instead: the first as early as the video allows, none as late.

Axes: T frames of a clip, H height, W width, C channels (3, RGB), K crops.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from cpd_model.encoder import ClipSpec, Frames
from cpd_model.errors import InputError
from index.errors import VideoError

WHOLE_WINDOW_SECONDS = 4.0
"""Length of a clip for a model that takes any: that of a segment of `cpd index add`."""

_PATTERN = re.compile(r"([1-9]\d{0,2})x([1-9]\d?)")


@dataclass(frozen=True, slots=True)
class Views:
    """How many clips of a video, and how many crops of each."""

    num_clips: int
    num_crops: int

    reaches_end: bool = True
    """False: clip i of n lies at i / n, as in the authors' code."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`10x3` is 10 clips x 3 crops.

        Raises:
            InputError: it is not of this form.
        """
        match = _PATTERN.fullmatch(text.strip().lower())
        if match is None:
            raise InputError(
                f"views must be clips x crops such as 10x3 (as CPD's authors) or 1x1, got {text!r}"
            )
        return cls(int(match.group(1)), int(match.group(2)))

    def __str__(self) -> str:
        starts = "" if self.reaches_end else " (starts at i of n)"
        return f"{self.num_clips}x{self.num_crops}{starts}"

    @property
    def places(self) -> list[float]:
        """Where each clip lies: 0 as early as the video allows, 1 as late."""
        if not self.reaches_end:
            return [index / self.num_clips for index in range(self.num_clips)]
        if self.num_clips == 1:
            return [0.5]
        return [index / (self.num_clips - 1) for index in range(self.num_clips)]


class ClipShape(NamedTuple):
    """The clips that are read and cropped."""

    num_frames: int
    span_seconds: float
    """A video shorter than this is one clip."""

    pixels: int
    """Height and width of a crop, and the short side that it is cut from."""


class Submit(Protocol):
    """`index.DecodePool.submit`: calls a function in another process; `path` is for its errors."""

    def __call__(
        self, function: Callable[..., Frames], path: Path, /, *args: Any, **kwargs: Any
    ) -> Future[Frames]: ...


def clip_shape(spec: ClipSpec, *, pixels: int) -> ClipShape:
    """Clips of this many pixels with the frames and the span that a model takes."""
    return ClipShape(spec.num_frames, spec.span_seconds or WHOLE_WINDOW_SECONDS, pixels)


def crop_views(frames_THWC: Frames, num_crops: int) -> Frames:
    """Square crops (K, T, S, S, 3), S the short side, spread over the long side of a clip."""
    height, width = frames_THWC.shape[1:3]
    size = min(height, width)
    starts = crop_starts(max(height, width), size, num_crops)
    return np.stack(
        [
            frames_THWC[:, start : start + size]
            if height > width
            else frames_THWC[:, :, start : start + size]
            for start in starts
        ]
    )


def crop_starts(long_side: int, size: int, num_crops: int) -> list[int]:
    """First pixel of each crop along the long side."""
    spare = long_side - size
    if num_crops == 1:
        return [spare // 2]
    return [round(spare * index / (num_crops - 1)) for index in range(num_crops)]


def in_order(
    starts: Iterable[Callable[[], Future[Frames]]], *, num_ahead: int
) -> Iterator[Frames | VideoError]:
    """What readings in other processes come to, in their order, some of them read ahead.

    Args:
        starts: each starts one reading.
        num_ahead: how many may be in flight, which bounds the memory.
    """
    waiting: deque[Future[Frames]] = deque()
    for start in starts:
        waiting.append(start())
        if len(waiting) >= num_ahead:
            yield _outcome(waiting.popleft())
    while waiting:
        yield _outcome(waiting.popleft())


def _outcome(reading: Future[Frames]) -> Frames | VideoError:
    try:
        return reading.result()
    except VideoError as error:
        return error
