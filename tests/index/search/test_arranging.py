"""Each stage against its rule, written as slowly and plainly as it can be.

Axes: n hits, D dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.encoder import Vectors
from index.search.arranging import (
    Ranked,
    VideoTraits,
    at_most,
    distinct,
    diverse,
    in_order,
    scoring_least,
)
from tests.index.libraries import unit_rows
from tests.index.search.brute_force import scored_segment


@dataclass(frozen=True)
class Scene:
    """Hits, best first, and what the stages ask about them."""

    hits: list[Ranked]
    traits: dict[int, VideoTraits]
    vectors_nD: Vectors

    def traits_of(self, number: int) -> VideoTraits | None:
        return self.traits.get(number)

    def vectors_of(self, segment_ids: Sequence[int]) -> Vectors:
        return self.vectors_nD[list(segment_ids)]

    def cosine(self, a: Ranked, b: Ranked) -> float:
        of_a, of_b = self.vectors_of([a.moment.segment_id, b.moment.segment_id])
        return float(of_a @ of_b)


def make_scene(numbers: list[int], *, seed: int, num_distinct: int, gone: set[int]) -> Scene:
    """A hit of each video number; of vectors that are drawn from a few, of four contents."""
    rng = np.random.default_rng(seed)
    palette = unit_rows(num_distinct, seed=seed)
    scores = sorted(rng.integers(-20, 100, len(numbers)) / 100, reverse=True)
    hits = [
        Ranked(moment=scored_segment(number, i, 2.0 * i, 2.0 * i + 4, score), value=score)
        for i, (number, score) in enumerate(zip(numbers, map(float, scores), strict=True))
    ]
    traits = {
        number: VideoTraits(f"hash {number % 4}", float(number * 7 % 5), float(number * 3 % 7))
        for number in set(numbers) - gone
    }
    return Scene(hits, traits, palette[rng.integers(0, num_distinct, max(1, len(numbers)))])


scenes = st.builds(
    make_scene,
    st.lists(st.integers(0, 9), max_size=40),
    seed=st.integers(0, 1000),
    num_distinct=st.sampled_from([2, 8, 1000]),
    gone=st.sets(st.integers(0, 9), max_size=2),
)


@given(scenes, st.sampled_from([-1.0, 0.0, 0.25, 0.9]))
def test_hits_that_score_less_are_left_out(scene: Scene, least: float) -> None:
    expected = [hit for hit in scene.hits if hit.moment.score >= least]

    assert list(scoring_least(scene.hits, least)) == expected


@given(scenes, st.integers(1, 4))
def test_a_video_has_at_most_so_many(scene: Scene, num: int) -> None:
    expected: list[Ranked] = []
    for hit in scene.hits:
        same = [h for h in expected if h.moment.video_number == hit.moment.video_number]
        if len(same) < num:
            expected.append(hit)

    assert list(at_most(scene.hits, num)) == expected


@given(scenes, st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_what_shows_the_same_as_a_better_hit_is_left_out(scene: Scene, threshold: float) -> None:
    expected: list[Ranked] = []
    for hit in scene.hits:
        if not any(shows_the_same(scene, hit, told, threshold) for told in expected):
            expected.append(hit)

    found = distinct(scene.hits, threshold, traits_of=scene.traits_of, vectors_of=scene.vectors_of)

    assert list(found) == expected


def shows_the_same(scene: Scene, hit: Ranked, told: Ranked, threshold: float) -> bool:
    numbers = hit.moment.video_number, told.moment.video_number
    traits = [scene.traits_of(number) for number in numbers]
    hashes = [each.content_hash for each in traits if each is not None]
    copies = numbers[0] != numbers[1] and len(hashes) == 2 and len(set(hashes)) == 1
    return copies or scene.cosine(hit, told) >= threshold - 1e-6


@pytest.mark.parametrize("num_diverse", [1, 5, 100])
@given(scene=scenes, diversity=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_each_of_the_first_hits_is_the_best_that_differs(
    num_diverse: int, scene: Scene, diversity: float
) -> None:
    found = list(
        diverse(scene.hits, diversity, vectors_of=scene.vectors_of, num_diverse=num_diverse)
    )

    pool, told = scene.hits[:num_diverse], list[Ranked]()
    highest = max((abs(hit.value) for hit in pool), default=1) or 1

    def marginal(hit: Ranked) -> float:
        likeness = max(scene.cosine(hit, other) for other in told)
        return (1 - diversity) * hit.value / highest - diversity * likeness

    for hit in found[: len(pool)]:
        left = [h for h in pool if h not in told]
        if told:
            assert marginal(hit) == pytest.approx(max(map(marginal, left)), abs=1e-5)
        else:
            assert hit == left[0]
        told.append(hit)
    assert sorted(h.moment.segment_id for h in told) == [h.moment.segment_id for h in pool]
    assert found[len(pool) :] == scene.hits[num_diverse:]


@given(scenes)
def test_no_diversity_keeps_the_order_of_values(scene: Scene) -> None:
    found = list(diverse(scene.hits, 0.0, vectors_of=scene.vectors_of))

    assert [hit.value for hit in found] == [hit.value for hit in scene.hits]


@given(scenes)
def test_the_newest_come_first_and_the_shortest(scene: Scene) -> None:
    there = [hit for hit in scene.hits if hit.moment.video_number in scene.traits]

    def date(hit: Ranked) -> float:
        return scene.traits[hit.moment.video_number].date

    def duration(hit: Ranked) -> float:
        return scene.traits[hit.moment.video_number].duration_seconds

    by_date = in_order(scene.hits, "date", traits_of=scene.traits_of)
    by_duration = in_order(scene.hits, "duration", traits_of=scene.traits_of)

    assert by_date == sorted(there, key=lambda hit: (-date(hit), -hit.value, hit.moment.segment_id))
    assert by_duration == sorted(
        there, key=lambda hit: (duration(hit), -hit.value, hit.moment.segment_id)
    )


def test_a_stage_takes_no_more_than_it_needs() -> None:
    """A page costs what it shows."""
    scene = make_scene(list(range(10)) * 4, seed=1, num_distinct=1000, gone=set())
    drawn: list[Ranked] = []

    def watched() -> "list[Ranked] | object":
        for hit in scene.hits:
            drawn.append(hit)
            yield hit

    stages = distinct(
        at_most(watched(), 2),  # type: ignore[arg-type]  # a generator
        1.0,
        traits_of=lambda number: replace(scene.traits[number], content_hash=str(number)),
        vectors_of=scene.vectors_of,
    )
    for _ in range(5):
        next(stages)

    assert len(drawn) == 5
