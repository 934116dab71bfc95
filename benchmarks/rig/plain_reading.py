"""The two ways of reading that the pipeline is measured against; these functions run in child
processes.

`every_frame` is what many tools do: decode all, convert each frame to RGB at full size, then pick.
`wanted_frames` is the floor: our reader alone, its frames thrown away where they were read.

Nothing here imports torch: a decoder process must stay small.
"""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cpd_model.encoder import ClipSpec, Frames
from index.video.facts import VideoFacts
from index.video.file import probe, read_frames


def facts_of(path: Path) -> VideoFacts:
    """Duration and size, to plan by."""
    return probe(path)


def wanted_frames(path: Path, seconds: Sequence[float], spec: ClipSpec) -> int:
    """Read the frames nearest to these times as the pipeline does; returns how many they were."""
    return len(read_frames(path, seconds, spec))


def every_frame(
    path: Path, seconds: Sequence[float], spec: ClipSpec, *, num_threads: int | None = None
) -> Frames:
    """Convert every frame of the video, keep and resize those nearest to the (ascending) times.

    It is spared the worst: unwanted pictures are let go at once, so it needs no memory for the
    whole video.

    Args:
        num_threads: of the decoder; None leaves what PyAV sets by itself.
    """
    wanted = list(seconds)
    picked: list[NDArray[np.uint8]] = []
    last: tuple[float, NDArray[np.uint8]] | None = None
    with av.open(str(path), metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        if num_threads is not None:
            stream.codec_context.thread_count = num_threads
            stream.thread_type = "AUTO" if num_threads > 1 else "NONE"
        fps = float(stream.average_rate or 25)
        first_seconds: float | None = None
        for number, frame in enumerate(container.decode(stream)):
            picture_HWC = frame.to_ndarray(format="rgb24")
            at = frame.time if frame.time is not None else number / fps
            first_seconds = at if first_seconds is None else first_seconds
            at -= first_seconds
            if last is not None:
                middle = (last[0] + at) / 2
                while len(picked) < len(wanted) and wanted[len(picked)] <= middle:
                    picked.append(_fitted(last[1], spec))
            last = (at, picture_HWC)
    assert last is not None
    while len(picked) < len(wanted):
        picked.append(_fitted(last[1], spec))
    return np.stack(picked)


def _fitted(picture_HWC: NDArray[np.uint8], spec: ClipSpec) -> NDArray[np.uint8]:
    image = Image.fromarray(picture_HWC)
    if spec.resize == "crop":
        scale = spec.short_side / min(image.size)
        width, height = (max(spec.frame_size, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = (width - spec.frame_size) // 2, (height - spec.frame_size) // 2
        image = image.crop((left, top, left + spec.frame_size, top + spec.frame_size))
    else:
        image = image.resize((spec.frame_size, spec.frame_size), Image.Resampling.BILINEAR)
    return np.asarray(image)
