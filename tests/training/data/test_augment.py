"""A clip is cut and mirrored as one piece, by draws that depend on the generator alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.augment import ClipPlan, centre_plan, cut_square, draw_plan, names_a_side

parts = st.floats(0, 1)
sides = st.integers(4, 12)
seeds = st.integers(0, 2**32 - 1)


def numbered(height, width):
    """Two frames whose first channel is the row and whose second is the column; third: frame."""
    frames = np.zeros((2, height, width, 3), dtype=np.uint8)
    frames[..., 0] = np.arange(height)[:, None]
    frames[..., 1] = np.arange(width)
    frames[1, ..., 2] = 1
    return frames


def plan(**changes):
    return ClipPlan(
        **{"place": 0, "short_side": 4, "top": 0, "left": 0, "mirrored": False} | changes
    )


@given(height=sides, width=sides, top=parts, left=parts, mirrored=st.booleans())
def test_a_square_is_a_piece_of_every_frame_in_the_same_place(height, width, top, left, mirrored):
    frames = numbered(height, width)

    square = cut_square(frames, plan(top=top, left=left, mirrored=mirrored), size=4)

    first_row, first_column = square[0, 0, 0, 0], square[..., 1].min()
    columns = np.arange(first_column, first_column + 4)
    assert square.shape == (2, 4, 4, 3)
    assert (square[..., 0] == np.arange(first_row, first_row + 4)[:, None]).all()
    assert (square[..., 1] == (columns[::-1] if mirrored else columns)).all()
    assert square[0, ..., 2].max() == 0
    assert square[1, ..., 2].min() == 1
    assert square.flags.c_contiguous


@pytest.mark.parametrize(
    ("part", "offsets"),
    [
        pytest.param(0.0, [0, 0, 0], id="first"),
        pytest.param(0.5, [0, 1, 2], id="the centre, as the index cuts it"),
        pytest.param(1.0, [0, 2, 5], id="last"),
    ],
)
def test_parts_reach_from_edge_to_edge(part, offsets):
    cut = [
        cut_square(numbered(4 + spare, 4), plan(top=part), size=4)[0, 0, 0, 0]
        for spare in (0, 2, 5)
    ]

    assert cut == offsets


def test_every_offset_is_as_likely():
    random = np.random.default_rng(0)
    frames = numbered(4, 8)

    lefts = [
        cut_square(frames, plan(left=random.random()), size=4)[0, 0, 0, 1] for _ in range(4000)
    ]

    counts = np.bincount(lefts)
    assert len(counts) == 5
    assert counts == pytest.approx(800, abs=120)


def test_frames_smaller_than_the_square_are_refused():
    with pytest.raises(ValueError, match="cannot cut 8 pixels out of frames of 9x7"):
        cut_square(numbered(7, 9), plan(), size=8)


@given(seed=seeds, low=st.integers(1, 400), more=st.integers(0, 90), mirror=st.booleans())
def test_a_draw_is_within_its_bounds_and_the_same_again(seed, low, more, mirror):
    def draw(mirror):
        return draw_plan(
            np.random.default_rng(seed), short_side_pixels=(low, low + more), mirror=mirror
        )

    drawn, without = draw(mirror), draw(False)

    assert drawn == draw(mirror)
    assert low <= drawn.short_side <= low + more
    assert all(0 <= part <= 1 for part in (drawn.place, drawn.top, drawn.left))
    assert not without.mirrored
    assert (drawn.place, drawn.short_side, drawn.top, drawn.left) == (
        without.place,
        without.short_side,
        without.top,
        without.left,
    )


def test_half_of_the_clips_are_mirrored_and_all_scales_occur():
    random = np.random.default_rng(0)

    drawn = [draw_plan(random, short_side_pixels=(256, 259), mirror=True) for _ in range(4000)]

    assert sum(each.mirrored for each in drawn) == pytest.approx(2000, abs=150)
    assert {each.short_side for each in drawn} == {256, 257, 258, 259}


def test_the_centre_draws_nothing():
    centre = centre_plan(256)

    assert (centre.place, centre.short_side, centre.mirrored) == (0.5, 256, False)


@pytest.mark.parametrize(
    ("caption", "names"),
    [
        ("a man turns left", True),
        ("Left, then straight on", True),
        ("the right-hand lane", True),
        ("a righthanded pitcher", True),
        ("moves leftwards", True),
        ("the rightmost of three", True),
        ("RIGHT!", True),
        ("a bright light in the cleft", False),
        ("copyright", False),
        ("she writes leftovers down", False),
        ("a dog runs", False),
    ],
)
def test_a_side_is_named_by_a_word_of_its_own(caption, names):
    assert names_a_side([caption]) is names
    assert names_a_side(["a dog", caption]) is names
