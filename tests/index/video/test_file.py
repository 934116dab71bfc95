"""What `index.video.file` promises about facts, times, sizes and names."""

import math
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.encoder import ClipSpec
from index.video.file import (
    OTHER_EXTENSIONS,
    VIDEO_EXTENSIONS,
    looks_like_video,
    probe,
    read_frames,
)
from tests.index.video.clip_specs import BLUE, GREEN, RED, SPEC, SQUASH, WHITE
from tests.index.videos import (
    Recipe,
    decode_everything,
    grey_frames,
    h264,
    moving_frames,
    numbers_of,
    quarters,
    write_video,
)

milliseconds = st.integers(-500, 2500).filter(lambda ms: ms % 100 != 50)  # no ties


def test_the_facts_of_a_video_are_counted_not_believed(grey_video: Path) -> None:
    facts = probe(grey_video)

    assert facts.duration_seconds == pytest.approx(2.0)
    assert facts.fps == pytest.approx(10.0)
    assert (facts.width, facts.height) == (48, 32)
    assert (facts.codec, facts.container) == ("ffv1", "matroska")
    assert facts.num_frames == 20
    assert not facts.has_audio


def test_each_time_gets_the_frame_shown_nearest_to_it(grey_video: Path) -> None:
    frames = read_frames(grey_video, [0.0, 0.04, 0.06, 0.5, 1.94, 1.96], SPEC)

    assert frames.shape == (6, 16, 16, 3)
    assert frames.dtype == np.uint8
    assert numbers_of(frames) == [0, 0, 1, 5, 19, 19]


def test_flat_grey_comes_out_exactly(grey_video: Path) -> None:
    frames = read_frames(grey_video, [0.3], SPEC)

    assert np.unique(frames).tolist() == [8 + 8 * 3]


def test_times_may_come_in_any_order_and_twice(grey_video: Path) -> None:
    frames = read_frames(grey_video, [1.5, 0.2, 1.5, 0.9], SPEC)

    assert numbers_of(frames) == [15, 2, 15, 9]


def test_times_outside_the_video_get_its_ends(grey_video: Path) -> None:
    frames = read_frames(grey_video, [-3.0, 99.0], SPEC)

    assert numbers_of(frames) == [0, 19]


def test_no_times_give_no_frames(grey_video: Path) -> None:
    assert read_frames(grey_video, [], SPEC).shape == (0, 16, 16, 3)


@pytest.mark.parametrize("at_seconds", [math.nan, math.inf])
def test_a_time_must_be_finite(grey_video: Path, at_seconds: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        read_frames(grey_video, [at_seconds], SPEC)


@given(times=st.lists(milliseconds.map(lambda ms: ms / 1000), min_size=1, max_size=12))
def test_any_times_get_what_full_decoding_gives(grey_video: Path, times: list[float]) -> None:
    everything = decode_everything(grey_video)

    frames = read_frames(grey_video, times, SPEC)

    assert np.array_equal(frames, everything.nearest(times, SPEC))


def test_a_variable_frame_rate_goes_by_timestamps(tmp_path: Path) -> None:
    recipe = Recipe(ticks=[500, 540, 580, 3000, 3040, 9000])
    path = write_video(tmp_path / "uneven.mkv", grey_frames(6), recipe)

    frames = read_frames(path, [0.0, 0.07, 1.0, 1.4, 2.51, 5.4, 5.6, 8.4], SPEC)

    assert numbers_of(frames) == [0, 2, 2, 3, 3, 4, 5, 5]
    assert probe(path).duration_seconds == pytest.approx(8.5, abs=0.2)


@pytest.mark.parametrize(
    ("degrees", "corners"),
    [
        (90, [GREEN, WHITE, RED, BLUE]),
        (180, [WHITE, BLUE, GREEN, RED]),
        (270, [BLUE, RED, WHITE, GREEN]),
    ],
)
def test_rotation_is_applied(
    tmp_path: Path, degrees: int, corners: list[tuple[int, int, int]]
) -> None:
    recipe = replace(h264(params="qp=0"), pixels="yuv444p", rotation_degrees=degrees)
    path = write_video(tmp_path / "turned.mp4", [quarters(64, 32)] * 3, recipe)

    facts = probe(path)
    (frame,) = read_frames(path, [0.1], SQUASH)

    assert facts.rotation_degrees == degrees
    assert (facts.width, facts.height) == ((64, 32) if degrees == 180 else (32, 64))
    seen = [frame[2, 2], frame[2, 13], frame[13, 2], frame[13, 13]]
    assert np.abs(np.array(seen, dtype=int) - corners).max() <= 6


@pytest.mark.parametrize(
    ("pixel_aspect", "size"), [(Fraction(2), (96, 32)), (Fraction(1, 2), (48, 64))]
)
def test_the_sample_aspect_ratio_is_applied(
    tmp_path: Path, pixel_aspect: Fraction, size: tuple[int, int]
) -> None:
    recipe = replace(h264(), pixel_aspect=pixel_aspect)
    path = write_video(tmp_path / "wide.mkv", grey_frames(3), recipe)

    facts = probe(path)

    assert (facts.width, facts.height) == size
    assert facts.sample_aspect_ratio == float(pixel_aspect)


def test_crop_takes_the_middle_of_the_displayed_picture(tmp_path: Path) -> None:
    picture = np.zeros((32, 96, 3), dtype=np.uint8)
    picture[:, 32:64] = 255
    path = write_video(tmp_path / "bar.mkv", [picture] * 2)
    spec = ClipSpec(num_frames=1, frame_size=32, resize="crop", short_side=32)

    (frame,) = read_frames(path, [0.0], spec)

    assert frame.min() > 250


def test_squash_keeps_the_whole_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "four.mkv", [quarters(96, 32)] * 2)

    (frame,) = read_frames(path, [0.0], SQUASH)

    assert frame[2, 2].tolist() == list(RED)
    assert frame[13, 13].tolist() == list(WHITE)


