"""One cheap pass over a video file: when each frame is shown and where decoding may start.

Axes: P packets in the order of decoding, D displayed frames in the order of display, K places
where decoding may start, G gaps.

The pass reads packets and decodes the first frame alone (rotation and true size are known only
then). Counts, durations and indexes of the container are never used. Where packets do not tell
when their frames are shown, their kinds do (see index.video.order), and if those do not either,
the whole video is decoded once to see.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from index.documents import Document
from index.errors import NoFrameError, VideoError
from index.video.order import (
    NEVER,
    NO_TIME,
    Ticks,
    has_usable_times,
    mpeg4_order,
    straighten,
    times_in_order,
    vop_kinds,
)
from index.video.picture import Shape, pixel_aspect, shape_of
from index.video.source import VideoPacket, decode_packet, open_video, read_packets
from index.video.tags import document_of_tags

_RESTARTING_FORMATS = ("mpegts", "mpeg", "mpegtsraw")
"""Broadcast and camera containers, whose clock may be set while they run."""

_GAP_SECONDS = 10.0
_BACK_SECONDS = 1.0
_DEFAULT_FRAME_SECONDS = 0.04

_LONGEST_SECONDS = 31 * 86400
"""Timestamps that span more are taken for damage."""

_LONGEST_GAP_SECONDS = 86400
"""A frame that stands for longer is taken for damage: a camera that waits for movement may sleep
over night, no film stands still for days."""


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """What the open file and its first frame tell."""

    path: Path
    container: str
    """FFmpeg's short name of the container: the first of its aliases."""
    codec: str
    extradata: bytes
    has_audio: bool
    time_base: Fraction
    """Seconds of one tick."""
    frame_seconds: float
    """What the header says a frame lasts; used only where packets do not tell."""
    reorders: bool
    """Whether pictures may be decoded in another order than they are shown in."""
    shape: Shape
    """Of the first frame; later ones may differ."""
    document: Document
    """What the container says of the video; see index.video.tags."""

    @classmethod
    def of(
        cls, path: Path, container: InputContainer, stream: VideoStream, first: VideoFrame
    ) -> "SourceFacts":
        context = stream.codec_context
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        return cls(
            path=path,
            container=container.format.name.split(",")[0],
            codec=context.codec.canonical_name,
            extradata=context.extradata or b"",
            has_audio=len(container.streams.audio) > 0,
            time_base=stream.time_base or Fraction(1, av.time_base),
            frame_seconds=float(1 / rate) if rate else _DEFAULT_FRAME_SECONDS,
            reorders=bool(context.has_b_frames),
            shape=shape_of(first, pixel_aspect(stream)),
            document=document_of_tags(container.metadata),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """What one pass over the packets told."""

    facts: SourceFacts
    times_P: Ticks
    """When each packet's frame is shown; NEVER for packets that show none."""
    pts_P: Ticks
    """Presentation times as the container has them; NO_TIME where it has none."""
    dts_P: Ticks
    sizes_P: NDArray[np.int64]
    """Bytes of each packet."""
    positions_P: NDArray[np.int64]
    """Where each packet begins in the file, in bytes; -1 where the container does not tell."""
    starts_K: NDArray[np.intp]
    """Packets where decoding may start; the first one at least."""
    last_frame_ticks: int
    """How long the last frame is shown."""
    one_frame_a_packet: bool
    """False where a frame may need later packets, as fields and packed B-frames do."""
    can_seek: bool
    """Whether the container's own timestamps lead to the right packets."""
    lead_starts: int = 0
    """How many starts earlier than usual decoding must begin until pictures are whole."""
    order_D: NDArray[np.intp] = field(init=False)
    """Packets in the order in which their frames are shown."""

    def __post_init__(self) -> None:
        shown = np.flatnonzero(self.times_P != NEVER)
        order = shown[np.argsort(self.times_P[shown], kind="stable")]
        object.__setattr__(self, "order_D", order)

    @property
    def start_ticks(self) -> int:
        """When the first frame is shown: time 0 of the video."""
        return int(self.times_P[self.order_D[0]])

    @property
    def duration_seconds(self) -> float:
        """From the first frame's time to the last frame's end."""
        last = int(self.times_P[self.order_D[-1]])
        return float((last + self.last_frame_ticks - self.start_ticks) * self.facts.time_base)

    @property
    def fps(self) -> float:
        """Average frames a second."""
        return len(self.order_D) / self.duration_seconds

    @property
    def shown_seconds(self) -> NDArray[np.float64]:
        """When each frame is shown, from the first one on; (D,)."""
        ticks_D = self.times_P[self.order_D] - self.start_ticks
        return np.multiply(ticks_D, float(self.facts.time_base), dtype=np.float64)

    def gaps(self, *, longer_than_seconds: float) -> NDArray[np.float64]:
        """Where one frame stands for longer: its time and that of the next, or the end; (G, 2)."""
        borders = np.append(self.shown_seconds, self.duration_seconds)
        long_G = np.flatnonzero(np.diff(borders) > longer_than_seconds)
        return np.stack([borders[long_G], borders[long_G + 1]], axis=1)

    def nearest(self, seconds_N: NDArray[np.float64]) -> NDArray[np.intp]:
        """The packets whose frames are shown nearest to these times; the earlier one of a tie."""
        times_D = self.shown_seconds
        after = np.clip(np.searchsorted(times_D, seconds_N), 1, max(1, len(times_D) - 1))
        before = after - 1
        after = np.minimum(after, len(times_D) - 1)
        closer = np.abs(times_D[after] - seconds_N) < np.abs(seconds_N - times_D[before])
        return self.order_D[np.where(closer, after, before)]


@dataclass
class _Packets:
    """Rows of the table while they are collected."""

    pts: list[int] = field(default_factory=list)
    dts: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    key: list[bool] = field(default_factory=list)
    shown: list[bool] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


def scan_video(path: Path) -> Scan:
    """One pass over the packets of the best video stream.

    Raises:
        NotAVideoError: the content is no video.
        NoFrameError: no frame of it can be decoded.
        VideoError: it cannot be opened, or is encrypted.
    """
    with open_video(path) as (container, stream):
        packets = _Packets()
        first: VideoFrame | None = None
        for packet in read_packets(container, stream):
            _add(packets, packet, stream.codec_context.name)
            if first is None:
                if packet.has_sidedata("encryption_info"):
                    raise VideoError(path, "it is encrypted")
                first = next(iter(decode_packet(stream, packet)), None)
        if first is None:
            first = next(iter(decode_packet(stream, None)), None)
        if first is None:
            reason = "no frame of it can be decoded" if packets.sizes else "it holds no pictures"
            raise NoFrameError(path, reason)
        facts = SourceFacts.of(path, container, stream, first)
    return _scan_of(facts, packets)


class Decoded(NamedTuple):
    """What came out when a whole video was decoded."""

    packets: NDArray[np.intp]
    """Packets whose frames came out, in that order."""
    key_packets: NDArray[np.intp]
    """Those of them that decoding may really start with."""


def decode_all(path: Path, *, num_packets: int) -> Decoded:
    """Decode a whole video to see which packets show a frame, and in which order.

    Packets carry their number where their time should be, so each frame tells where it came from.

    Args:
        num_packets: that the scan found.

    Raises:
        VideoError: the file has more packets than that by now.
    """
    is_key: dict[int | None, bool] = {}
    with open_video(path) as (container, stream):
        for number, packet in enumerate(chain(read_packets(container, stream), [None])):
            if packet is not None:
                if number >= num_packets:
                    raise VideoError(path, "it was changed while it was read")
                packet.pts, packet.dts = number, None
            is_key.update((frame.pts, frame.key_frame) for frame in decode_packet(stream, packet))
    is_key.pop(None, None)
    keys = [number for number, key in is_key.items() if key]
    return Decoded(np.array(list(is_key), dtype=np.intp), np.array(keys, dtype=np.intp))


def _add(packets: _Packets, packet: VideoPacket, codec: str) -> None:
    packets.pts.append(NO_TIME if packet.pts is None else packet.pts)
    packets.dts.append(NO_TIME if packet.dts is None else packet.dts)
    packets.sizes.append(packet.size)
    packets.positions.append(-1 if packet.pos is None else packet.pos)
    packets.durations.append(packet.duration or 0)
    # VP8 keeps reference pictures that are never shown in packets of their own (RFC 6386, 9.1).
    hidden = codec == "vp8" and not memoryview(packet)[0] & 0x10
    packets.shown.append(not packet.is_discard and not hidden)
    kinds = vop_kinds(memoryview(packet)) if codec == "mpeg4" else "I"
    packets.kinds.append(kinds)
    packets.key.append(packet.is_keyframe and kinds.startswith("I"))


def _scan_of(facts: SourceFacts, packets: _Packets) -> Scan:
    def ticks(seconds: float) -> int:
        return max(1, round(seconds / facts.time_base))

    durations = [ticks for ticks in packets.durations if ticks > 0]
    step = int(np.median(durations)) if durations else ticks(facts.frame_seconds)
    raw_dts_P = np.array(packets.dts, dtype=np.int64)
    raw_pts_P = np.array(packets.pts, dtype=np.int64)
    ahead = ticks(_GAP_SECONDS) if facts.container in _RESTARTING_FORMATS else None
    back = ticks(_BACK_SECONDS)
    dts_P = straighten(raw_dts_P, raw_dts_P, step=step, back=back, ahead=ahead)
    pts_P = straighten(raw_pts_P, raw_dts_P, step=step, back=back, ahead=ahead)
    table = _time_table(facts, packets, pts_P, dts_P, step=step)
    if (table.times_P == NEVER).all():
        raise NoFrameError(facts.path, "no frame of it can be decoded")
    shown_gaps = np.diff(np.sort(table.times_P[table.times_P != NEVER]))
    last = int(np.argmax(np.where(table.times_P == NEVER, NO_TIME, table.times_P)))
    usual = int(np.median(shown_gaps)) if len(shown_gaps) else step
    scan = Scan(
        facts=facts,
        times_P=table.times_P,
        pts_P=raw_pts_P,
        dts_P=raw_dts_P,
        sizes_P=np.array(packets.sizes, dtype=np.int64),
        positions_P=np.array(packets.positions, dtype=np.int64),
        starts_K=table.starts_K,
        last_frame_ticks=packets.durations[last] or usual,
        one_frame_a_packet=table.one_frame_a_packet,
        can_seek=bool((dts_P == raw_dts_P).all()),
    )
    _refuse_damaged_times(scan)
    return scan


def _refuse_damaged_times(scan: Scan) -> None:
    path, days = scan.facts.path, scan.duration_seconds / 86400
    for start, stop in scan.gaps(longer_than_seconds=_LONGEST_GAP_SECONDS)[:1]:
        raise VideoError(
            path,
            f"its timestamps must be damaged: the frame at {start:.1f} s would stand for "
            f"{(stop - start) / 86400:.1f} days, and at most one day is believed",
        )
    if scan.duration_seconds > _LONGEST_SECONDS:
        raise VideoError(path, f"its timestamps span {days:.0f} days; they must be damaged")


class _Table(NamedTuple):
    times_P: Ticks
    starts_K: NDArray[np.intp]
    one_frame_a_packet: bool


def _time_table(
    facts: SourceFacts, packets: _Packets, pts_P: Ticks, dts_P: Ticks, *, step: int
) -> _Table:
    key_P = np.array(packets.key, dtype=bool)
    shown_P = np.array(packets.shown, dtype=bool)
    times_P: Ticks
    if facts.container != "avi" and has_usable_times(pts_P, shown_P):
        first = int(np.argmax(key_P))
        if key_P[first]:
            # What lies before the first key picture leans on pictures that are not there.
            shown_P[:first] = False
            shown_P &= pts_P >= pts_P[first]
        times_P = np.where(shown_P, pts_P, NEVER)
    elif facts.codec == "mpeg4" and facts.container == "avi":
        order, clean = mpeg4_order(packets.kinds, packets.sizes)
        times_P = times_in_order(order, dts_P, step=step)
        key_P &= np.array(clean, dtype=bool)
        packed = any(len(kinds) > 1 for kinds in packets.kinds)
        return _Table(times_P, _starts(key_P), one_frame_a_packet=not packed)
    elif facts.container == "avi" and not facts.reorders:
        times_P = times_in_order(np.flatnonzero(shown_P), dts_P, step=step)
    else:
        decoded = decode_all(facts.path, num_packets=len(packets.sizes))
        times_P = times_in_order(decoded.packets, dts_P, step=step)
        key_P &= np.isin(np.arange(len(key_P)), decoded.key_packets)
        return _Table(times_P, _starts(key_P), one_frame_a_packet=False)
    return _Table(times_P, _starts(key_P), one_frame_a_packet=True)


def _starts(key_P: NDArray[np.bool_]) -> NDArray[np.intp]:
    starts_P = key_P.copy()
    starts_P[0] = True
    return np.flatnonzero(starts_P)
