"""What training may learn from, read one way: a video, a picture, or a folder of frames.

A picture is a video that stands still. A folder of frames is a video whose length nobody knows:
its time is the place in its list of pictures. All are scaled by the same code.

Axes: N asked moments, T frames of a clip, H height, W width, C channels (3, RGB).
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cpd_model.encoder import ClipSpec, Frames
from index.errors import NotAVideoError, VideoError
from index.video.extensions import PICTURE_EXTENSIONS
from index.video.file import looks_like_video
from index.video.nearest import KeepRows, read_nearest, scan_of
from index.video.picture import Painter, Shape, Size, clip_size
from index.video.still import is_still, read_still, stills_in

MediaKind: TypeAlias = Literal["video", "image", "frames"]
"""`frames` is a folder of pictures, one for each moment."""


def media_kind(path: Path | str) -> MediaKind:
    """What a path is: a folder is `frames`; a file is judged by its name, else by its first bytes.

    Raises:
        NotAVideoError: it is a file that is neither a video nor a picture.
        VideoError: there is no such file.
    """
    path = Path(path)
    if path.is_dir():
        return "frames"
    if not path.is_file():
        reason = "it is not a file" if path.exists() else "there is no such file"
        raise VideoError(path, reason)
    if path.suffix.lower() in PICTURE_EXTENSIONS:
        return "image"
    if looks_like_video(path):
        return "video"
    if is_still(path):
        return "image"
    raise NotAVideoError(path, "it is neither a video nor a picture")


def media_files(path: Path | str) -> list[Path]:
    """The files that a medium consists of: itself, or a folder's pictures in their order.

    Raises:
        VideoError: as `media_kind`, or the folder holds no picture.
    """
    path = Path(path)
    return stills_in(path) if media_kind(path) == "frames" else [path]


def read_media_frames(path: Path | str, fractions: Sequence[float], spec: ClipSpec) -> Frames:
    """The frames nearest to these parts of the whole, cropped as the index does: in the centre.

    Args:
        fractions: 0 is the beginning, 1 the end; of a video's seconds, or of a folder's pictures.
            A picture is the same at each.

    Returns:
        uint8 RGB (N, frame_size, frame_size, 3), one frame for each fraction, in their order.

    Raises:
        ValueError: a fraction is not within [0, 1].
        NotAVideoError: its content is neither a video nor a picture.
        VideoError: it cannot be read; names the file, of a folder the picture.
    """
    fraction_N = _as_fractions(fractions)
    frames_NHWC = np.empty((len(fraction_N), spec.frame_size, spec.frame_size, 3), dtype=np.uint8)
    painter = Painter()

    def keep(rows: NDArray[np.intp], frame: VideoFrame, shape: Shape) -> None:
        frames_NHWC[rows] = painter.paint_for(frame, shape, spec)

    if len(fraction_N):
        kind = media_kind(path)
        length = scan_of(Path(path)).duration_seconds if kind == "video" else 1.0
        _visit(Path(path), kind, fraction_N * length, keep)
    return frames_NHWC


def read_media_clip(
    path: Path | str,
    *,
    num_frames: int,
    span_seconds: float | None,
    place: float,
    short_side: int,
    middle_seconds: float | None = None,
) -> Frames:
    """A clip before it is cropped: its frames are the middles of T equal parts of a stretch.

    Of a video the stretch is `span_seconds` long and lies within it; without a span, or where the
    video is shorter, it is the whole video. Of a folder it is always the whole; a picture repeats.

    Args:
        place: where the stretch begins, in [0, 1]: 0 as early as possible, 1 as late.
        short_side: height or width of the frames, whichever is smaller, in pixels.
        middle_seconds: of a longer video only so many seconds in its middle count as the video.

    Returns:
        uint8 RGB (T, H, W, 3) with min(H, W) == short_side. Frames that differ in shape (pictures
        of a folder may) are stretched to that of the first.

    Raises:
        ValueError: a number is out of its range.
        NotAVideoError: its content is neither a video nor a picture.
        VideoError: it cannot be read; names the file, of a folder the picture.
    """
    _require_clip(num_frames, span_seconds, place=place, middle=middle_seconds)
    path, kind = Path(path), media_kind(path)
    part_T = (np.arange(num_frames) + 0.5) / num_frames
    if kind == "video":
        length = scan_of(path).duration_seconds
        room = length if middle_seconds is None else min(middle_seconds, length)
        span = room if span_seconds is None else min(span_seconds, room)
        part_T = (length - room) / 2 + place * (room - span) + part_T * span
    spec = ClipSpec(
        num_frames=num_frames, frame_size=short_side, resize="crop", short_side=short_side
    )
    canvas = _Canvas(spec)
    _visit(path, kind, part_T, canvas.keep)
    return canvas.frames_THWC


class _Canvas:
    """Frames of one size, which the first that comes decides."""

    def __init__(self, spec: ClipSpec) -> None:
        self._spec = spec
        self._painter = Painter()
        self._size: Size | None = None
        self.frames_THWC: Frames

    def keep(self, rows: NDArray[np.intp], frame: VideoFrame, shape: Shape) -> None:
        if self._size is None:
            self._size = clip_size(shape, self._spec)
            self.frames_THWC = np.empty(
                (self._spec.num_frames, self._size.height, self._size.width, 3), dtype=np.uint8
            )
        self.frames_THWC[rows] = self._painter.paint(frame, shape, self._size)


def _visit(path: Path, kind: MediaKind, moment_N: NDArray[np.float64], keep: KeepRows) -> None:
    """Hand over the frame of each moment: seconds of a video, else parts of the whole."""
    if kind == "video":
        read_nearest(path, moment_N, keep)
        return
    pictures = [path] if kind == "image" else stills_in(path)
    picture_N = np.minimum((moment_N * len(pictures)).astype(np.intp), len(pictures) - 1)
    for picture in np.unique(picture_N):
        keep(np.flatnonzero(picture_N == picture), *read_still(pictures[picture]))


def _as_fractions(fractions: Sequence[float]) -> NDArray[np.float64]:
    fraction_N = np.asarray(fractions, dtype=np.float64)
    if fraction_N.ndim != 1 or not ((fraction_N >= 0) & (fraction_N <= 1)).all():
        raise ValueError(f"fractions must be a list of numbers in [0, 1], got {fractions!r}")
    return fraction_N


def _require_clip(
    num_frames: int, span_seconds: float | None, *, place: float, middle: float | None
) -> None:
    if num_frames < 1:
        raise ValueError(f"num_frames must be positive, got {num_frames}")
    if span_seconds is not None and not (math.isfinite(span_seconds) and span_seconds > 0):
        raise ValueError(f"span_seconds must be positive or None, got {span_seconds}")
    if not 0 <= place <= 1:
        raise ValueError(f"place must be in [0, 1], got {place}")
    if middle is not None and not (math.isfinite(middle) and middle > 0):
        raise ValueError(f"middle_seconds must be positive or None, got {middle}")
