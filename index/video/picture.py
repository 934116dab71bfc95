"""From decoded frames to the pixels that are wanted: sizes by arithmetic, pixels by swscale.

Axes: H height, W width, C channels (3, RGB).

A frame is scaled once, from the decoder's own format straight to the size that is wanted, so a
full-size RGB picture never exists. Its sample aspect ratio goes into the target size; its rotation
is applied after scaling, where it is cheap.
"""

from typing import NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from cpd_model.encoder import ClipSpec, Frames

INTERPOLATION = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
"""Bicubic, as image models are trained with; swscale widens it when it shrinks, so it averages."""

_LONGEST_SIDES = 16
"""A longer strip is squeezed to this many short sides, so that it cannot fill the memory."""

_MOST_PIXEL_ASPECT = 8

_UNSPECIFIED_COLORSPACE = 2
_HD_PIXELS = 720


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Shape(NamedTuple):
    """How a frame's stored pixels become the picture that a player shows."""

    width: int
    """Stored columns, before rotation."""
    height: int
    """Stored rows, before rotation."""
    sample_aspect_ratio: float
    """Width of a stored pixel over its height."""
    rotation_degrees: int
    """Turn counterclockwise by this much to display: 0, 90, 180 or 270."""

    @property
    def turned(self) -> bool:
        """Whether rotation swaps width and height."""
        return self.rotation_degrees in (90, 270)

    @property
    def displayed(self) -> Size:
        """Size of the picture as shown: the longer reading of the aspect ratio, then rotated."""
        width, height = float(self.width), float(self.height)
        if self.sample_aspect_ratio >= 1:
            width *= self.sample_aspect_ratio
        else:
            height /= self.sample_aspect_ratio
        size = Size(max(1, round(width)), max(1, round(height)))
        return Size(size.height, size.width) if self.turned else size


def shape_of(frame: VideoFrame, sample_aspect_ratio: float) -> Shape:
    """The frame's stored size, its stream's pixel aspect, and its rotation to the next quarter."""
    quarter = round(frame.rotation / 90) % 4
    return Shape(frame.width, frame.height, sample_aspect_ratio, quarter * 90)


def pixel_aspect(stream: VideoStream) -> float:
    """Width over height of the stream's pixels; 1 where it does not say or talks nonsense."""
    ratio = stream.sample_aspect_ratio
    if not ratio or not 1 / _MOST_PIXEL_ASPECT <= ratio <= _MOST_PIXEL_ASPECT:
        return 1.0
    return float(ratio)


def clip_size(shape: Shape, spec: ClipSpec) -> Size:
    """The displayed picture's size before the centre crop (`crop`) or for good (`squash`)."""
    if spec.resize == "squash":
        return Size(spec.frame_size, spec.frame_size)
    width, height = shape.displayed
    short = min(width, height)
    long_side = round(spec.short_side * min(max(width, height) / short, _LONGEST_SIDES))
    if width >= height:
        return Size(long_side, spec.short_side)
    return Size(spec.short_side, long_side)


def fitted_size(shape: Shape, *, max_side: int) -> Size:
    """The displayed picture's size with its long side at most `max_side`; never enlarged."""
    width, height = shape.displayed
    scale = min(1.0, max_side / max(width, height))
    return Size(max(1, round(width * scale)), max(1, round(height * scale)))


class Painter:
    """Scales frames to RGB; keeps swscale's tables between frames of one size."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def paint(self, frame: VideoFrame, shape: Shape, size: Size) -> Frames:
        """The displayed picture at this size: uint8 (height, width, 3), owned by the caller."""
        width, height = (size.height, size.width) if shape.turned else size
        unspecified = frame.colorspace == _UNSPECIFIED_COLORSPACE
        # Players read untagged HD as BT.709; swscale alone would read everything as BT.601.
        colorspace = Colorspace.ITU709 if unspecified and frame.height >= _HD_PIXELS else None
        scaled = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=colorspace,
            interpolation=INTERPOLATION,
            threads=1,
        )
        picture_HWC = scaled.to_ndarray()
        if shape.rotation_degrees:
            picture_HWC = np.rot90(picture_HWC, shape.rotation_degrees // 90)
        return np.ascontiguousarray(picture_HWC, dtype=np.uint8)

    def paint_for(self, frame: VideoFrame, shape: Shape, spec: ClipSpec) -> Frames:
        """The frame as a clip wants it: uint8 (frame_size, frame_size, 3)."""
        picture_HWC = self.paint(frame, shape, clip_size(shape, spec))
        side = spec.frame_size
        top = (picture_HWC.shape[0] - side) // 2
        left = (picture_HWC.shape[1] - side) // 2
        return picture_HWC[top : top + side, left : left + side]
