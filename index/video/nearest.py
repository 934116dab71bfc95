"""The frames shown nearest to given times, whatever state the file is in.

A scan says which packets show a frame, and where decoding may start. Damage makes packets silent;
some streams take a while after a start until the picture is whole (intra refresh); some containers
call packets key pictures that are none (AVI without its index). Then more of the video is decoded,
and what that teaches is kept with the scan, so a file teaches it once.

Axes: N asked times, M those that still wait for their frame; P packets in the order of decoding,
K places where decoding may start, W wanted packets.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TypeAlias

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from index.errors import NoFrameError, VideoError
from index.file_version import FileVersion
from index.video.decode import (
    FalseStartError,
    Run,
    SlowStartError,
    decode_wanted,
    frames_that_come_out,
)
from index.video.order import NEVER, Ticks
from index.video.picture import Shape, shape_of
from index.video.scan import Scan, decode_all, scan_video

_ATTEMPTS = 4
_CACHED_SCANS = 4
_LEAD_STARTS = 2

KeepRows: TypeAlias = Callable[[NDArray[np.intp], VideoFrame, Shape], None]
"""Takes the places of the asked times that a frame answers, the frame, and its shape."""


class ScanCache:
    """The last few scans of this process, so that the parts of a long video share one pass."""

    def __init__(self) -> None:
        self._scans: OrderedDict[FileVersion, Scan] = OrderedDict()
        self._lock = Lock()

    def scan(self, key: FileVersion) -> Scan:
        """The scan of this version of a file; see `scan_video`."""
        with self._lock:
            if key in self._scans:
                self._scans.move_to_end(key)
                return self._scans[key]
        scan = scan_video(key.path)
        self.replace(key, scan)
        return scan

    def replace(self, key: FileVersion, scan: Scan) -> None:
        """Keep this scan of that version, after more was learned about it."""
        with self._lock:
            self._scans[key] = scan
            while len(self._scans) > _CACHED_SCANS:
                self._scans.popitem(last=False)


_scans = ScanCache()


def scan_of(path: Path) -> Scan:
    """The scan of a video as it is now, with what reading it has taught.

    Raises:
        NotAVideoError, VideoError: see `index.video.scan.scan_video`.
    """
    return _scans.scan(_version_of(path))


def read_nearest(path: Path, seconds_N: NDArray[np.float64], keep: KeepRows) -> None:
    """Answer each time with its nearest frame; damaged stretches are learned on the way.

    Frames come in the order of display, unless something was learned: then some come again.
    """
    version = _version_of(path)
    scan = _scans.scan(version)
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
        _scans.replace(version, scan)
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


def learn(scan: Scan, missing_W: NDArray[np.intp]) -> Scan:
    """The scan without the packets that turn out to show nothing, around those that are missing.

    The stretch between two starts around each missing packet is decoded in full, from one start
    earlier. Should missing frames come out that way, every run begins earlier from now.

    Raises:
        NoFrameError: nothing is left.
    """
    times_P = scan.times_P.copy()
    lead_starts = scan.lead_starts
    starts_K = np.append(scan.starts_K, len(times_P))
    for place in np.unique(np.searchsorted(scan.starts_K, missing_W, side="right") - 1).tolist():
        stretch_P = np.arange(starts_K[place], starts_K[place + 1])
        run = Run(int(starts_K[max(0, place - 1)]), int(starts_K[place + 1]))
        out = frames_that_come_out(scan, run)
        times_P[np.setdiff1d(stretch_P, out)] = NEVER
        if place and np.isin(missing_W, np.intersect1d(stretch_P, out)).any():
            lead_starts = _LEAD_STARTS
    return _corrected(replace(scan, lead_starts=lead_starts), times_P)


def learn_to_start_early(scan: Scan, missing_W: NDArray[np.intp]) -> Scan:
    """The scan with every run beginning earlier, whatever is missing.

    With intra refresh a picture becomes whole within one stretch after a start, and settles within
    another; what encoders leave unsettled then is a few grey levels.
    """
    del missing_W
    return replace(scan, lead_starts=_LEAD_STARTS)


def learn_everything(scan: Scan, missing_W: NDArray[np.intp]) -> Scan:
    """The scan with only those frames and starts that show when the whole video is decoded.

    Raises:
        NoFrameError: nothing is left.
    """
    del missing_W  # the whole video holds them
    decoded = decode_all(scan.facts.path, num_packets=len(scan.sizes_P))
    times_P = np.full_like(scan.times_P, NEVER)
    times_P[decoded.packets] = scan.times_P[decoded.packets]
    starts_K = np.union1d(np.intersect1d(scan.starts_K, decoded.key_packets), [0])
    return _corrected(replace(scan, starts_K=starts_K.astype(np.intp)), times_P)


def _corrected(scan: Scan, times_P: Ticks) -> Scan:
    if (times_P == NEVER).all():
        raise NoFrameError(scan.facts.path, "no frame of it can be decoded")
    return replace(scan, times_P=times_P)


def _version_of(path: Path) -> FileVersion:
    try:
        return FileVersion.of(path.absolute())
    except OSError as error:
        raise VideoError(path, (error.strerror or str(error)).lower()) from error
