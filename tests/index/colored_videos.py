"""Small real videos of plain colours, and the command line called from inside the process."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

import cpd
from cpd_model.testing import COLORS

FPS = 5


class Scene(NamedTuple):
    """One colour for some time."""

    color: str
    seconds: float


def write_video(path: Path, *scenes: Scene) -> Path:
    """An H.264 video of 64x48 pixels whose scenes follow each other."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for scene in scenes:
            picture_HWC = np.full((48, 64, 3), COLORS[scene.color], dtype=np.uint8)
            for _ in range(round(scene.seconds * FPS)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture_HWC, "rgb24")))
        container.mux(stream.encode())
    return path


class Ended(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


def call_cpd(capfd: pytest.CaptureFixture[str], words: Sequence[str | Path]) -> Ended:
    """Run one command as the console script does."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        cpd.main([str(word) for word in words])
    out, err = capfd.readouterr()
    return Ended(int(ended.value.code or 0), out, err)
