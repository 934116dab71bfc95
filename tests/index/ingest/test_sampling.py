"""Time arithmetic: every moment is covered, every time lies inside, neighbours share."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.ingest.sampling import SamplingPlan, plan_sampling
from index.segments import Segment

durations = st.floats(0.01, 60) | st.sampled_from([4.0, 6.0, 8.0])
windows = st.floats(0.5, 20)
hop_shares = st.floats(0.1, 1) | st.just(0.5) | st.just(1.0)
frame_counts = st.integers(1, 16)
spans = st.none() | st.floats(0.05, 30)


@st.composite
def plans(draw: st.DrawFn) -> tuple[SamplingPlan, float, float, int]:
    """A plan with its duration, window and number of frames."""
    duration, window, count = draw(durations), draw(windows), draw(frame_counts)
    plan = plan_sampling(
        duration,
        window_seconds=window,
        hop_seconds=window * draw(hop_shares),
        num_frames=count,
        span_seconds=draw(spans),
    )
    return plan, duration, window, count


@given(plans())
def test_every_moment_of_the_video_is_in_a_segment(
    drawn: tuple[SamplingPlan, float, float, int],
) -> None:
    plan, duration, _, _ = drawn

    starts = [segment.start_seconds for segment in plan.segments]
    stops = [segment.stop_seconds for segment in plan.segments]

    assert starts[0] == 0
    assert stops[-1] == duration
    assert starts == sorted(set(starts))
    assert stops == sorted(set(stops))
    gaps = np.array(starts[1:]) - np.array(stops[:-1])
    assert (gaps <= 1e-6).all()  # a hop of one window leaves a hair by rounding


@given(plans())
def test_no_segment_is_empty_or_much_longer_than_the_window(
    drawn: tuple[SamplingPlan, float, float, int],
) -> None:
    plan, _, window, count = drawn

    lengths = np.array([s.stop_seconds - s.start_seconds for s in plan.segments])

    assert (lengths > 0).all()
    assert (lengths <= window + window / count / 2 + 1e-6).all()


@given(plans())
def test_times_are_inside_their_segments(drawn: tuple[SamplingPlan, float, float, int]) -> None:
    plan, duration, _, count = drawn

    times_ST = plan.times_N[plan.frame_index_ST]

    assert times_ST.shape == (len(plan.segments), count)
    starts_S = np.array([segment.start_seconds for segment in plan.segments])
    stops_S = np.array([segment.stop_seconds for segment in plan.segments])
    assert (times_ST >= starts_S[:, None] - 1e-6).all()
    assert (times_ST <= stops_S[:, None] + 1e-6).all()
    assert plan.times_N[-1] <= duration


@given(plans())
def test_times_are_sorted_different_and_all_used(
    drawn: tuple[SamplingPlan, float, float, int],
) -> None:
    plan, _, _, _ = drawn

    assert (np.diff(plan.times_N) > 0).all()
    assert (np.diff(plan.frame_index_ST, axis=1) >= 0).all()
    assert np.array_equal(np.unique(plan.frame_index_ST), np.arange(len(plan.times_N)))


@given(hours=st.floats(0.1, 3), num_frames=st.sampled_from([4, 8]), hop=st.sampled_from([1.0, 2.0]))
def test_neighbours_share_all_coinciding_times_even_hours_into_a_video(
    hours: float, num_frames: int, hop: float
) -> None:
    plan = plan_sampling(hours * 3600, hop_seconds=hop, num_frames=num_frames)

    new_each_hop = num_frames * hop / 4
    most = num_frames + new_each_hop * (len(plan.segments) - 1)
    assert len(plan.times_N) <= most


@pytest.mark.parametrize(("window", "hop"), [(0.3, 0.1), (0.6, 0.2), (2.1, 0.7)])
def test_decimal_windows_share_times_despite_binary_fractions(window: float, hop: float) -> None:
    plan = plan_sampling(60 * window, window_seconds=window, hop_seconds=hop, num_frames=3)

    assert len(plan.times_N) == 3 * 60


def gaps_of(times: list[float], duration: float, *, window: float) -> NDArray[np.float64]:
    """What a scan hands the plan: stretches longer than the window without a new frame."""
    pairs = itertools.pairwise([*times, duration])
    return np.array([pair for pair in pairs if pair[1] - pair[0] > window]).reshape(-1, 2)


@given(
    steps=st.lists(st.floats(0.01, 1) | st.floats(1, 5000), max_size=12),
    tail=st.floats(0.01, 50_000),
    window=windows,
    hop_share=hop_shares,
)
def test_the_segments_of_a_video_are_bounded_by_its_frames(
    steps: list[float], tail: float, window: float, hop_share: float
) -> None:
    """Whatever its timestamps claim: each frame lies in so many windows, and one rest is left."""
    times = list(itertools.accumulate(steps, initial=0.0))
    duration, hop = times[-1] + tail, window * hop_share

    plan = plan_sampling(
        duration,
        window_seconds=window,
        hop_seconds=hop,
        num_frames=4,
        gaps_G2=gaps_of(times, duration, window=window),
    )

    windows_of_a_frame = math.ceil(window / hop + 1e-6) + 1
    assert 1 <= len(plan.segments) <= windows_of_a_frame * len(times) + 1


@given(
    steps=st.lists(st.floats(0.01, 1) | st.floats(1, 500), max_size=12),
    tail=st.floats(0.01, 500),
    window=windows,
    hop_share=hop_shares,
)
def test_the_windows_that_a_gap_leaves_out_are_those_without_a_frame(
    steps: list[float], tail: float, window: float, hop_share: float
) -> None:
    """The slow twin: all windows of the video, each asked for a frame that begins in it."""
    times = list(itertools.accumulate(steps, initial=0.0))
    duration, hop = times[-1] + tail, window * hop_share
    options = {"window_seconds": window, "hop_seconds": hop}

    gaps_G2 = gaps_of(times, duration, window=window)
    plan = plan_sampling(duration, num_frames=4, gaps_G2=gaps_G2, **options)

    every = plan_sampling(duration, num_frames=4, **options).segments
    kept = set(plan.segments)
    assert kept <= set(every)
    hair = 1e-6 * max(1.0, duration)
    for segment in every:
        start, stop = segment.start_seconds, segment.stop_seconds
        if any(start + hair < time < stop - hair for time in times):
            assert segment in kept
        elif not any(start - hair < time < stop + hair for time in times):
            whole = stop - start >= window - hair
            assert segment not in kept or (not whole and tail <= window + hair)


def test_a_slide_show_is_searched_where_each_slide_appears() -> None:
    slides = [0.0, 10.0, 20.0]

    plan = plan_sampling(30.0, num_frames=4, gaps_G2=gaps_of(slides, 30.0, window=4.0))

    assert plan.segments == [
        Segment(0, 4),
        Segment(8, 12),
        Segment(10, 14),
        Segment(18, 22),
        Segment(20, 24),
    ]
    assert plan.times_N[plan.frame_index_ST[1]].tolist() == [8.5, 9.5, 10.5, 11.5]


def test_slides_that_change_within_a_window_are_covered_without_a_hole() -> None:
    slides = [0.0, 4.0, 8.0, 12.0]

    plan = plan_sampling(16.0, num_frames=4, gaps_G2=gaps_of(slides, 16.0, window=4.0))

    assert plan.segments == plan_sampling(16.0, num_frames=4).segments


def test_one_frame_that_claims_a_day_is_one_segment() -> None:
    plan = plan_sampling(86_400.0, num_frames=4, gaps_G2=np.array([[0.0, 86_400.0]]))

    assert plan.segments == [Segment(0, 4)]


def test_windows_of_four_seconds_every_two_share_half_their_frames() -> None:
    plan = plan_sampling(9.5, num_frames=4)

    assert plan.segments == [Segment(0, 4), Segment(2, 6), Segment(4, 8), Segment(6, 9.5)]
    assert plan.times_N.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5]
    assert plan.frame_index_ST.tolist() == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [4, 5, 6, 7],
        [6, 6, 7, 8],
    ]


def test_a_short_video_is_one_segment_with_its_times_spread_over_it() -> None:
    plan = plan_sampling(2.0, num_frames=4)

    assert plan.segments == [Segment(0, 2)]
    assert plan.times_N.tolist() == [0.25, 0.75, 1.25, 1.75]


@pytest.mark.parametrize(
    ("duration", "segments"),
    [
        (4.0, [Segment(0, 4)]),
        (4.25, [Segment(0, 4.25)]),
        (4.26, [Segment(0, 4), Segment(2, 4.26)]),
        (6.0, [Segment(0, 4), Segment(2, 6)]),
    ],
)
def test_a_rest_below_half_a_frame_spacing_only_lengthens_the_last_segment(
    duration: float, segments: list[Segment]
) -> None:
    plan = plan_sampling(duration, num_frames=8)

    assert plan.segments == segments


@pytest.mark.parametrize("hair", [-1e-9, 0.0, 1e-9])
def test_a_duration_a_hair_off_a_whole_number_of_hops_gives_the_same_windows(hair: float) -> None:
    plan = plan_sampling(7200 + hair, num_frames=8)

    assert len(plan.segments) == 3599


def test_a_span_keeps_the_times_in_the_middle_of_the_window() -> None:
    plan = plan_sampling(4.0, num_frames=4, span_seconds=1.0)

    assert plan.times_N.tolist() == [1.625, 1.875, 2.125, 2.375]


def test_a_span_of_a_rest_is_centred_in_the_rest() -> None:
    plan = plan_sampling(5.5, num_frames=2, hop_seconds=4.0, span_seconds=2.0)

    assert plan.segments == [Segment(0, 4), Segment(4, 5.5)]
    assert plan.times_N[plan.frame_index_ST].tolist() == [[1.5, 2.5], [4.375, 5.125]]


@given(duration=durations, num_frames=frame_counts)
def test_a_span_of_the_whole_window_is_no_span(duration: float, num_frames: int) -> None:
    spanned = plan_sampling(duration, num_frames=num_frames, span_seconds=4.0)
    plain = plan_sampling(duration, num_frames=num_frames)

    assert spanned.segments == plain.segments
    assert np.array_equal(spanned.times_N, plain.times_N)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_seconds", 0.0),
        ("hop_seconds", -1.0),
        ("hop_seconds", 4.5),
        ("num_frames", 0),
        ("span_seconds", math.nan),
    ],
)
def test_lengths_that_make_no_sense_are_refused(name: str, value: float) -> None:
    lengths: dict[str, float] = {"window_seconds": 4.0, "num_frames": 8} | {name: value}

    with pytest.raises(ValueError, match=name.removesuffix("_seconds")):
        plan_sampling(10.0, **lengths)  # type: ignore[arg-type]  # floats that are ints


@pytest.mark.parametrize("duration", [0.0, -1.0, math.inf, math.nan])
def test_a_duration_must_be_positive_and_finite(duration: float) -> None:
    with pytest.raises(ValueError, match="duration_seconds"):
        plan_sampling(duration, num_frames=8)
