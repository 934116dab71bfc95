"""When each packet's frame is displayed: arithmetic over packet tables, no files, no decoding.

Axes: P packets in the order of decoding.

Most containers carry a presentation time for each packet. AVI has none: its packets follow each
other at a fixed rate in the order of decoding, and which picture is shown when must be worked out
from the kinds of pictures. Ticks are units of the stream's time base.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ticks: TypeAlias = NDArray[np.int64]

NO_TIME = np.iinfo(np.int64).min
"""Stands for a time that a container does not tell."""

NEVER = np.iinfo(np.int64).max
"""Stands for the display time of a packet that shows no frame."""

_VOP_START = b"\x00\x00\x01\xb6"
_DUMMY_VOP_BYTES = 7


def straighten(times_P: Ticks, dts_P: Ticks, *, step: int, back: int, ahead: int | None) -> Ticks:
    """Times without the jumps of recordings that were joined or whose clock was set.

    Where decoding times jump back by more than `back` ticks, or forward by more than `ahead`,
    everything after the jump is shifted so that it follows `step` ticks after what was before.
    Times that are NO_TIME stay so; packets without a decoding time go with the ones before them.
    """
    known = np.flatnonzero(dts_P != NO_TIME)
    if len(known) < 2:
        return times_P
    gaps = np.diff(dts_P[known])
    jumps = gaps < -back if ahead is None else (gaps < -back) | (gaps > ahead)
    if not jumps.any():
        return times_P
    shift_P = np.zeros_like(times_P)
    shift_P[known[1:]] = np.where(jumps, step - gaps, 0)
    return np.where(times_P == NO_TIME, times_P, times_P + np.cumsum(shift_P))


def has_usable_times(pts_P: Ticks, shown_P: NDArray[np.bool_]) -> bool:
    """Whether every packet that shows a frame has a time of its own."""
    times = pts_P[shown_P]
    return bool((times != NO_TIME).all()) and len(np.unique(times)) == len(times)


def times_in_order(order: Sequence[int] | NDArray[np.intp], dts_P: Ticks, *, step: int) -> Ticks:
    """Display times of packets whose frames come in this order: the n-th gets the n-th time slot.

    Slots are the packets' own decoding times, sorted; without them `step` ticks each, from 0.
    """
    slots = np.sort(dts_P[order])
    if len(slots) and (slots[0] == NO_TIME or (np.diff(slots) <= 0).any()):
        slots = np.arange(len(slots), dtype=np.int64) * step
    times_P = np.full(len(dts_P), NEVER, dtype=np.int64)
    times_P[order] = slots
    return times_P


def vop_kinds(packet: bytes | memoryview) -> str:
    """The pictures inside an MPEG-4 Part 2 packet, one letter (I, P, B or S) each."""
    data = bytes(packet)
    kinds = []
    at = data.find(_VOP_START)
    while at >= 0 and at + 4 < len(data):
        kinds.append("IPBS"[data[at + 4] >> 6])
        at = data.find(_VOP_START, at + 4)
    return "".join(kinds)


class DisplayOrder(NamedTuple):
    """What `mpeg4_order` works out."""

    packets: list[int]
    """Packets in the order in which their frames are displayed; silent ones are left out."""

    clean: list[bool]
    """For each packet, whether a decoder that starts here is in step with one that began before."""


def mpeg4_order(kinds_P: Sequence[str], sizes_P: Sequence[int]) -> DisplayOrder:
    """The display order of MPEG-4 Part 2 packets, DivX's packed B-frames included.

    A packed packet holds a P and the B shown before it. FFmpeg's decoder gives one picture for each
    packet, so the B waits and comes out with the next packet, whose own content waits in turn if
    it is an I or a B, and is dropped if it is the few bytes of a dummy P. A reference picture is
    shown when the next one arrives. (FFmpeg: h263dec.c and ff_mpeg4_frame_end.)
    """
    order: list[int] = []
    clean: list[bool] = []
    waiting = ""
    reference: int | None = None
    for packet, (kinds, size) in enumerate(zip(kinds_P, sizes_P, strict=True)):
        clean.append(not waiting)
        if waiting:
            kind, rest = waiting, kinds if size > _DUMMY_VOP_BYTES else ""
        else:
            kind, rest = kinds[:1], kinds[1:]
        waiting = next((other for other in rest if other in "IB"), "")
        if kind == "B":
            order.append(packet)
        elif kind:
            if reference is not None:
                order.append(reference)
            reference = packet
    if reference is not None:
        order.append(reference)
    return DisplayOrder(order, clean)
