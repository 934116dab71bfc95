"""The planned reader against its slow twin (decode everything, pick by time), codec by codec."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cpd_model.encoder import ClipSpec
from index.video.decode import Run, can_drop, plan_runs
from index.video.file import probe, read_frames
from index.video.nearest import scan_of
from index.video.scan import Scan
from index.video.source import open_video, read_packets
from tests.index.videos import (
    Recipe,
    decode_everything,
    h264,
    moving_frames,
    write_video,
)

SPEC = ClipSpec(num_frames=4, frame_size=48, resize="crop", short_side=56)
NUM_FRAMES = 50
B_FRAMES = Recipe(pixels="yuv420p", gop_size=12, max_b_frames=2)
VPX = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "12", "auto-alt-ref": "1"}
X265 = "keyint=12:min-keyint=12:bframes=4:pools=none:frame-threads=1:log-level=none"


def _x265(more: str = "") -> Recipe:
    options = {"preset": "ultrafast", "x265-params": X265 + more}
    return Recipe(codec="libx265", pixels="yuv420p", options=options)


RECIPES: dict[str, Recipe] = {
    "h264.mp4": h264(),
    "h264.mkv": h264(),
    "h264.ts": h264(),
    "h264.flv": h264(),
    "h264.avi": h264(),
    "raw.h264": replace(h264(), format="h264", fps=25),
    "open-gop.mp4": h264(params="open-gop=1:b-pyramid=normal:scenecut=0"),
    "open-gop.ts": h264(params="open-gop=1:b-pyramid=normal:scenecut=0"),
    "many-b.mp4": h264(params="b-adapt=0:b-pyramid=strict", max_b_frames=8, gop_size=24),
    "fields.mp4": h264(params="tff=1"),
    "ten-bit.mp4": replace(h264(), pixels="yuv420p10le"),
    "only-key.mp4": h264(gop_size=1, max_b_frames=0),
    "hevc.mp4": _x265(),
    "hevc.ts": _x265(),
    "hevc-open-gop.mp4": _x265(":open-gop=1:scenecut=0"),
    "hevc-layers.mp4": _x265(":temporal-layers=3"),
    "mpeg4.mp4": replace(B_FRAMES, codec="mpeg4"),
    "mpeg4.avi": replace(B_FRAMES, codec="mpeg4"),
    "mpeg2.ts": replace(B_FRAMES, codec="mpeg2video", fps=25),
    "mpeg2.mpg": replace(B_FRAMES, codec="mpeg2video", fps=25, format="mpeg"),
    "mpeg1.mkv": replace(B_FRAMES, codec="mpeg1video", fps=25),
    "vp8.webm": replace(B_FRAMES, codec="libvpx", options=VPX, max_b_frames=None),
    "vp9.webm": replace(B_FRAMES, codec="libvpx-vp9", options=VPX, max_b_frames=None),
    "mjpeg.avi": Recipe(codec="mjpeg", pixels="yuvj420p"),
    "prores.mov": Recipe(codec="prores_ks", pixels="yuv422p10le"),
    "wmv2.wmv": Recipe(codec="wmv2", pixels="yuv420p", gop_size=12),
    "all-flagged-key.avi": Recipe(codec="h263p", pixels="yuv420p", gop_size=12),
    "alpha.mkv": Recipe(codec="ffv1", pixels="yuva420p"),
    "moving.gif": Recipe(codec="gif", pixels="rgb8"),
    "moving.apng": Recipe(codec="apng", pixels="rgba"),
}


@pytest.fixture(scope="module", params=sorted(RECIPES))
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each recipe's video in turn."""
    name: str = request.param
    path = tmp_path_factory.mktemp("codecs") / name
    return write_video(path, moving_frames(NUM_FRAMES), RECIPES[name])


