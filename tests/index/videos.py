"""Writes small videos whose every frame is known, and reads them the slow, obviously right way.

Axes: N frames or times, H height, W width, C channels (3, RGB).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from cpd_model.encoder import ClipSpec, Frames
from index.video.picture import Painter, pixel_aspect, shape_of
from index.video.source import decode_packet, open_video, read_packets

TICKS = 1000
"""Ticks of a second, where a test gives times of its own."""

GREY_STEP = 8
"""Frame number i of `grey_frames` has the grey value 8 + 8 i: up to 30 frames."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to write a video; the default is lossless and exact."""

    codec: str = "ffv1"
    pixels: str = "bgr0"
    fps: int = 10
    ticks: Sequence[int] | None = None
    """Presentation times in thousandths of a second; None spaces frames evenly."""
    options: Mapping[str, str] = field(default_factory=dict)
    max_b_frames: int | None = None
    gop_size: int | None = None
    pixel_aspect: Fraction | None = None
    rotation_degrees: int = 0
    """Counterclockwise turn that a player shall make."""
    title: str | None = None
    container_options: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    sound: bool = False


def h264(*, params: str = "", gop_size: int = 12, max_b_frames: int = 3) -> Recipe:
    """H.264 as x264 writes it by default, with short groups of pictures."""
    options = {"preset": "veryfast", "crf": "30", "threads": "1", "x264-params": params}
    return Recipe(
        codec="libx264",
        pixels="yuv420p",
        options={name: value for name, value in options.items() if value},
        gop_size=gop_size,
        max_b_frames=max_b_frames,
    )


EXACT = Recipe()


def write_video(path: Path, frames: Iterable[Frames], recipe: Recipe = EXACT) -> Path:
    """Encode RGB pictures (H, W, 3)."""
    with av.open(
        str(path), "w", format=recipe.format, options=dict(recipe.container_options)
    ) as output:
        if recipe.title is not None:
            output.metadata["title"] = recipe.title
        stream = output.add_stream(recipe.codec, rate=recipe.fps, options=dict(recipe.options))
        stream.pix_fmt = recipe.pixels
        context = stream.codec_context
        context.thread_count = 1
        if recipe.max_b_frames is not None:
            context.max_b_frames = recipe.max_b_frames
        if recipe.gop_size is not None:
            context.gop_size = recipe.gop_size
        if recipe.pixel_aspect is not None:
            context.sample_aspect_ratio = recipe.pixel_aspect
        if recipe.rotation_degrees:
            stream.set_display_rotation(recipe.rotation_degrees)
        if recipe.ticks is not None:
            context.time_base = Fraction(1, TICKS)
        sound = output.add_stream("aac", rate=16000) if recipe.sound else None
        for number, picture_HWC in enumerate(frames):
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture_HWC), format="rgb24")
            frame = frame.reformat(format=recipe.pixels, dst_colorspace="ITU601")
            if recipe.ticks is None:
                frame.pts, frame.time_base = number, Fraction(1, recipe.fps)
            else:
                frame.pts, frame.time_base = recipe.ticks[number], Fraction(1, TICKS)
            if number == 0:
                stream.height, stream.width = picture_HWC.shape[:2]
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            output.mux([*sound.encode(_silence()), *sound.encode(None)])
    return path


def write_sound(path: Path, *, cover: bool = False) -> Path:
    """A file with sound alone, or with a picture of its cover."""
    with av.open(str(path), "w") as output:
        sound = output.add_stream("mp3" if path.suffix == ".mp3" else "aac", rate=16000)
        picture = output.add_stream("mjpeg", rate=1) if cover else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            output.mux(picture.encode(VideoFrame(32, 32, "yuvj420p")))
        output.mux([*sound.encode(_silence()), *sound.encode(None)])
    return path


def grey_frames(count: int, *, width: int = 48, height: int = 32) -> list[Frames]:
    """Flat pictures; see GREY_STEP."""
    values = [8 + GREY_STEP * number for number in range(count)]
    return [np.full((height, width, 3), value, dtype=np.uint8) for value in values]


def numbers_of(frames_NHWC: Frames) -> list[int]:
    """Which of `grey_frames` these are, by their mean grey value."""
    means_N = frames_NHWC.reshape(len(frames_NHWC), -1).mean(axis=1)
    return [round((float(mean) - 8) / GREY_STEP) for mean in means_N]


def moving_frames(count: int, *, width: int = 96, height: int = 64) -> Iterator[Frames]:
    """A texture that pans, with noise: any frame that leans on a wrong one shows it."""
    generator = np.random.default_rng(7)
    texture = generator.integers(0, 255, (24, 32, 3)).repeat(8, axis=0).repeat(8, axis=1)
    for number in range(count):
        left, top = number * 3 % 90, number * 2 % 60
        picture_HWC = texture[top : top + height, left : left + width]
        noise_HWC = generator.integers(-8, 8, picture_HWC.shape)
        yield np.clip(picture_HWC + noise_HWC, 0, 255).astype(np.uint8)


def quarters(width: int, height: int) -> Frames:
    """A picture of four colours: red, green above blue, white."""
    picture_HWC = np.zeros((height, width, 3), dtype=np.uint8)
    picture_HWC[: height // 2, : width // 2] = (255, 0, 0)
    picture_HWC[: height // 2, width // 2 :] = (0, 255, 0)
    picture_HWC[height // 2 :, : width // 2] = (0, 0, 255)
    picture_HWC[height // 2 :, width // 2 :] = (255, 255, 255)
    return picture_HWC


@dataclass(frozen=True, kw_only=True)
class DecodedVideo:
    """Everything that comes out of a video when all of it is decoded and nothing is left out."""

    frames: list[VideoFrame]
    seconds: list[float]
    """By the frames' own times; by their order where the container has none (AVI, raw)."""
    pixel_aspect: float

    def nearest(self, seconds: Sequence[float], spec: ClipSpec) -> Frames:
        """The slow twin of `read_frames`."""
        painter = Painter()
        times = np.array(self.seconds)
        chosen = [self.frames[int(np.argmin(np.abs(times - at)))] for at in seconds]
        return np.stack(
            [painter.paint_for(frame, shape_of(frame, self.pixel_aspect), spec) for frame in chosen]
        )


def decode_everything(path: Path) -> DecodedVideo:
    """Decode a whole video, packet after packet, and keep every frame."""
    with open_video(path) as (container, stream):
        packets = list(read_packets(container, stream))
        frames = [frame for packet in [*packets, None] for frame in decode_packet(stream, packet)]
        times = [frame.pts for frame in frames]
        if container.format.name == "avi":
            # Frames are shown in the order they come out, in the slots of packets with a picture.
            times = [packet.dts for packet in packets if packet.size > 1]
        tick = stream.time_base
        if None in times or times != sorted(set(times)) or len(times) != len(frames):
            times, tick = list(range(len(frames))), 1 / (stream.average_rate or stream.guessed_rate)
        seconds = [float((time - times[0]) * tick) for time in times]
        return DecodedVideo(frames=frames, seconds=seconds, pixel_aspect=pixel_aspect(stream))


def _silence() -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.zeros((1, 16000), dtype=np.float32), "fltp", "mono")
    frame.sample_rate = 16000
    return frame
