"""Reciprocal rank fusion against its formula, and which moment a text belongs to."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.catalog.texts import FoundText
from index.search.arranging import Ranked
from index.search.fusion import fused
from index.search.walk import ScoredSegment
from tests.index.search.brute_force import best_first, scored_segment


def found_text(
    video_number: int, start: float | None = None, stop: float | None = None, score: float = 1.0
) -> FoundText:
    return FoundText(video_number, "transcript", start, stop, score, f"{video_number} at {start}")


def is_searched(video_number: int) -> bool:
    return video_number < 7


def own_moment(text: FoundText) -> ScoredSegment:
    """That of a text alone."""
    assert is_searched(text.video_number)
    start = 0.0 if text.start_seconds is None else text.start_seconds
    stop = start if text.stop_seconds is None else text.stop_seconds
    return scored_segment(text.video_number, 1000 + text.video_number, start, stop, -0.5)


def one_ranking(
    moments: Sequence[ScoredSegment], texts: Sequence[FoundText], weight: float
) -> list[Ranked]:
    return list(
        fused(moments, texts, text_weight=weight, is_searched=is_searched, moment_of=own_moment)
    )


def slow_fusion(
    moments: Sequence[ScoredSegment], texts: Sequence[FoundText], weight: float
) -> list[tuple[ScoredSegment, float]]:
    every, places = list(moments), list[ScoredSegment]()
    for text in texts:
        of_it = [m for m in every if m.video_number == text.video_number and meets(m, text)]
        if not of_it and is_searched(text.video_number):
            own = own_moment(text)
            every.append(own)
            of_it = [own]
        if of_it and of_it[0] not in places:
            places.append(of_it[0])

    def value(moment: ScoredSegment) -> float:
        total = 0.0
        if moment in moments:
            total += (1 - weight) / (60 + 1 + list(moments).index(moment))
        if moment in places:
            total += weight / (60 + 1 + places.index(moment))
        return total

    return sorted(((m, value(m)) for m in every), key=lambda pair: -pair[1])


def meets(moment: ScoredSegment, text: FoundText) -> bool:
    if text.start_seconds is None:
        return True
    stop = text.start_seconds if text.stop_seconds is None else text.stop_seconds
    return not (stop < moment.start_seconds or moment.stop_seconds < text.start_seconds)


moment_lists = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 90)),
    max_size=15,
    unique_by=lambda each: each[:2],
).map(
    lambda drawn: sorted(
        (
            scored_segment(number, 10 * number + at, 10.0 * at, 10.0 * at + 4, score / 100)
            for number, at, score in drawn
        ),
        key=best_first,
    )
)
text_lists = st.lists(
    st.builds(
        lambda number, start, length: found_text(
            number, start, None if start is None or length is None else start + length
        ),
        st.integers(0, 8),
        st.none() | st.integers(0, 60).map(float),
        st.none() | st.integers(0, 9).map(float),
    ),
    max_size=15,
)


@given(moment_lists, text_lists, st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_both_rankings_are_one(
    moments: list[ScoredSegment], texts: list[FoundText], weight: float
) -> None:
    found = one_ranking(moments, texts, weight)

    expected = slow_fusion(moments, texts, weight)
    assert [(hit.moment, hit.value) for hit in found] == [
        (moment, pytest.approx(value)) for moment, value in expected
    ]


def both() -> list[Ranked]:
    moments = [scored_segment(1, 1, 0, 4, 0.9), scored_segment(2, 9, 8, 20, 0.5)]
    texts = [found_text(2, 18, 22), found_text(3), found_text(2, 8, 9), found_text(4, 30, 33)]
    return one_ranking(moments, texts, 0.5)


def test_a_moment_on_both_sides_comes_first_and_tells_both_scores() -> None:
    best = both()[0]

    assert best.moment.segment_id == 9
    assert best.moment.score == 0.5
    assert best.text is not None
    assert best.text.snippet == "2 at 18"
    assert best.value == pytest.approx(0.5 / 62 + 0.5 / 61)


def test_a_text_with_times_makes_a_moment_at_its_time() -> None:
    times = {(h.moment.video_number, h.moment.start_seconds, h.moment.stop_seconds) for h in both()}

    assert (4, 30, 33) in times
    assert len(times) == 4


def test_without_texts_it_is_the_order_of_moments() -> None:
    moments = [scored_segment(i, i, 0, 4, 1 - i / 10) for i in range(5)]

    found = one_ranking(moments, [], 0.5)

    assert [hit.moment for hit in found] == moments


def test_no_moment_is_made_for_a_text_before_its_turn() -> None:
    """To make one is most of the work, and a page shows half of them."""
    texts = [found_text(number) for number in range(6)]

    def only_first(text: FoundText) -> ScoredSegment:
        if text.video_number > 0:
            raise AssertionError("nobody has asked for so many hits")
        return own_moment(text)

    hits = iter(fused([], texts, text_weight=1, is_searched=is_searched, moment_of=only_first))

    assert next(hits).moment.video_number == 0
