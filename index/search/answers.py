"""An answer as far as it was told, and those that are held for their next pages."""

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cpd_model.encoder import Vectors
from index.catalog.texts import FoundText
from index.search.arranging import (
    Ranked,
    VideoTraits,
    at_most,
    distinct,
    diverse,
    in_order,
    ranked,
    scoring_least,
)
from index.search.fusion import K, fused, share_time
from index.search.request import SearchRequest
from index.search.trace import Trace
from index.search.walk import Place, ScoredSegment, Walk
from index.vectors.view import View

_NUM_HELD = 4
_HELD_SECONDS = 300.0
"""An answer that nobody asked for during this time is let go: it holds the vectors that it was
found among."""


class Sources(Protocol):
    """Where stages get what is not in a moment."""

    @property
    def texts(self) -> Sequence[FoundText]:
        """Texts that were found, best first."""
        ...

    def traits_of(self, video_number: int, /) -> VideoTraits | None:
        """Of a video; None where it is gone."""
        ...

    def vectors_of(self, segment_ids: Sequence[int], /) -> Vectors:
        """Unit vectors (n, D) of segments."""
        ...

    def is_searched(self, video_number: int, /) -> bool:
        """Whether windows of the video may be found, of those that texts were found of."""
        ...

    def moment_of(self, text: FoundText, /) -> ScoredSegment:
        """The moment of a text that no other moment stands for."""
        ...


@dataclass(slots=True, kw_only=True)
class Answer:
    """The hits of one question, drawn as far as somebody asks; for one thread at a time."""

    walk: Walk
    hits: Iterator[Ranked]
    trace: Trace
    is_walked: bool
    """Whether it is gone on with from any hit; else from how many were told."""
    is_fused: bool
    """Whether texts were asked too."""
    num_videos: int | None = None
    """How many the filter keeps; None where nothing is filtered."""
    told: list[Ranked] = field(default_factory=list)
    asked_at: float = 0.0

    @property
    def view(self) -> View:
        """The vectors that it is found among."""
        return self.walk.view

    def page(self, start: int, limit: int) -> list[Ranked]:
        """Hits from a place on; fewer where there are no more."""
        missing = start + limit - len(self.told)
        self.told.extend(itertools.islice(self.hits, max(missing, 0)))
        return self.told[start : start + limit]

    def place_after(self, place: Place) -> int | None:
        """Where it goes on behind a hit; None where it did not tell that one."""
        last = (hit.moment for hit in reversed(self.told))
        for number, moment in enumerate(last):
            if (moment.score, moment.segment_id) == place:
                return len(self.told) - number
        return None


def answer_to(request: SearchRequest, walk: Walk, sources: Sources, trace: Trace) -> Answer:
    """An answer of which nothing is drawn yet."""
    hits: Iterator[Ranked] = trace.through(
        "moments", ranked(walked(walk, at_once=first_steps(request)))
    )
    if request.min_score is not None:
        hits = scoring_least(hits, request.min_score)
    if request.is_hybrid:
        hits = trace.through("texts", _fused(hits, request, sources))
    if request.distinct is not None:
        different = distinct(
            hits, request.distinct, traits_of=sources.traits_of, vectors_of=sources.vectors_of
        )
        hits = trace.through("distinct", different)
    if request.per_video is not None and not is_limited_by_walk(request):
        hits = trace.through("per video", at_most(hits, request.per_video))
    if request.diversity:
        differing = diverse(hits, request.diversity, vectors_of=sources.vectors_of)
        hits = trace.through("diversity", differing)
    if request.sort != "score":
        hits = trace.through("sort", _sorted(hits, request, sources))
    return Answer(
        walk=walk,
        hits=hits,
        trace=trace,
        is_walked=request.is_walked,
        is_fused=request.is_hybrid,
    )


def walked(walk: Walk, *, at_once: int) -> Iterator[ScoredSegment]:
    """All that a walk can tell; more at a time, the more was drawn."""
    num_told = 0
    while True:
        walk.reach(num_told + max(at_once, num_told))
        if len(walk.settled) == num_told:
            return
        yield from itertools.islice(walk.settled, num_told, None)
        num_told = len(walk.settled)


def first_steps(request: SearchRequest) -> int:
    """So many moments will be wanted at least."""
    return request.num_ranks if request.is_hybrid else request.limit


def is_limited_by_walk(request: SearchRequest) -> bool:
    """Whether the walk itself counts hits of a video: nothing before drops any of them."""
    return not request.is_hybrid and request.distinct is None


def _fused(hits: Iterator[Ranked], request: SearchRequest, sources: Sources) -> Iterator[Ranked]:
    """Both sides in one as far as both have places; behind that the moments go on alone."""
    best = [hit.moment for hit in itertools.islice(hits, request.num_ranks)]
    both = fused(
        best,
        sources.texts,
        text_weight=request.text_weight,
        is_searched=sources.is_searched,
        moment_of=sources.moment_of,
    )
    told = []
    for hit in both:
        if hit.text is not None:
            told.append(hit.moment)
        yield hit
    for place, hit in enumerate(hits, len(best) + 1):
        if not any(share_time(hit.moment, moment) for moment in told):
            yield Ranked(moment=hit.moment, value=(1 - request.text_weight) / (K + place))


def _sorted(hits: Iterable[Ranked], request: SearchRequest, sources: Sources) -> Iterator[Ranked]:
    yield from in_order(hits, request.sort, traits_of=sources.traits_of)


class HeldAnswers:
    """Answers whose next page may be asked for; any number of threads may use it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[tuple[bytes, str], Answer] = {}

    def take(self, key: tuple[bytes, str]) -> Answer | None:
        """The answer of a question and the generation of its first page, which is held no more."""
        with self._lock:
            self._let_go()
            return self._held.pop(key, None)

    def put(self, key: tuple[bytes, str], answer: Answer) -> None:
        """Hold an answer until its next page is asked for, or others are asked more lately."""
        with self._lock:
            answer.asked_at = self._clock()
            self._held[key] = answer
            while len(self._held) > _NUM_HELD:
                self._held.pop(next(iter(self._held)))

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._held.clear()

    def _let_go(self) -> None:
        earliest = self._clock() - _HELD_SECONDS
        self._held = {k: each for k, each in self._held.items() if each.asked_at >= earliest}
