"""Decodes the wanted frames of a video and as little else as the codec allows.

Axes: P packets in the order of decoding, K places where decoding may start, W wanted packets.

    packets   I  p  b  p  b  p | I  p  b  p  b  p | I  p  b  p  b  p      | where decoding may start
    wanted             w                                    w
    fed       D  D  -  D                            D  D  -  D            D decoded, - dropped
                                 not decoded: its frames are not wanted

A run begins at the last start before a wanted packet and ends with it. Between runs packets are
passed over undecoded, or skipped by a seek where that is cheaper. Inside a run, pictures to which
no other refers are dropped by the decoder unless they are wanted. Every packet carries its number
where its time should be, so a frame tells which packet it came from.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import NamedTuple, Self

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from index.errors import VideoError
from index.video.order import NEVER, NO_TIME
from index.video.scan import Scan
from index.video.source import VideoPacket, decode_packet, open_video, read_packets

_LATE_PACKETS = 64
"""How many packets after its own a frame may come out, reordering included."""

Keep = Callable[[int, VideoFrame], None]
"""Takes the number of a wanted packet and its frame."""

SEEK_PACKETS = 50
"""A seek costs about as much as passing over 9 to 14 packets (MP4, MKV, TS in memory; MP4 best)."""

SEEK_BYTES = 1 << 20
"""On a disk, what is passed over must be read."""

_DROPPABLE = frozenset({"h264", "mpeg4", "mpeg2video", "mpeg1video", "vp8"})
"""Codecs whose unreferenced pictures can be left out without a trace in the others (tested)."""


class FalseStartError(Exception):
    """A packet that the container calls a key picture turned out to be none."""


class SlowStartError(Exception):
    """After a key picture nothing came out at first: it is damaged, or refreshed bit by bit."""


class Run(NamedTuple):
    """Packets [start, stop) that are decoded in one go."""

    start: int
    stop: int


def plan_runs(scan: Scan, wanted_W: NDArray[np.intp]) -> list[Run]:
    """The runs that bring out the frames of these packets (sorted, shown)."""
    runs: list[Run] = []
    for packet, start in zip(wanted_W.tolist(), _starts_of(scan, wanted_W).tolist(), strict=True):
        if runs and start <= runs[-1].stop:
            runs[-1] = Run(runs[-1].start, packet + 1)
        else:
            runs.append(Run(start, packet + 1))
    return runs


def _starts_of(scan: Scan, wanted_W: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where decoding must start for each packet.

    Pictures that are decoded after a start and shown before it lean on the stretch before it.
    """
    place_W = np.searchsorted(scan.starts_K, wanted_W, side="right") - 1
    while True:
        start_W = scan.starts_K[place_W]
        leading_W = (place_W > 0) & (scan.times_P[start_W] > scan.times_P[wanted_W])
        leading_W &= scan.times_P[start_W] != NEVER
        if not leading_W.any():
            return scan.starts_K[np.maximum(place_W - scan.lead_starts, 0)]
        place_W = place_W - leading_W


def decode_wanted(scan: Scan, wanted_W: NDArray[np.intp], keep: Keep) -> None:
    """Hand the frames of these packets (sorted, shown) to `keep`, in the order they come out.

    A damaged packet brings out no frame: the caller sees which are missing, and may `learn`.

    Raises:
        FalseStartError, SlowStartError: what was handed over so far may be wrong; see
            `learn_everything` and `learn_to_start_early`.
        VideoError: the file cannot be opened, or has changed since it was scanned.
    """
    with _PacketWalk(scan) as walk:
        for run in plan_runs(scan, wanted_W):
            first, last = np.searchsorted(wanted_W, [run.start, run.stop])
            _decode_run(walk, scan, run, set(wanted_W[first:last].tolist()), keep)


def frames_that_come_out(scan: Scan, run: Run) -> NDArray[np.intp]:
    """The packets whose frames appear when this run is decoded, nothing dropped."""
    numbers: list[int | None] = []
    with _PacketWalk(scan) as walk:
        for packet in chain(walk.packets(run), [None]):
            numbers += [frame.pts for frame in walk.decode(packet)]
    return np.array([number for number in numbers if number is not None], dtype=np.intp)


def can_drop(scan: Scan) -> bool:
    """Whether unreferenced pictures of this stream can be dropped without a trace in the others.

    H.264 marks them; the others have B pictures that are never referred to. H.265 has layers in
    which an unreferenced picture may still serve a higher layer, so it must be known to have one.
    """
    codec, extradata = scan.facts.codec, scan.facts.extradata
    if not scan.one_frame_a_packet:
        return False
    if codec == "hevc":
        # hvcC (ISO/IEC 14496-15, 8.3.3.1): byte 21 holds numTemporalLayers in bits 3 to 5.
        return len(extradata) > 22 and extradata[0] == 1 and (extradata[21] >> 3) & 7 == 1
    return codec in _DROPPABLE


