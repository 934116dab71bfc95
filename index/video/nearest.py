"""The frames shown nearest to given times, whatever state the file is in.

Axes: N asked times, M those that still wait for their frame.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from index.errors import VideoError
from index.video.decode import FalseStartError, SlowStartError, decode_wanted
from index.video.learn import learn, learn_everything, learn_to_start_early
from index.video.picture import Shape, shape_of
from index.video.scan import Scan, ScanCache

_ATTEMPTS = 4

_scans = ScanCache()

KeepRows: TypeAlias = Callable[[NDArray[np.intp], VideoFrame, Shape], None]
"""Takes the places of the asked times that a frame answers, the frame, and its shape."""


def scan_of(path: Path) -> Scan:
    """The scan of a video as it is now, with what reading it has taught.

    Raises:
        NotAVideoError, VideoError: see `index.video.scan.scan_video`.
    """
    return _scans.scan(path)


def read_nearest(path: Path, seconds_N: NDArray[np.float64], keep: KeepRows) -> None:
    """Answer each time with its nearest frame; damaged stretches are learned on the way.

    Frames come in the order of display, unless something was learned: then some come again.
    """
    scan = _scans.scan(path)
    missing_N = np.arange(len(seconds_N))
    for attempt in range(_ATTEMPTS):
        mend = learn_everything if attempt else learn
        try:
            missing_N = _decode_rows(scan, seconds_N, missing_N, keep)
        except FalseStartError:
            mend = learn_everything
        except SlowStartError:
            mend = learn_to_start_early
        if not len(missing_N):
            return
        scan = mend(scan, scan.nearest(seconds_N[missing_N]))
        _scans.replace(scan)
    raise VideoError(path, "its decoder gives other frames each time")


def _decode_rows(
    scan: Scan, seconds_N: NDArray[np.float64], rows_M: NDArray[np.intp], keep: KeepRows
) -> NDArray[np.intp]:
    """Answer these rows of the asked times; what comes back are the rows that got no frame."""
    packet_M = scan.nearest(seconds_N[rows_M])
    seen: set[int] = set()

    def keep_rows(packet: int, frame: VideoFrame) -> None:
        seen.add(packet)
        shape = shape_of(frame, scan.facts.shape.sample_aspect_ratio)
        keep(rows_M[packet_M == packet], frame, shape)

    decode_wanted(scan, np.unique(packet_M), keep_rows)
    return rows_M[~np.isin(packet_M, list(seen))]
