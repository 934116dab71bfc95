"""A video, a picture and a folder of frames are read one way."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from cpd_model.encoder import ClipSpec, Frames
from index.decoding.pool import DecodePool
from index.errors import NotAVideoError, VideoError
from index.video.file import probe, read_frames
from index.video.media import media_files, media_kind, read_media_clip, read_media_frames
from index.video.picture import Painter, Shape
from tests.index.videos import grey_frames, moving_frames, numbers_of, quarters, write_video

SPEC = ClipSpec(num_frames=4, frame_size=24, resize="crop", short_side=28)
SQUASH = ClipSpec(num_frames=4, frame_size=24, resize="squash", short_side=28)
CLIP = {"num_frames": 4, "span_seconds": None, "place": 0.0, "short_side": 20}
ORIENTATION = 0x0112
UPSIDE_LEFT = 6  # rotate by 270 degrees counterclockwise to display


def write_picture(path: Path, picture_HWC: Frames, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture_HWC).save(path, **options)
    return path


def write_frames(folder: Path, count: int) -> Path:
    """Grey pictures img0.png ... whose names sort wrong as plain text from ten on."""
    for number, picture_HWC in enumerate(grey_frames(count)):
        write_picture(folder / f"img{number}.png", picture_HWC)
    return folder


def read_by_hand(path: Path, spec: ClipSpec) -> Frames:
    """The obvious reading of one picture."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    frame = VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
    return Painter().paint_for(frame, Shape(image.width, image.height, 1.0, 0), spec)


@pytest.fixture(scope="module")
def picture() -> Frames:
    return next(moving_frames(1, width=90, height=64))


@pytest.mark.parametrize("spec", [SPEC, SQUASH], ids=["crop", "squash"])
@pytest.mark.parametrize("name", ["a.jpg", "a.PNG", "a.webp", "a.bmp", "a.tiff"])
def test_a_picture_is_scaled_as_a_frame_of_it(tmp_path, picture, name, spec):
    path = write_picture(tmp_path / name, picture)

    frames = read_media_frames(path, [0.0, 0.5, 1.0], spec)

    assert media_kind(path) == "image"
    assert frames.dtype == np.uint8
    assert np.array_equal(frames, np.stack([read_by_hand(path, spec)] * 3))


def test_a_picture_and_a_video_of_it_are_the_same_pixels(tmp_path, picture):
    still = write_picture(tmp_path / "a.png", picture)
    video = write_video(tmp_path / "a.mkv", [picture] * 3)

    assert np.array_equal(
        read_media_frames(still, [0.1, 0.9], SPEC), read_media_frames(video, [0.1, 0.9], SPEC)
    )
    assert np.array_equal(read_media_clip(still, **CLIP), read_media_clip(video, **CLIP))


def test_a_camera_held_sideways_is_turned(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = UPSIDE_LEFT
    path = write_picture(tmp_path / "a.png", quarters(64, 32), exif=exif)

    (frame,) = read_media_frames(path, [0.5], SQUASH)

    assert read_media_clip(path, **CLIP).shape == (4, 40, 20, 3)
    assert frame[2, 2].tolist() == [0, 0, 255]  # was at the bottom left
    assert frame[2, -3].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK", "I;16"])
def test_every_kind_of_pixel_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    Image.new(mode, (40, 30)).save(path)

    assert read_media_frames(path, [0.0], SPEC).shape == (1, 24, 24, 3)


def test_a_palette_with_transparency_warns_nobody(tmp_path):
    image = Image.new("P", (40, 30))
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")

    with warnings.catch_warnings(record=True) as warned:
        read_media_frames(tmp_path / "a.png", [0.0], SPEC)

    assert warned == []


@given(count=st.integers(1, 12), fractions=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_a_folder_is_read_by_the_place_in_its_list(tmp_path_factory, count, fractions):
    folder = write_frames(tmp_path_factory.mktemp("frames"), count)
    expected = [min(int(fraction * count), count - 1) for fraction in fractions]

    assert numbers_of(read_media_frames(folder, fractions, SPEC)) == expected


def test_frames_come_in_natural_order_and_other_files_are_ignored(tmp_path):
    folder = write_frames(tmp_path / "frames", 12)
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.png").write_text("x")
    (folder / "img3.png.d").mkdir()
    (folder / "dir.png").mkdir()

    assert [path.name for path in media_files(folder)] == [f"img{n}.png" for n in range(12)]
    assert media_kind(folder) == "frames"
    assert numbers_of(read_media_clip(folder, **CLIP)) == [1, 4, 7, 10]


def test_a_folder_is_its_pictures_one_by_one(tmp_path):
    pictures = [
        write_picture(tmp_path / "f" / f"{number}.jpg", picture_HWC)
        for number, picture_HWC in enumerate(moving_frames(4))
    ]

    frames = read_media_frames(tmp_path / "f", [0.1, 0.9, 0.1], SPEC)

    by_hand = [read_by_hand(pictures[number], SPEC) for number in (0, 3, 0)]
    assert np.array_equal(frames, np.stack(by_hand))


def test_pictures_of_other_shapes_are_stretched_to_the_first(tmp_path):
    write_picture(tmp_path / "f" / "1.png", quarters(60, 30))
    write_picture(tmp_path / "f" / "2.png", quarters(30, 60))

    clip = read_media_clip(tmp_path / "f", **CLIP)

    assert clip.shape == (4, 20, 40, 3)


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        pytest.param({}, [2, 7, 12, 17], id="no span: all of it"),
        pytest.param({"span_seconds": 9.0}, [2, 7, 12, 17], id="longer than the video"),
        pytest.param({"span_seconds": 0.8}, [1, 3, 5, 7], id="at the beginning"),
        pytest.param({"span_seconds": 0.8, "place": 1.0}, [13, 15, 17, 19], id="at the end"),
        pytest.param({"span_seconds": 0.8, "place": 0.5}, [7, 9, 11, 13], id="in the middle"),
        pytest.param({"middle_seconds": 0.8}, [7, 9, 11, 13], id="all of the middle"),
        pytest.param({"middle_seconds": 7.0}, [2, 7, 12, 17], id="a middle longer than the video"),
        pytest.param(
            {"span_seconds": 0.8, "middle_seconds": 1.0}, [6, 8, 10, 12], id="early in the middle"
        ),
        pytest.param(
            {"span_seconds": 0.8, "middle_seconds": 1.0, "place": 1.0},
            [8, 10, 12, 14],
            id="late in the middle",
        ),
    ],
)
def test_a_clip_covers_the_stretch_that_was_asked_for(grey_video, asked, numbers):
    """Twenty frames in two seconds; a time is answered by the frame that begins nearest to it."""
    clip = read_media_clip(grey_video, **{**CLIP, **asked})

    assert clip.shape == (4, 20, 30, 3)
    assert numbers_of(clip) == pytest.approx(numbers, abs=1)
    assert np.diff(numbers_of(clip)).tolist() == np.diff(numbers).tolist()


