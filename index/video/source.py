"""Opens video files: which demuxers may look at them, which stream counts, how errors read.

PyAV is imported in this folder alone; others use it through `index.video.file` and
`index.video.media`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from index.errors import NotAVideoError, VideoError, VideoMemoryError

if TYPE_CHECKING:
    VideoPacket: TypeAlias = av.Packet[VideoStream]
else:
    VideoPacket = av.Packet

# FFmpeg prints to stderr by default; what matters reaches the user in a VideoError.
av.logging.set_level(None)

DEMUXERS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,asf_o,gif,apng,ogg,nut,mxf,ivf,"
    "h261,h263,h264,hevc,vvc,evc,av1,obu,m4v,vc1,vc1test,mjpeg,rm,dv,wtv,swf,yuv4mpegpipe,nsv,"
    "gxf,lxf,mv,dhav,dirac,cavsvideo,avs2,avs3,bink,smk,flic,film_cpk,roq,amv,ty,pva,ivr,kux,nuv,"
    "jpegxl_anim,smjpeg,mpegtsraw,ingenient,thp,vivo,viv,pmp,mtv,r3d,xmv,mgsts"
)
"""Demuxers of moving pictures. Others stay shut: stills, text that FFmpeg would draw as a terminal,
and play lists (hls, concat, dash), through which a file could name other files or the network."""

LONGEST_SIDE_PIXELS = 16_384
"""Of a picture that is read: what most encoders can make at all."""

MOST_PIXELS = 1 << 27
"""Of a picture that is read: 16K video (15360 x 8640) fits. A decoder holds several of them."""

_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": DEMUXERS,
    "max_pixels": str(MOST_PIXELS),  # no decoder asks for memory for more
}

_SIGNATURES: tuple[tuple[int, bytes], ...] = (
    (4, b"ftyp"),  # MP4, MOV, 3GP
    (4, b"moov"),
    (4, b"mdat"),
    (4, b"wide"),
    (4, b"pnot"),
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (8, b"AVI "),
    (0, b"GIF8"),
    (0, b"FLV\x01"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF, WMV
    (0, b"\x00\x00\x01\xba"),  # MPEG program stream
    (0, b"\x00\x00\x01\xb3"),  # MPEG video
    (0, b"\x06\x0e\x2b\x34"),  # MXF
    (0, b"OggS"),
    (0, b".RMF"),
    (0, b"YUV4MPEG2"),
    (0, b"DKIF"),  # IVF
)
_SIGNATURE_BYTES = 4 + 188 * 3 + 1


def has_video_signature(path: Path) -> bool:
    """Whether the file begins like a container that can hold video; no decoder looks at it.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_SIGNATURE_BYTES)
    if any(head[at : at + len(magic)] == magic for at, magic in _SIGNATURES):
        return True
    # Transport streams repeat a sync byte every 188 bytes (192 in M2TS, after a 4-byte time code).
    return any(
        len(head) > at + 2 * step and head[at] == head[at + step] == head[at + 2 * step] == 0x47
        for at, step in ((0, 188), (4, 192))
    )


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open container and its best video stream, set to decode in one thread.

    Raises:
        NotAVideoError: no container of video, or one without a video stream (cover art is none).
        VideoMemoryError: FFmpeg could not get the memory it wanted, here or inside the block.
        VideoError: missing or unreadable file, damaged container, no decoder for its codec.
    """
    try:
        container = _open(path)
    except av.FFmpegError as error:
        raise as_video_error(path, error) from error
    with container:
        try:
            yield container, _choose_stream(path, container)
        except (av.FFmpegError, MemoryError) as error:
            raise as_video_error(path, error) from error


def read_packets(container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
    """The stream's packets that hold something; a file cut off in the middle just ends."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.MemoryError:
            raise
        except av.FFmpegError:
            return
        if packet is None:
            return
        # An empty packet (AVI's dropped frames) would tell the decoder that the stream ends.
        if packet.size:
            yield packet


def decode_packet(stream: VideoStream, packet: VideoPacket | None) -> list[VideoFrame]:
    """Frames that a packet, or the end of the stream (None), brings out; none if it is damaged."""
    try:
        return stream.codec_context.decode(packet)
    except av.error.MemoryError:
        raise
    except av.FFmpegError:
        return []


def as_video_error(path: Path, error: Exception) -> VideoError:
    """FFmpeg's error in our family."""
    if isinstance(error, MemoryError):
        return VideoMemoryError(path, "its decoder wanted more memory than it may have")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return VideoError(path, reason[:1].lower() + reason[1:])


def _open(path: Path) -> InputContainer:
    if not path.is_file():
        reason = "it is not a file" if path.exists() else "there is no such file"
        raise VideoError(path, reason)
    try:
        if path.stat().st_size == 0:
            raise NotAVideoError(path, "the file is empty")
        known = has_video_signature(path)
    except OSError as error:
        raise VideoError(path, (error.strerror or str(error)).lower()) from error
    try:
        # Some real files carry titles that are not UTF-8; PyAV would refuse to open them.
        return av.open(str(path.absolute()), metadata_errors="replace", options=dict(_OPTIONS))
    except (av.error.InvalidDataError, av.error.ArgumentError, av.error.EOFError) as error:
        # ArgumentError: a demuxer recognised it that is not on our list.
        if known:
            raise VideoError(path, "the container is damaged or incomplete") from error
        raise NotAVideoError(path, "its content is not a video that FFmpeg knows") from error
    except ValueError as error:  # PyAV on names with null bytes and the like
        if isinstance(error, av.FFmpegError):
            raise
        raise VideoError(path, str(error)) from error


def _choose_stream(path: Path, container: InputContainer) -> VideoStream:
    best = container.streams.best("video")
    candidates = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.still_image)
    ]
    if not candidates:
        raise NotAVideoError(path, "it holds no video stream")
    stream = best if best in candidates else candidates[0]
    assert isinstance(stream, VideoStream)
    if stream.codec_context is None:
        raise VideoError(path, "FFmpeg has no decoder for its codec")
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    # One thread, no frame threading: packets and frames stay in step, and workers share the cores.
    stream.codec_context.thread_count = 1
    stream.codec_context.thread_type = "NONE"
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    _refuse_huge(path, stream)
    return stream


def _refuse_huge(path: Path, stream: VideoStream) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if not (width and height):  # what is too large for it, FFmpeg forgets
        width, height = _claimed_size(path, stream.index)
    if max(width, height) > LONGEST_SIDE_PIXELS or width * height > MOST_PIXELS:
        raise VideoError(
            path,
            f"its pictures claim to be {width} x {height} pixels, and at most "
            f"{LONGEST_SIDE_PIXELS} a side and {MOST_PIXELS / 1e6:.0f} million in all are read",
        )


def _claimed_size(path: Path, number: int) -> tuple[int, int]:
    """Width and height as the container has them: no decoder may open and correct them."""
    with av.open(
        str(path.absolute()),
        metadata_errors="replace",
        options=_OPTIONS | {"codec_whitelist": "none"},
    ) as container:
        stream = next((each for each in container.streams.video if each.index == number), None)
        if stream is None or stream.codec_context is None:
            return 0, 0
        return stream.codec_context.width, stream.codec_context.height