@pytest.mark.parametrize("seed", range(3))
def test_planned_reading_equals_decoding_everything(video: Path, seed: int) -> None:
    everything = decode_everything(video)
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(everything.seconds), size=3 + 4 * seed, replace=False)
    times = [everything.seconds[number] for number in chosen]

    frames = read_frames(video, times, SPEC)

    assert np.array_equal(frames, everything.nearest(times, SPEC))


def test_every_frame_that_comes_out_is_counted(video: Path) -> None:
    everything = decode_everything(video)

    facts = probe(video)

    assert facts.num_frames == len(everything.frames) == NUM_FRAMES
    fps = RECIPES[video.name].fps
    assert facts.duration_seconds == pytest.approx(NUM_FRAMES / fps, rel=0.03)


def test_intra_refresh_is_read_nearly_as_when_decoded_in_full(tmp_path: Path) -> None:
    path = tmp_path / "refresh.ts"
    write_video(path, moving_frames(80), h264(params="intra-refresh=1", max_b_frames=0))
    everything = decode_everything(path)

    # Between two refreshes x264 lets a picture settle, so the last bit may differ.
    frames = read_frames(path, [6.0, 7.5], SPEC)

    twin = everything.nearest([6.0, 7.5], SPEC)
    assert np.abs(frames.astype(int) - twin).mean() < 2


def test_unreferenced_pictures_are_not_dropped_where_layers_may_need_them(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", moving_frames(12), _x265())
    layered = tmp_path / "layered.mp4"
    write_video(layered, moving_frames(12), _x265(":temporal-layers=3"))

    assert can_drop(scan_of(plain))
    assert not can_drop(scan_of(layered))


def test_pictures_that_vp8_hides_are_not_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.webm", moving_frames(NUM_FRAMES), RECIPES["vp8.webm"])
    with open_video(path) as (container, stream):
        packet = bytes(list(read_packets(container, stream))[20])
    hidden = bytes([packet[0] & ~0x10]) + packet[1:]  # show_frame, RFC 6386, 9.1
    path.write_bytes(path.read_bytes().replace(packet, hidden))
    everything = decode_everything(path)
    times = [1.0, 1.9, 2.02, 2.1, 3.0]

    frames = read_frames(path, times, SPEC)

    assert probe(path).num_frames == len(everything.frames) == NUM_FRAMES - 1
    assert np.array_equal(frames, everything.nearest(times, SPEC))


def _scan(tmp_path: Path, recipe: Recipe) -> Scan:
    return scan_of(write_video(tmp_path / "v.mp4", moving_frames(36), recipe))


def test_a_run_begins_at_the_last_start_and_ends_with_what_is_wanted(tmp_path: Path) -> None:
    scan = _scan(tmp_path, h264(max_b_frames=0))

    runs = plan_runs(scan, np.array([3, 5, 26]))

    assert scan.starts_K.tolist() == [0, 12, 24]
    assert runs == [Run(0, 6), Run(24, 27)]


def test_pictures_shown_before_a_start_are_read_from_the_start_before(tmp_path: Path) -> None:
    scan = _scan(tmp_path, h264(params="open-gop=1:scenecut=0:b-adapt=0"))
    start = int(scan.starts_K[1])
    leading = start + 1
    assert scan.times_P[leading] < scan.times_P[start]

    runs = plan_runs(scan, np.array([leading]))

    assert runs == [Run(0, leading + 1)]


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.ts", "long.avi"])
def test_seeking_far_ahead_gives_the_same_frames(tmp_path: Path, name: str) -> None:
    codec = replace(B_FRAMES, codec="mpeg4", fps=25)
    pictures = list(moving_frames(60, width=32, height=32)) * 30
    path = write_video(tmp_path / name, pictures, codec)
    everything = decode_everything(path)
    times = [everything.seconds[number] for number in (3, 700, 1430, 1431, 1790)]

    frames = read_frames(path, times, SPEC)

    assert np.array_equal(frames, everything.nearest(times, SPEC))