def _decode_run(walk: "_PacketWalk", scan: Scan, run: Run, wanted: set[int], keep: Keep) -> None:
    dropping = can_drop(scan)
    waiting = set(wanted)
    checked = not run.start
    # Where a frame may need several packets, only its coming out shows that it is complete.
    feed = run if scan.one_frame_a_packet else Run(run.start, run.stop + _LATE_PACKETS)
    for packet in chain(walk.packets(feed), [None]):
        if dropping and packet is not None:
            walk.drop_unreferenced = packet.pts not in wanted
        for frame in walk.decode(packet):
            checked = checked or _check_start(scan, run.start, frame)
            if frame.pts in waiting:
                waiting.discard(frame.pts)
                keep(frame.pts, frame)
        if not waiting:
            return


def _check_start(scan: Scan, start: int, frame: VideoFrame) -> bool:
    """Whether this frame shows that the run began well; False where it does not tell."""
    if frame.pts is None or scan.times_P[frame.pts] < scan.times_P[start]:
        return False
    if frame.pts == start and not frame.key_frame:
        raise FalseStartError
    if frame.pts != start and not scan.lead_starts:
        raise SlowStartError
    return True


class _PacketWalk:
    """Walks forward over a video's packets, each carrying its number as its time."""

    def __init__(self, scan: Scan) -> None:
        self.drop_unreferenced = False
        """Whether the decoder shall leave out pictures to which no other refers."""
        self._scan = scan
        self._stack = ExitStack()
        self._can_seek = scan.can_seek
        self._end_bytes_P = np.cumsum(scan.sizes_P)

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def packets(self, run: Run) -> Iterator[VideoPacket]:
        """The run's packets, numbered; those before it are passed over. Restarts the decoder.

        Raises:
            VideoError: the packets are not those of the scan.
        """
        self._stream.codec_context.flush_buffers()
        self._go_to(run.start)
        while self._next < run.stop and (packet := self._take()) is not None:
            packet.pts, packet.dts = self._next - 1, None
            yield packet
        if self._next < min(run.stop, len(self._scan.sizes_P)):
            raise self._changed()

    def decode(self, packet: VideoPacket | None) -> list[VideoFrame]:
        """The frames that this packet, or the end (None), brings out."""
        # Asking a context what it skips builds a string; setting it each time is cheaper.
        drop = self.drop_unreferenced and packet is not None
        self._stream.codec_context.skip_frame = "NONREF" if drop else "DEFAULT"
        return decode_packet(self._stream, packet)

    def _open(self) -> None:
        self._stack.close()
        self._container, self._stream = self._stack.enter_context(open_video(self._scan.facts.path))
        self._next = 0
        self._packets = read_packets(self._container, self._stream)

    def _take(self) -> VideoPacket | None:
        packet = next(self._packets, None)
        if packet is not None:
            known = self._next < len(self._scan.sizes_P)
            if not known or packet.size != self._scan.sizes_P[self._next]:
                raise self._changed()
            self._next += 1
        return packet

    def _changed(self) -> VideoError:
        return VideoError(self._scan.facts.path, "it was changed while it was read")

    def _go_to(self, number: int) -> None:
        if self._can_seek and self._pays(number):
            self._seek(number)
        while self._next < number and self._take() is not None:
            pass

    def _pays(self, number: int) -> bool:
        if number <= self._next:
            return False
        passed_bytes = self._end_bytes_P[number - 1] - self._end_bytes_P[max(0, self._next - 1)]
        return bool(number - self._next >= SEEK_PACKETS or passed_bytes >= SEEK_BYTES)

    def _seek(self, number: int) -> None:
        """Jump to this packet or somewhat before it; where the container cannot, stay in place."""
        here = self._next
        landed = self._landing(number)
        if landed is None or landed > number:
            self._can_seek = False
            self._open()
        elif landed <= here:
            self._can_seek = False  # the container's index is too coarse to be of use

    def _landing(self, number: int) -> int | None:
        scan = self._scan
        time = int(scan.pts_P[number] if scan.pts_P[number] != NO_TIME else scan.dts_P[number])
        if time == NO_TIME:
            return None
        try:
            self._container.seek(time, stream=self._stream)
        except av.error.MemoryError:
            raise
        except av.FFmpegError:
            return None
        packets = read_packets(self._container, self._stream)
        packet = next(packets, None)
        if packet is None or packet.pos is None:
            return None
        same = np.flatnonzero((scan.positions_P == packet.pos) & (scan.sizes_P == packet.size))
        if len(same) != 1:
            return None
        self._next, self._packets = int(same[0]), chain([packet], packets)
        return self._next
