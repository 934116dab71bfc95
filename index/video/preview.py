"""A moment of any video as a small MP4 that browsers play."""

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cpd_model.encoder import Frames
from index.video.nearest import read_nearest, scan_of
from index.video.picture import Painter, Shape, Size, fitted_size
from index.video.source import as_video_error

LONGEST_PREVIEW_SECONDS = 30.0

PLAYABLE = frozenset(
    {
        ("mov", "h264"),
        ("mov", "av1"),
        ("mov", "vp9"),
        ("matroska", "vp8"),
        ("matroska", "vp9"),
        ("matroska", "av1"),
    }
)
"""Containers and codecs that Chrome, Firefox and Safari play."""

_MOST_FPS = 25.0
_TICKS_PER_SECOND = 90_000
_OPTIONS = {"preset": "veryfast", "crf": "27", "threads": "1"}


def write_preview(path: Path, start_seconds: float, stop_seconds: float, *, max_side: int) -> bytes:
    """See `index.video.file.read_preview`."""
    seconds_N = _times(path, start_seconds, stop_seconds)
    with tempfile.TemporaryDirectory(prefix="cpd-preview-") as folder:
        target = Path(folder) / "preview.mp4"
        try:
            _encode(path, seconds_N, target, max_side=max_side)
        except av.FFmpegError as error:
            raise as_video_error(path, error) from error
        return target.read_bytes()


def _times(path: Path, start_seconds: float, stop_seconds: float) -> NDArray[np.float64]:
    scan = scan_of(path)
    last = max(0.0, scan.duration_seconds - 1e-3)
    start, stop = np.clip([start_seconds, stop_seconds], 0.0, last)
    count = max(1, round((stop - start) * min(scan.fps, _MOST_FPS)))
    times_N: NDArray[np.float64] = start + np.arange(count) * ((stop - start) / count)
    return times_N


def _encode(path: Path, seconds_N: NDArray[np.float64], target: Path, *, max_side: int) -> None:
    painter = Painter()
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        writer = _Writer(output.add_stream("libx264", options=_OPTIONS))

        def keep(rows: NDArray[np.intp], frame: VideoFrame, shape: Shape) -> None:
            size = writer.size or _even(fitted_size(shape, max_side=max_side))
            at_seconds = float(seconds_N[rows[0]] - seconds_N[0])
            for packet in writer.packets(painter.paint(frame, shape, size), size, at_seconds):
                output.mux(packet)

        read_nearest(path, seconds_N, keep)
        for packet in writer.stream.encode(None):
            output.mux(packet)


class _Writer:
    """Feeds pictures of one size to an encoder, times increasing."""

    def __init__(self, stream: VideoStream) -> None:
        self.stream = stream
        self.size: Size | None = None
        self._last_pts = -1

    def packets(
        self, picture_HWC: Frames, size: Size, at_seconds: float
    ) -> list["av.Packet[VideoStream]"]:
        """What the encoder has ready; a picture that comes late or again is left out."""
        pts = round(at_seconds * _TICKS_PER_SECOND)
        if pts <= self._last_pts:
            return []
        if self.size is None:
            self.size = size
            self.stream.width, self.stream.height = size
            self.stream.pix_fmt = "yuv420p"
            self.stream.codec_context.time_base = Fraction(1, _TICKS_PER_SECOND)
        self._last_pts = pts
        frame = VideoFrame.from_ndarray(picture_HWC, format="rgb24")
        frame = frame.reformat(format="yuv420p", threads=1)
        frame.pts, frame.time_base = pts, Fraction(1, _TICKS_PER_SECOND)
        return self.stream.encode(frame)


def _even(size: Size) -> Size:
    return Size(max(2, size.width // 2 * 2), max(2, size.height // 2 * 2))
