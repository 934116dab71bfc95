"""Video files as the rest of the program sees them: facts, frames at given times, thumbnails.

Axes: N frames, G gaps, H height, W width, C channels (3, RGB).

Time is seconds from the first displayed frame, by timestamps; sizes are those of the displayed
picture, after sample aspect ratio and rotation. What a container says about its length is not used.
A truncated file is read as far as it goes. PyAV is imported in this folder and nowhere else; the
rest of the program comes through this module and `index.video.media`.

Deciding what is a video takes two steps. `looks_like_video` is for walking folders: it judges by
name, and by the first bytes where the name tells nothing; it never starts a decoder. What it takes
for a video and cannot be read later is a failure, whatever the reason: NotAVideoError where the
content is none (text, sound alone, an empty file called x.mp4), another VideoError where it is a
video that is damaged, encrypted or coded unlike anything FFmpeg knows.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from cpd_model.encoder import ClipSpec, Frames
from index.documents import Document
from index.video.extensions import OTHER_EXTENSIONS, VIDEO_EXTENSIONS
from index.video.facts import VideoFacts
from index.video.nearest import read_nearest, scan_of
from index.video.picture import Painter, Shape, fitted_size
from index.video.preview import LONGEST_PREVIEW_SECONDS, PLAYABLE, write_preview
from index.video.source import has_video_signature


def looks_like_video(path: Path | str) -> bool:
    """Whether a file should be taken for a video: by its extension, else by its first bytes.

    True for a known video extension, whatever the content; False for a known other extension;
    for any other name, whether it begins like a container that can hold video.
    """
    extension = Path(path).suffix.lower()
    if extension in VIDEO_EXTENSIONS:
        return True
    if extension in OTHER_EXTENSIONS:
        return False
    try:
        return has_video_signature(Path(path))
    except OSError:
        return False


def probe(path: Path | str) -> VideoFacts:
    """The facts of a video, from one pass over its packets; only its first frame is decoded.

    Raises:
        NotAVideoError: its content is no video.
        VideoError: it cannot be read, or none of its frames can be decoded.
    """
    scan = scan_of(Path(path))
    shape = scan.facts.shape
    return VideoFacts(
        duration_seconds=scan.duration_seconds,
        fps=scan.fps,
        width=shape.displayed.width,
        height=shape.displayed.height,
        rotation_degrees=shape.rotation_degrees,
        sample_aspect_ratio=shape.sample_aspect_ratio,
        codec=scan.facts.codec,
        container=scan.facts.container,
        num_frames=len(scan.order_D),
        has_audio=scan.facts.has_audio,
    )


def container_document(path: Path | str) -> Document:
    """What a container says of its video: title, date, place; from the scan that `probe` made.

    Raises:
        NotAVideoError, VideoError: as `probe`.
    """
    return scan_of(Path(path)).facts.document


def long_gaps(path: Path | str, *, gap_seconds: float) -> NDArray[np.float64]:
    """Where a video shows no new frame for longer than this; from the scan that `probe` made.

    Returns:
        (G, 2) in order: the time of a frame, and that of the next one or the end, in seconds.

    Raises:
        NotAVideoError, VideoError: as `probe`.
    """
    return scan_of(Path(path)).gaps(longer_than_seconds=gap_seconds)


def read_frames(path: Path | str, seconds: Sequence[float], spec: ClipSpec) -> Frames:
    """The frames shown nearest to these times, ready for a clip.

    Times may come in any order and more than once; those outside the video get its first or last
    frame. Each needed frame is decoded once. Of two frames equally near, the earlier one is taken.

    Returns:
        uint8 RGB (N, frame_size, frame_size, 3), one frame for each time, in their order.

    Raises:
        ValueError: a time is not finite.
        NotAVideoError: its content is no video.
        VideoError: it cannot be read, or none of its frames can be decoded.
    """
    seconds_N = np.asarray(seconds, dtype=np.float64)
    if seconds_N.ndim != 1 or not np.isfinite(seconds_N).all():
        raise ValueError(f"seconds must be a list of finite times, got {seconds!r}")
    frames_NHWC = np.empty((len(seconds_N), spec.frame_size, spec.frame_size, 3), dtype=np.uint8)
    painter = Painter()

    def keep(rows: NDArray[np.intp], frame: VideoFrame, shape: Shape) -> None:
        frames_NHWC[rows] = painter.paint_for(frame, shape, spec)

    if len(seconds_N):
        read_nearest(Path(path), seconds_N, keep)
    return frames_NHWC


def read_jpeg(
    path: Path | str, at_seconds: float, *, max_side: int = 320, quality: int = 80
) -> bytes:
    """The frame shown nearest to a time, as displayed, as a JPEG file.

    Args:
        max_side: longest side in pixels; smaller pictures are not enlarged.
        quality: of the JPEG, 1..95.

    Raises:
        ValueError: the time is not finite, or a size or quality is out of range.
        NotAVideoError: its content is no video.
        VideoError: it cannot be read, or none of its frames can be decoded.
    """
    if not np.isfinite(at_seconds):
        raise ValueError(f"at_seconds must be finite, got {at_seconds}")
    if max_side < 1 or not 1 <= quality <= 95:
        raise ValueError(f"bad {max_side = } or {quality = }: at least 1, and 1..95")
    jpeg = io.BytesIO()

    def keep(rows: NDArray[np.intp], frame: VideoFrame, shape: Shape) -> None:
        picture_HWC = Painter().paint(frame, shape, fitted_size(shape, max_side=max_side))
        Image.fromarray(picture_HWC).save(jpeg, "JPEG", quality=quality)

    read_nearest(Path(path), np.array([at_seconds]), keep)
    return jpeg.getvalue()


def browser_can_play(facts: VideoFacts) -> bool:
    """Whether every common browser plays the file itself: H.264, AV1 or VP9 in MP4, or WebM.

    A Matroska file counts as WebM by its codec. Rare pixel formats (10 bit) are not looked at.
    """
    return (facts.container, facts.codec) in PLAYABLE


def read_preview(
    path: Path | str, start_seconds: float, stop_seconds: float, *, max_side: int = 480
) -> bytes:
    """The moment [start, stop) as a small MP4 that browsers play: H.264, no sound, at most 30 s.

    For videos that browsers cannot play themselves, see `browser_can_play`. As displayed, at most
    25 frames a second; what lies outside the video is left out, one frame at least is there.

    Args:
        max_side: longest side in pixels; smaller pictures are not enlarged.

    Raises:
        ValueError: the times are not finite or not in order, or the size is too small.
        NotAVideoError: its content is no video.
        VideoError: it cannot be read, or none of its frames can be decoded.
    """
    if not (np.isfinite([start_seconds, stop_seconds]).all() and start_seconds < stop_seconds):
        raise ValueError(f"bad moment: {start_seconds = } must be below {stop_seconds = }")
    if max_side < 16:
        raise ValueError(f"max_side must be at least 16 pixels, got {max_side}")
    stop_seconds = min(stop_seconds, start_seconds + LONGEST_PREVIEW_SECONDS)
    return write_preview(Path(path), start_seconds, stop_seconds, max_side=max_side)
