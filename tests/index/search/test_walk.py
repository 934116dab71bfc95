"""Walks through all moments of a view, in pages, against brute force.

Axes: N rows, D dimensions.
"""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.encoder import Vectors
from index.catalog.connection import Stand
from index.search.walk import Place, Route, ScoredSegment, Walk
from index.vectors.view import View
from tests.index.libraries import unit_rows
from tests.index.search.brute_force import best_first, slow_merge
from tests.index.search.views import Truth, a_video, make_view, views

queries = st.integers(0, 100).map(lambda seed: unit_rows(1, seed=seed)[0])
per_videos = st.none() | st.integers(1, 3)


def with_bits(truth: Truth, query_D: Vectors) -> list[ScoredSegment]:
    """All live windows, scored as a view scores them: equal ones are equal to the last bit."""
    query_D = query_D / np.float32(np.linalg.norm(query_D))
    inverse_N = (1 / np.linalg.norm(truth.vectors_ND, axis=1)).astype(np.float32)
    scores_N = (np.vecdot(truth.vectors_ND, query_D) * inverse_N).clip(-1, 1)
    pairs = zip(truth.windows, scores_N.tolist(), strict=True)
    return [replace(window, score=score) for window, score in pairs]


def slow_walk(
    truth: Truth, query_D: Vectors, *, merge: bool, per_video: int | None
) -> list[ScoredSegment]:
    """All of it: the best first, and of each video the first few."""
    windows = with_bits(truth, query_D)
    if merge:
        unit_D = query_D / np.float32(np.linalg.norm(query_D))
        windows = slow_merge(windows, background=truth.view.background(unit_D))
    told: list[ScoredSegment] = []
    for window in sorted(windows, key=best_first):
        of_video = [other for other in told if other.video_number == window.video_number]
        if per_video is None or len(of_video) < per_video:
            told.append(window)
    return told


def place_of(moment: ScoredSegment) -> Place:
    return Place(moment.score, moment.segment_id)


@given(views, queries, st.booleans(), per_videos, st.lists(st.integers(1, 40), min_size=1))
def test_one_walk_in_steps_tells_all_there_is(
    truth: Truth, query_D: Vectors, merge: bool, per_video: int | None, steps: list[int]
) -> None:
    walk = Walk(truth.view, query_D, Route(merge=merge, per_video=per_video))

    for num in np.cumsum(steps):
        walk.reach(int(num))
    walk.reach(10_000)

    assert walk.settled == slow_walk(truth, query_D, merge=merge, per_video=per_video)


@given(
    views,
    queries,
    st.booleans(),
    per_videos,
    st.integers(1, 30),
    st.lists(st.integers(1, 5), max_size=3),
    st.lists(st.integers(0, 7), max_size=3),
)
def test_pages_are_one_walk_whatever_is_added_and_removed_meanwhile(
    truth: Truth,
    query_D: Vectors,
    merge: bool,
    per_video: int | None,
    size: int,
    added: list[int],
    removed: list[int],
) -> None:
    """Each page is a walk of its own, in the view of its time."""
    whole = slow_walk(truth, query_D, merge=merge, per_video=per_video)
    first = Walk(truth.view, query_D, Route(merge=merge, per_video=per_video))
    first.reach(size)
    pages, page, view = [], first.settled[:size], truth.view
    gone: set[int] = set()
    while page:
        expected = [m for m in whole if m.video_number not in gone]
        if pages:
            expected = [m for m in expected if best_first(m) > best_first(pages[-1])]
        assert page == expected[:size]
        pages += page
        view = changed(view, added, removed, step=len(pages))
        gone |= set(removed[:1])
        removed = removed[1:]
        walk = Walk(
            view,
            query_D,
            Route(
                merge=merge,
                per_video=per_video,
                background=first.background,
                last_segment_id=truth.view.last_segment_id,
                after=place_of(pages[-1]),
            ),
        )
        walk.reach(size)
        page = walk.settled[:size]

    assert pages == sorted(pages, key=best_first)


def changed(view: View, added: list[int], removed: list[int], *, step: int) -> View:
    """A later view: one more video of each size, and the first of those that are to go gone."""
    next_id = max(view.last_segment_id, 10_000) + 1
    videos = []
    for size in added:
        videos.append(a_video(100 + step, next_id, unit_rows(size, seed=step).astype(np.float16)))
        next_id += size + 1
    every = view.columns(np.arange(view.num_in_parts + view.tail.num_rows))
    gone = every.ids_N[np.isin(every.video_numbers_N, removed[:1])]
    stand = Stand("library", view.stand.generation + 1, f"step {step}")
    return view.advanced(stand=stand, added=videos, removed_ids=gone)


@given(views, queries, st.sets(st.integers(0, 8)))
def test_a_walk_in_some_videos_tells_theirs(
    truth: Truth, query_D: Vectors, numbers: set[int]
) -> None:
    videos = np.array(sorted(numbers), dtype=np.int64)
    kept = truth.view.rows_of_videos(videos)
    walk = Walk(truth.view, query_D, Route(merge=True, kept=kept))

    walk.reach(10_000)

    whole = slow_walk(truth, query_D, merge=True, per_video=None)
    assert walk.settled == [m for m in whole if m.video_number in numbers]


def test_a_walk_goes_on_far_down_without_those_before() -> None:
    truth = make_view([50] * 40, num_in_main=40, removed=set(), seed=1, num_distinct=10_000)
    query_D = unit_rows(1, seed=3)[0]
    first = Walk(truth.view, query_D, Route(merge=True))
    first.reach(400)
    after = place_of(first.settled[300])

    walk = Walk(truth.view, query_D, Route(merge=True, after=after))
    walk.reach(10)

    assert walk.settled[:10] == first.settled[301:311]


def test_a_walk_that_begins_far_down_looks_at_little_more_than_lies_before() -> None:
    truth = make_view([50] * 40, num_in_main=40, removed=set(), seed=1, num_distinct=10_000)
    query_D = unit_rows(1, seed=3)[0]
    first = Walk(truth.view, query_D, Route(merge=False))
    first.reach(400)
    assert first.num_passed(300) == 299  # better ones; the last one itself is met again
    after = place_of(first.settled[299])

    walk = Walk(truth.view, query_D, Route(merge=False, after=after), num_before=300)
    walk.reach(10)

    assert walk.settled[:10] == first.settled[300:310]
    assert (walk.num_fetches, walk.num_candidates) == (1, 364)


def test_a_walk_knows_how_many_windows_score_more_than_each_moment() -> None:
    truth = make_view([50] * 40, num_in_main=40, removed=set(), seed=1, num_distinct=10_000)
    query_D = unit_rows(1, seed=3)[0]
    walk = Walk(truth.view, query_D, Route(merge=True))

    for num in (5, 20, 100):
        walk.reach(num)

    scores = [window.score for window in with_bits(truth, query_D)]
    better = [sum(score > moment.score for score in scores) for moment in walk.settled]
    assert [walk.num_passed(num) for num in range(1, 1 + len(walk.settled))] == better
    assert walk.num_passed(0) == 0
