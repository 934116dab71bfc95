"""Where the views of a video lie, worked out by hand."""

from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.errors import InputError
from index.errors import VideoError
from tests.training.colored_clips import write_video
from training.evaluation.view_features import read_views
from training.evaluation.views import ClipShape, Views, crop_starts, crop_views, in_order


def test_the_papers_views_are_ten_clips_from_end_to_end_and_three_crops():
    views = Views.parse("10x3")

    assert views == Views(10, 3)
    assert str(views) == "10x3"
    assert views.places == pytest.approx([number / 9 for number in range(10)])
    assert crop_starts(340, 256, 3) == [0, 42, 84]


def test_the_authors_code_starts_clip_i_of_n_at_i_nths():
    """datasets/decoder.py: start_idx = delta * clip_idx / num_clips."""
    assert Views(10, 3, reaches_end=False).places == pytest.approx([n / 10 for n in range(10)])
    assert Views(1, 1, reaches_end=False).places == [0]
    assert str(Views(10, 3, reaches_end=False)) != str(Views(10, 3))  # a cache tells them apart


def test_one_clip_is_the_middle_and_one_crop_the_centre():
    assert Views(1, 1).places == [0.5]
    assert crop_starts(341, 256, 1) == [42]


@pytest.mark.parametrize("text", ["", "10", "10x", "x3", "0x1", "3x0", "10x3x1", "-1x1", "1.5x1"])
def test_other_views_are_one_sentence(text):
    with pytest.raises(InputError, match="views must be clips x crops"):
        Views.parse(text)


@pytest.mark.parametrize(("height", "width"), [(4, 10), (10, 4)], ids=["landscape", "portrait"])
def test_crops_go_from_one_end_of_the_long_side_to_the_other(height, width):
    long_axis = 1 if height > width else 2
    place = np.arange(10, dtype=np.uint8)
    frames_THWC = np.zeros((2, height, width, 3), dtype=np.uint8)
    frames_THWC += place.reshape((1, -1, 1, 1) if long_axis == 1 else (1, 1, -1, 1))

    crops_KTHWC = crop_views(frames_THWC, 3)

    assert crops_KTHWC.shape == (3, 2, 4, 4, 3)
    for crop_THWC, start in zip(crops_KTHWC, [0, 3, 6], strict=True):
        values = crop_THWC.take(0, axis=0)[..., 0].take(0, axis=2 - long_axis)
        assert values.tolist() == list(range(start, start + 4))


@given(st.integers(1, 300), st.integers(0, 300), st.integers(2, 9))
def test_crops_stay_inside_and_reach_both_ends(size, spare, num_crops):
    starts = crop_starts(size + spare, size, num_crops)

    assert (starts[0], starts[-1]) == (0, spare)
    assert starts == sorted(starts)
    assert len(starts) == num_crops


def test_readings_come_in_their_order_and_no_more_are_started_than_may_be_ahead():
    started = []

    def start(number):
        started.append(number)
        reading = Future()
        if number == 2:
            reading.set_exception(VideoError("2.mp4", "it is bad"))
        else:
            reading.set_result(number)
        return reading

    outcomes = in_order((lambda n=n: start(n) for n in range(6)), num_ahead=3)

    assert next(outcomes) == 0
    assert started == [0, 1, 2]
    _, failure, *others = list(outcomes)
    assert isinstance(failure, VideoError)
    assert others == [3, 4, 5]


def read_here(function, path, *args, **kwargs):
    """What DecodePool.submit does, in this process."""
    reading = Future()
    try:
        reading.set_result(function(*args, **kwargs))
    except VideoError as error:
        reading.set_exception(error)
    return reading


def test_a_video_comes_as_clips_of_crops_and_a_failed_one_with_its_reason(tmp_path):
    write_video(tmp_path / "red.mkv", (255, 0, 0), size=(64, 32), num_frames=20)
    (tmp_path / "broken.mkv").write_bytes(b"")
    paths = [tmp_path / "broken.mkv", tmp_path / "red.mkv"]
    shape = ClipShape(num_frames=4, span_seconds=0.8, pixels=16)

    (_, failed), (path, clips) = read_views(paths, Views(5, 3), shape, submit=read_here)

    assert failed.path == paths[0]
    assert failed.reason
    assert path == paths[1]
    assert [clip.shape for clip in clips] == [(3, 4, 16, 16, 3)] * 5
    assert clips[0][..., 0].min() > 240
