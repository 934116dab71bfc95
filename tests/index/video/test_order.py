"""Display times worked out from packet tables, against orders known by hand."""

import numpy as np
import pytest

from index.video.order import (
    NEVER,
    NO_TIME,
    has_usable_times,
    mpeg4_order,
    straighten,
    times_in_order,
    vop_kinds,
)


def _ticks(*times: int) -> np.ndarray:
    return np.array(times, dtype=np.int64)


def test_pictures_in_one_packet_each_are_shown_after_the_b_pictures_between() -> None:
    order, clean = mpeg4_order(["I", "P", "B", "B", "P", "B"], [100] * 6)

    assert order == [0, 2, 3, 1, 5, 4]
    assert clean == [True] * 6


def test_a_packed_b_picture_comes_out_with_the_next_packet() -> None:
    # Packets of a DivX file: I, then P with the first B inside, a second B, a dummy.
    order, clean = mpeg4_order(["I", "PB", "B", "P", "PB", "P"], [900, 300, 90, 6, 250, 6])

    assert order == [0, 2, 3, 1, 5, 4]
    assert clean == [True, True, False, False, True, False]


def test_an_empty_packet_shows_nothing() -> None:
    order, _ = mpeg4_order(["I", "", "P"], [100, 1, 100])

    assert order == [0, 2]


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (b"\x00\x00\x01\xb6\x10", "I"),
        (b"\x00\x00\x01\xb0\x01\x00\x00\x01\xb6\x50xx\x00\x00\x01\xb6\x90", "PB"),
        (b"\x00\x00\x01\xb6\xd0", "S"),
        (b"\x00\x00\x01\xb6", ""),
        (b"\x7f", ""),
    ],
)
def test_kinds_of_pictures_are_read_from_their_headers(data: bytes, kinds: str) -> None:
    assert vop_kinds(data) == kinds


def test_the_nth_picture_shown_gets_the_nth_time_slot() -> None:
    times = times_in_order([0, 2, 1], _ticks(10, 20, 30, 40), step=1)

    assert times.tolist() == [10, 30, 20, NEVER]


def test_without_time_slots_pictures_are_spaced_evenly() -> None:
    times = times_in_order([1, 0], _ticks(NO_TIME, NO_TIME), step=40)

    assert times.tolist() == [40, 0]


def test_a_clock_that_jumps_back_goes_on_instead() -> None:
    dts = _ticks(0, 10, 20, 0, 10, 20)
    pts = _ticks(5, 25, 15, 5, 25, 15)

    times = straighten(pts, dts, step=10, back=15, ahead=None)

    assert times.tolist() == [5, 25, 15, 35, 55, 45]


def test_a_clock_that_leaps_ahead_is_pulled_back_where_asked() -> None:
    dts = _ticks(0, 10, 9000, 9010)

    assert straighten(dts, dts, step=10, back=15, ahead=100).tolist() == [0, 10, 20, 30]
    assert straighten(dts, dts, step=10, back=15, ahead=None).tolist() == dts.tolist()


def test_unknown_times_stay_unknown() -> None:
    dts = _ticks(0, 10, NO_TIME, 0, 10)

    times = straighten(dts, dts, step=10, back=5, ahead=None)

    assert times.tolist() == [0, 10, NO_TIME, 20, 30]


@pytest.mark.parametrize(
    ("times", "shown", "usable"),
    [
        ((0, 20, 10), (True, True, True), True),
        ((0, 10, 10), (True, True, True), False),
        ((0, 10, 10), (True, True, False), True),
        ((0, NO_TIME, 10), (True, True, True), False),
        ((0, NO_TIME, 10), (True, False, True), True),
    ],
)
def test_times_are_usable_when_each_shown_packet_has_its_own(
    times: tuple[int, ...], shown: tuple[bool, ...], usable: bool
) -> None:
    assert has_usable_times(_ticks(*times), np.array(shown)) is usable