@pytest.mark.parametrize("size", [(33, 17), (17, 33), (1, 1), (640, 2)])
def test_odd_portrait_tiny_and_strip_sizes_work(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    path = write_video(tmp_path / "odd.mkv", grey_frames(3, width=width, height=height))

    frames = read_frames(path, [0.0, 0.1, 0.2], SPEC)

    assert numbers_of(frames) == [0, 1, 2]


@pytest.mark.parametrize("colorspace", ["bt709", "smpte170m"])
def test_colours_are_converted_by_the_matrix_that_the_stream_names(
    tmp_path: Path, colorspace: str
) -> None:
    # Y, Cb, Cr of pure red by ITU-R BT.709-6 and BT.601-7, 8 bits, limited range.
    params = f"qp=0:colormatrix={colorspace}"
    recipe = replace(h264(params=params), pixels="yuv444p")
    path = write_video(
        tmp_path / "red.mkv", [np.full((32, 32, 3), RED, dtype=np.uint8)] * 2, recipe
    )

    (frame,) = read_frames(path, [0.0], SPEC)

    # The writer converts by BT.601; told BT.709, the reader must see the colour that makes of it.
    expected = {"smpte170m": (255, 0, 0), "bt709": (255, 24, 0)}[colorspace]
    assert np.abs(frame[8, 8].astype(int) - expected).max() <= 4


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "one.mkv", grey_frames(1))

    facts = probe(path)

    assert facts.num_frames == 1
    assert 0 < facts.duration_seconds < 1
    assert numbers_of(read_frames(path, [0.0, 5.0], SPEC)) == [0, 0]


def test_a_title_that_is_not_utf8_does_not_stop_a_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "title.mkv", grey_frames(3), Recipe(title="caf_ au lait"))
    path.write_bytes(path.read_bytes().replace(b"caf_ au", b"caf\xe9 au"))

    assert b"caf\xe9" in path.read_bytes()
    assert probe(path).num_frames == 3


def test_names_that_are_not_ascii_or_look_like_addresses_are_only_names(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", grey_frames(2))
    odd = path.rename(tmp_path / "http: caf\u00e9 %d [1].mkv")

    assert probe(odd).num_frames == 2


def test_sound_beside_the_pictures_is_noticed_and_passed_over(tmp_path: Path) -> None:
    path = write_video(tmp_path / "loud.mkv", grey_frames(4), Recipe(sound=True))

    assert probe(path).has_audio
    assert numbers_of(read_frames(path, [0.0, 0.3], SPEC)) == [0, 3]


def test_a_file_that_changes_is_scanned_again(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", grey_frames(4))
    before = probe(path)
    shutil.copy(write_video(tmp_path / "w.mkv", grey_frames(9)), path)

    assert (before.num_frames, probe(path).num_frames) == (4, 9)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.MP4", b"", True),
        ("a.txt", b"\x1a\x45\xdf\xa3", False),
        ("a.mp3", b"", False),
        ("a", b"\x1a\x45\xdf\xa3" + bytes(60), True),
        ("a.part1", b"RIFF\x00\x00\x00\x00AVI LIST", True),
        ("a.unknown", b"\x47" + (b"\x00" * 187 + b"\x47") * 3, True),
        ("a.unknown", b"plain words", False),
        ("a.unknown", b"", False),
    ],
)
def test_walking_judges_by_name_then_by_first_bytes(
    tmp_path: Path, name: str, content: bytes, expected: bool
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert looks_like_video(path) is expected


def test_no_extension_is_both_a_video_and_something_else() -> None:
    assert not VIDEO_EXTENSIONS & OTHER_EXTENSIONS


def test_ffmpeg_stays_silent(tmp_path: Path) -> None:
    path = write_video(tmp_path / "noisy.ts", moving_frames(40), h264())
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    path.write_bytes(content)
    program = f"from index.video.file import probe, read_jpeg; read_jpeg({str(path)!r}, 1.5)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert (done.stdout, done.stderr) == (b"", b"")
