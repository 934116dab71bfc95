"""Makes long H.264 video that costs as much to decode as filmed material, in little time.

One minute of moving textures is encoded once (x264's own defaults: B-frames, keyframes at cuts or
after 250 frames) and kept in the cache folder; longer videos repeat its packets with shifted
timestamps.
"""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from cpd_model.cache import cache_folder

WIDTH, HEIGHT, FPS = 1280, 720, 30
SECONDS = 60
SEED = 7

_SCENE_SECONDS = (9.0, 4.0, 14.0, 3.0, 7.5, 12.0, 2.5, 8.0)
"""Lengths of the scenes of the minute: each begins with a cut; they add up to it."""

_CANVAS = (1024, 1792)
"""Height and width of a scene's background, which the camera pans over."""


def minute_of_video() -> Path:
    """The encoded minute, made on first use (about a minute on two cores)."""
    path = cache_folder() / "benchmarks" / f"minute-{WIDTH}x{HEIGHT}-{SEED}.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with av.open(str(partial), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.options = {"preset": "medium", "crf": "23", "g": "250"}
            for picture_HWC in _pictures():
                frame = av.VideoFrame.from_ndarray(picture_HWC, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        partial.replace(path)
    return path


def repeat(minute: Path, path: Path, *, minutes: int) -> None:
    """Write the packets of `minute` that many times, one after the other, without encoding."""
    with av.open(str(path), "w", format="mp4") as target:
        stream = None
        for turn in range(minutes):
            with av.open(str(minute)) as source:
                original = source.streams.video[0]
                if stream is None:
                    stream = target.add_stream_from_template(original)
                assert original.time_base is not None
                shift = int(turn * SECONDS / original.time_base)
                for packet in source.demux(original):
                    if packet.dts is None or packet.pts is None:
                        continue  # the end of the stream
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    target.mux(packet)


def describe_video(path: Path) -> str:
    """Bit rate, keyframes and B-frames of a video, to judge whether it is like filmed material."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
    size_bits = 8 * sum(packet.size for packet in packets)
    # A frame that is shown later than it is decoded by more than usual waits for a B-frame.
    keyframes = sum(packet.is_keyframe for packet in packets)
    return (
        f"{stream.codec_context.name} {stream.width}x{stream.height}, {len(packets)} frames, "
        f"{size_bits / max(seconds, 1e-9) / 1e6:.1f} Mbit/s, {keyframes} keyframes"
    )


def _pictures() -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(SEED)
    grain = random.integers(-3, 4, size=(4, HEIGHT, WIDTH, 1), dtype=np.int16)
    for scene_seconds in _SCENE_SECONDS:
        background = _texture(random, *_CANVAS)
        objects = [_Object(random) for _ in range(4)]
        start, speed = random.uniform(0.2, 0.8, size=2), random.uniform(-0.04, 0.04, size=2)
        for number in range(round(scene_seconds * FPS)):
            place = np.clip(start + speed * number / FPS, 0, 1)
            top, left = (place * (_CANVAS[0] - HEIGHT, _CANVAS[1] - WIDTH)).astype(int)
            picture = background[top : top + HEIGHT, left : left + WIDTH].copy()
            for thing in objects:
                thing.draw(picture, number / FPS)
            noisy = picture + grain[random.integers(len(grain))]
            yield np.clip(noisy, 0, 255).astype(np.uint8)


class _Object:
    """A textured ellipse on its own way through the picture."""

    def __init__(self, random: np.random.Generator) -> None:
        self._size = random.integers(80, 300, size=2)
        self._texture = _texture(random, *self._size)
        rows, columns = np.ogrid[: self._size[0], : self._size[1]]
        middle = self._size / 2
        self._inside = ((rows - middle[0]) / middle[0]) ** 2 + (
            (columns - middle[1]) / middle[1]
        ) ** 2 < 1
        self._start = random.uniform(0, 1, size=2)
        self._speed = random.uniform(-0.3, 0.3, size=2)

    def draw(self, picture_HWC: NDArray[np.int16], seconds: float) -> None:
        # A triangle wave: it turns round at the borders.
        place = np.abs((self._start + self._speed * seconds + 1) % 2 - 1)
        top, left = (place * (np.array([HEIGHT, WIDTH]) - self._size)).astype(int)
        window = picture_HWC[top : top + self._size[0], left : left + self._size[1]]
        window[self._inside] = self._texture[self._inside]


def _texture(random: np.random.Generator, height: int, width: int) -> NDArray[np.int16]:
    """Coloured noise whose amplitude falls as 1 / frequency, as in photographs; int16 (H, W, 3)."""
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequency = np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    base = random.normal(size=(3, 2, *frequency.shape))
    spectrum_CHW = (base[:, 0] + 1j * base[:, 1]) / frequency
    spectrum_CHW = spectrum_CHW * 0.4 + spectrum_CHW[:1]  # mostly brightness, some colour
    waves_CHW = np.fft.irfft2(spectrum_CHW, s=(height, width))
    scaled = waves_CHW / waves_CHW.std() * 45 + random.uniform(70, 180, size=(3, 1, 1))
    picture: NDArray[np.int16] = np.clip(scaled, 0, 255).astype(np.int16).transpose(1, 2, 0)
    return picture
