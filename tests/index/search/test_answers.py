"""All stages of an answer together, over a view, against the same done plainly to all moments."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.encoder import Vectors
from index.catalog.texts import FoundText
from index.search.answers import Answer, HeldAnswers, answer_to, is_limited_by_walk
from index.search.arranging import (
    Ranked,
    VideoTraits,
    at_most,
    distinct,
    diverse,
    in_order,
    ranked,
)
from index.search.fusion import fused
from index.search.request import SearchRequest
from index.search.trace import Trace
from index.search.walk import Route, ScoredSegment, Walk
from tests.index.libraries import unit_rows
from tests.index.search.brute_force import touch
from tests.index.search.test_walk import slow_walk
from tests.index.search.views import Truth, make_view, views


class FakeSources:
    """Of a truth: four contents, dates and durations that follow from a video's number."""

    def __init__(self, truth: Truth, texts: Sequence[FoundText]) -> None:
        self.texts = texts
        self._truth = truth

    def traits_of(self, number: int) -> VideoTraits:
        return VideoTraits(f"hash {number % 4}", number * 7 % 5, number * 3 % 7)

    def vectors_of(self, segment_ids: Sequence[int]) -> Vectors:
        view = self._truth.view
        rows = [view.num_up_to(segment_id) - 1 for segment_id in segment_ids]
        return view.unit_vectors(np.array(rows, dtype=np.int64))

    def is_searched(self, number: int) -> bool:
        return any(window.video_number == number for window in self._truth.windows)

    def moment_of(self, text: FoundText) -> ScoredSegment:
        return next(w for w in self._truth.windows if w.video_number == text.video_number)


requests = st.builds(
    SearchRequest,
    limit=st.integers(1, 20),
    merge=st.booleans(),
    words=st.just("words"),
    text_weight=st.sampled_from([0.0, 0.0, 0.5]),
    per_video=st.none() | st.integers(1, 3),
    distinct=st.none() | st.sampled_from([0.5, 0.95]),
    diversity=st.sampled_from([0.0, 0.0, 0.5]),
    sort=st.sampled_from(["score", "score", "date", "duration"]),
    min_score=st.none() | st.sampled_from([-0.5, 0.0, 0.5]),
)
found_texts = st.lists(
    st.integers(0, 8).map(lambda n: FoundText(n, "title", None, None, 1.0, f"title of {n}")),
    max_size=5,
)


def slow_answer(
    truth: Truth, query_D: Vectors, request: SearchRequest, sources: FakeSources
) -> list[Ranked]:
    """Every stage done to all that the one before tells."""
    moments = slow_walk(truth, query_D, merge=request.merge, per_video=None)
    if request.min_score is not None:
        moments = [m for m in moments if m.score >= request.min_score]
    hits = list(ranked(moments))
    if request.is_hybrid:
        both = fused(
            moments[: request.num_ranks],
            sources.texts,
            text_weight=request.text_weight,
            is_searched=sources.is_searched,
            moment_of=sources.moment_of,
        )
        hits = list(both)
        of_texts = [hit.moment for hit in hits if hit.text is not None]
        for place, moment in enumerate(moments, 1):
            if place > request.num_ranks and not any(touch(moment, each) for each in of_texts):
                value = (1 - request.text_weight) / (60 + place)
                hits.append(Ranked(moment=moment, value=value))
    of_catalog = {"traits_of": sources.traits_of, "vectors_of": sources.vectors_of}
    if request.distinct is not None:
        hits = list(distinct(hits, request.distinct, **of_catalog))
    if request.per_video is not None:
        hits = list(at_most(hits, request.per_video))
    if request.diversity:
        hits = list(diverse(hits, request.diversity, vectors_of=sources.vectors_of))
    if request.sort != "score":
        hits = in_order(hits, request.sort, traits_of=sources.traits_of)
    return hits


