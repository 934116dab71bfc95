"""Corrects the scan of a damaged or unusual video by decoding more of it.

A scan says which packets show a frame, and where decoding may start. Damage makes packets silent;
some streams take a while after a start until the picture is whole (intra refresh); some containers
call packets key pictures that are none (AVI without its index). What is learned is kept with the
scan, so a file teaches it once.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from index.errors import VideoError
from index.video.decode import Run, frames_that_come_out
from index.video.order import NEVER, Ticks
from index.video.scan import Scan, decode_all

_LEAD_STARTS = 2


def learn(scan: Scan, missing_W: NDArray[np.intp]) -> Scan:
    """The scan without the packets that turn out to show nothing, around those that are missing.

    The stretch between two starts around each missing packet is decoded in full, from one start
    earlier. Should missing frames come out that way, every run begins earlier from now.

    Raises:
        VideoError: nothing is left.
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
        VideoError: nothing is left.
    """
    del missing_W  # the whole video holds them
    decoded = decode_all(scan.facts.path)
    times_P = np.full_like(scan.times_P, NEVER)
    times_P[decoded.packets] = scan.times_P[decoded.packets]
    starts_K = np.union1d(np.intersect1d(scan.starts_K, decoded.key_packets), [0])
    return _corrected(replace(scan, starts_K=starts_K.astype(np.intp)), times_P)


def _corrected(scan: Scan, times_P: Ticks) -> Scan:
    if (times_P == NEVER).all():
        raise VideoError(scan.facts.path, "no frame of it can be decoded")
    return replace(scan, times_P=times_P)
