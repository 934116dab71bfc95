"""What happens to hits on their way from the best moment to a page; each stage is a generator.

    moments, best first -> least score -> [texts: index.search.fusion] -> distinct -> at most m a
    video -> diverse -> sorted

A stage takes from the one before only as much as it needs, so a page costs what it shows.

Axes: n hits, D dimensions.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cpd_model.encoder import Vectors
from index.search.merging import EQUAL
from index.search.request import SortOrder
from index.search.walk import ScoredSegment

MAX_SORTED = 10_000
"""Hits that are sorted by date or duration: the best ones, where there are more."""

NUM_DIVERSE = 100
"""Hits that are put into an order of diversity; those behind them keep their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextMatch:
    """What a search of texts says of a moment."""

    kind: str
    """`title`, `caption`, `transcript` or `name`."""

    score: float
    """As the texts are ranked among each other; higher is better."""

    snippet: str
    """The words that were found, with some around them."""

    def as_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {"kind": self.kind, "score": self.score, "snippet": self.snippet}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """A moment on its way to a page."""

    moment: ScoredSegment
    value: float
    """What it is ranked by, higher first: its score, or both sides' ranks in one."""

    text: TextMatch | None = None
    """None where no text was found for it."""


@dataclass(frozen=True, slots=True)
class VideoTraits:
    """What stages need to know of a video."""

    content_hash: str
    date: float
    """Seconds since 1970."""
    duration_seconds: float


TraitsOf: TypeAlias = Callable[[int], VideoTraits | None]
"""Of a video's number; None where it is gone."""

VectorsOf: TypeAlias = Callable[[Sequence[int]], Vectors]
"""Unit vectors (n, D) of segments."""


def ranked(moments: Iterable[ScoredSegment]) -> Iterator[Ranked]:
    """Moments by their score."""
    return (Ranked(moment=moment, value=moment.score) for moment in moments)


def scoring_least(hits: Iterable[Ranked], least: float) -> Iterator[Ranked]:
    """Hits, best first, until they score less."""
    return itertools.takewhile(lambda hit: hit.moment.score >= least, hits)


def at_most(hits: Iterable[Ranked], num: int) -> Iterator[Ranked]:
    """Of each video no more hits than so many."""
    counts: dict[int, int] = {}
    for hit in hits:
        number = hit.moment.video_number
        counts[number] = counts.get(number, 0) + 1
        if counts[number] <= num:
            yield hit


def distinct(
    hits: Iterable[Ranked], threshold: float, *, traits_of: TraitsOf, vectors_of: VectorsOf
) -> Iterator[Ranked]:
    """Hits that show something else than all that were told before.

    Two show the same where they are of two files with the same content, or where their best
    windows' cosine reaches the threshold. One of a video that is gone since stands for what it
    showed: that comes up on no later page.
    """
    file_of: dict[str, int] = {}
    told_nD: Vectors | None = None
    num_told = 0
    for hit in hits:
        number = hit.moment.video_number
        traits = traits_of(number)
        content = f"unknown, of {number}" if traits is None else traits.content_hash
        if file_of.get(content, number) != number:
            continue
        vector_D = vectors_of([hit.moment.segment_id])[0]
        if told_nD is None:
            told_nD = np.empty((16, len(vector_D)), dtype=np.float32)
        if (told_nD[:num_told] @ vector_D >= threshold - EQUAL).any():
            continue
        if num_told == len(told_nD):
            told_nD = np.concatenate([told_nD, np.empty_like(told_nD)])
        told_nD[num_told], num_told = vector_D, num_told + 1
        file_of[content] = number
        yield hit


def diverse(
    hits: Iterable[Ranked],
    diversity: float,
    *,
    vectors_of: VectorsOf,
    num_diverse: int = NUM_DIVERSE,
) -> Iterator[Ranked]:
    """The best `num_diverse` hits so that each differs from those before it, then the others.

    Next is always that with the highest `(1 - diversity) * value - diversity * likeness`, where the
    likeness is the highest cosine with a hit that was told, and values are parts of the best one.

    Source: Carbonell and Goldstein 1998, maximal marginal relevance, with lambda = 1 - diversity.
    """
    hits = iter(hits)
    pool = list(itertools.islice(hits, num_diverse))
    if pool:
        vectors_nD = vectors_of([hit.moment.segment_id for hit in pool])
        values_n = np.array([hit.value for hit in pool])
        values_n /= max(float(np.abs(values_n).max()), EQUAL)
        yield from (pool[at] for at in _diverse_order(values_n, vectors_nD, diversity))
    yield from hits


def _diverse_order(
    values_n: np.ndarray[tuple[int], np.dtype[np.float64]], vectors_nD: Vectors, diversity: float
) -> Iterator[int]:
    likeness_n = np.full(len(values_n), -np.inf)
    left_n = np.ones(len(values_n), dtype=bool)
    at = int(np.argmax(values_n))
    while True:
        yield at
        left_n[at] = False
        if not left_n.any():
            return
        likeness_n = np.maximum(likeness_n, vectors_nD @ vectors_nD[at])
        marginal_n = (1 - diversity) * values_n - diversity * likeness_n
        at = int(np.argmax(np.where(left_n, marginal_n, -np.inf)))


def in_order(hits: Iterable[Ranked], sort: SortOrder, *, traits_of: TraitsOf) -> list[Ranked]:
    """The best MAX_SORTED hits, the newest or the shortest first; equal ones keep their order."""
    found = []
    for hit in itertools.islice(hits, MAX_SORTED):
        if (traits := traits_of(hit.moment.video_number)) is not None:
            key = -traits.date if sort == "date" else traits.duration_seconds
            found.append((key, hit))
    return [hit for _, hit in sorted(found, key=lambda pair: pair[0])]