def answer_of(
    truth: Truth, query_D: Vectors, request: SearchRequest, sources: FakeSources
) -> Answer:
    limited = request.per_video if is_limited_by_walk(request) else None
    walk = Walk(truth.view, query_D, Route(merge=request.merge, per_video=limited))
    return answer_to(request, walk, sources, Trace())


@given(views, st.integers(0, 100), requests, found_texts)
def test_an_answer_is_that_of_all_stages_over_the_whole_library(
    truth: Truth, seed: int, request: SearchRequest, texts: list[FoundText]
) -> None:
    query_D, sources = unit_rows(1, seed=seed)[0], FakeSources(truth, texts)
    answer = answer_of(truth, query_D, request, sources)

    pages = [answer.page(start, request.limit) for start in range(0, 5000, request.limit)][:300]

    whole = slow_answer(truth, query_D, request, sources)
    assert list(itertools.chain(*pages)) == whole[: 300 * request.limit]


def test_a_page_looks_no_further_than_it_must() -> None:
    truth = make_view([40] * 50, num_in_main=50, removed=set(), seed=1, num_distinct=10_000)
    sources = FakeSources(truth, [])
    query_D = unit_rows(1, seed=3)[0]

    plain = answer_of(truth, query_D, SearchRequest(limit=5), sources)
    plain.page(0, 5)
    least = answer_of(truth, query_D, SearchRequest(limit=5, min_score=0.999), sources)
    least.page(0, 5)

    assert plain.walk.num_candidates == least.walk.num_candidates == 80


def test_stages_tell_their_times() -> None:
    truth = make_view([40] * 5, num_in_main=5, removed=set(), seed=1, num_distinct=10_000)
    options: dict[str, Any] = {"distinct": 0.9, "per_video": 1, "diversity": 0.5, "sort": "date"}
    answer = answer_of(
        truth, unit_rows(1, seed=3)[0], SearchRequest(**options), FakeSources(truth, [])
    )

    answer.page(0, 5)

    told = answer.trace.stages_ms()
    assert list(told) == ["moments", "distinct", "per video", "diversity", "sort"]
    assert min(told.values()) >= 0


class TestHeldAnswers:
    def an_answer(self) -> Answer:
        truth = make_view([4], num_in_main=1, removed=set(), seed=1, num_distinct=9)
        return answer_of(truth, unit_rows(1, seed=3)[0], SearchRequest(), FakeSources(truth, []))

    def test_an_answer_is_given_to_one_at_a_time(self) -> None:
        held, answer = HeldAnswers(), self.an_answer()

        held.put((b"name", "epoch"), answer)

        assert held.take((b"name", "other")) is None
        assert held.take((b"name", "epoch")) is answer
        assert held.take((b"name", "epoch")) is None

    def test_the_newest_four_are_held(self) -> None:
        held, answer = HeldAnswers(), self.an_answer()

        for number in range(6):
            held.put((bytes([number]), "epoch"), answer)

        kept = [number for number in range(6) if held.take((bytes([number]), "epoch"))]
        assert kept == [2, 3, 4, 5]

    def test_what_nobody_asks_for_is_let_go(self) -> None:
        now = iter([0.0, 10.0, 311.0, 400.0])
        held = HeldAnswers(clock=lambda: next(now))
        held.put((b"old", "epoch"), self.an_answer())
        held.put((b"new", "epoch"), self.an_answer())

        assert held.take((b"old", "epoch")) is None
        assert held.take((b"new", "epoch")) is None


def test_a_stage_is_counted_without_those_before_it() -> None:
    now = [0.0]
    trace = Trace(clock=lambda: now[0])

    def slow() -> Iterator[int]:
        for item in (1, 2):
            now[0] += 1
            yield item

    def slower(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            now[0] += 3
            yield item

    told = list(trace.through("second", slower(trace.through("first", slow()))))

    assert told == [1, 2]
    assert trace.stages_ms() == pytest.approx({"first": 2000, "second": 6000})