def test_fractions_of_a_video_are_parts_of_its_length(grey_video):
    length = probe(grey_video).duration_seconds

    frames = read_media_frames(grey_video, [0.0, 0.26, 1.0], SPEC)

    assert np.array_equal(frames, read_frames(grey_video, [0.0, 0.26 * length, length], SPEC))


def test_a_file_without_an_extension_is_judged_by_its_content(tmp_path, picture, grey_video):
    write_picture(tmp_path / "a.jpg", picture).rename(tmp_path / "picture")
    (tmp_path / "video").write_bytes(grey_video.read_bytes())
    (tmp_path / "text").write_text("neither")

    assert media_kind(tmp_path / "picture") == "image"
    assert media_kind(tmp_path / "video") == "video"
    with pytest.raises(NotAVideoError, match="cannot read text: it is neither"):
        media_kind(tmp_path / "text")


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_broken_picture_names_itself(tmp_path, content):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)

    with pytest.raises(VideoError, match=r"cannot read broken\.jpg: ") as caught:
        read_media_frames(path, [0.5], SPEC)

    assert pickle.loads(pickle.dumps(caught.value)).path == path


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp"])
def test_half_a_picture_is_broken(tmp_path, picture, name):
    path = write_picture(tmp_path / "f" / name, picture)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(VideoError, match=rf"cannot read {name}: "):
        read_media_clip(tmp_path / "f", **CLIP)


@pytest.mark.parametrize("factor", [1.5, 2.5], ids=["what Pillow warns of", "what it refuses"])
def test_a_decompression_bomb_is_not_opened(tmp_path, monkeypatch, factor):
    path = write_picture(tmp_path / "bomb.png", quarters(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(10_000 / factor))

    with pytest.raises(VideoError, match=r"cannot read bomb\.png: its picture has more than"):
        read_media_frames(path, [0.5], SPEC)


def test_what_is_not_there_and_an_empty_folder_are_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(VideoError, match=r"cannot read none\.mp4: there is no such file"):
        read_media_frames(tmp_path / "none.mp4", [0.5], SPEC)
    with pytest.raises(VideoError, match="cannot read empty: the folder holds no picture"):
        read_media_clip(tmp_path / "empty", **CLIP)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_frames": 0},
        {"span_seconds": 0.0},
        {"place": 1.1},
        {"place": float("nan")},
        {"middle_seconds": float("inf")},
        {"middle_seconds": 0.0},
    ],
)
def test_a_clip_that_makes_no_sense_is_refused(grey_video, wrong):
    with pytest.raises(ValueError, match="must be"):
        read_media_clip(grey_video, **{**CLIP, **wrong})


@pytest.mark.parametrize("fractions", [[-0.1], [1.01], [float("nan")]])
def test_fractions_lie_between_begin_and_end(grey_video, fractions):
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        read_media_frames(grey_video, fractions, SPEC)


def test_media_are_read_in_decoder_processes(tmp_path, grey_video):
    frames = write_frames(tmp_path / "frames", 4)
    (tmp_path / "broken.jpg").write_bytes(b"x")

    with DecodePool(num_workers=1) as pool:
        clips = [pool.submit(read_media_clip, p, p, **CLIP) for p in (frames, grey_video)]
        bad = tmp_path / "broken.jpg"
        broken = pool.submit(read_media_frames, bad, bad, [0.5], SPEC)

        assert [future.result().shape for future in clips] == [(4, 20, 30, 3)] * 2
        with pytest.raises(NotAVideoError, match=r"broken\.jpg"):
            broken.result()


@pytest.mark.parametrize("place", [0.0, 0.37, 1.0])
def test_real_clips_give_the_frames_of_their_times(shared_data, place):
    clips = sorted((shared_data / "ucf101" / "PushUps").glob("*.avi"))[:2]
    clips += sorted((shared_data / "msvd").glob("*.*"))[:1]
    assert clips
    for clip in clips:
        length = probe(clip).duration_seconds
        span = min(1.5, length)
        times = place * (length - span) + (np.arange(4) + 0.5) / 4 * span
        squared = ClipSpec(num_frames=4, frame_size=64, resize="crop", short_side=64)

        frames = read_media_clip(clip, num_frames=4, span_seconds=1.5, place=place, short_side=64)
        top, left = ((side - 64) // 2 for side in frames.shape[1:3])

        assert np.array_equal(
            frames[:, top : top + 64, left : left + 64],
            read_frames(clip, times.tolist(), squared),
        )
