"""Small real videos: plain colours, so that ColorEncoder knows what is in them."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from cpd_model.testing import COLORS

FPS = 10
WIDTH, HEIGHT = 160, 90


def write_colors(
    path: Path, colors: Sequence[str], *, seconds_each: float = 8.0, codec: str = "libx264"
) -> Path:
    """A video that shows one colour after the other; the suffix of the path is its container."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for color in colors:
            picture_HWC = np.full((HEIGHT, WIDTH, 3), COLORS[color], dtype=np.uint8)
            for _ in range(round(seconds_each * FPS)):
                frame = av.VideoFrame.from_ndarray(picture_HWC, format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
