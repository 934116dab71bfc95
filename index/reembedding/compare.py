"""Two models of one library, asked the same: how far they agree, and what each costs a query.

Overlap@10 of a query: of the ten best moments of either side the share that the other one has too.
Two moments are one where they are of one video and share at least half of the shorter one; each is
paired once, the best first. 1 means the same moments in any order, 0 that they have none in common.
It says how much a switch would change, not which of the two is right.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cpd_model.encoder import TextEncoder
from index.catalog.records import ModelStatus
from index.library.library import Library
from index.search.moments import Hit, Hits

NUM_MOMENTS = 10
"""Of each side and query."""

_SHARED = 0.5

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedQuery:
    """One query and what both models answered."""

    query: str
    overlap: float
    """In [0, 1]."""
    live: Hits
    other: Hits

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name."""
        return {
            "query": self.query,
            "overlap": round(self.overlap, 4),
            "live": [hit.as_json() for hit in self.live],
            "other": [hit.as_json() for hit in self.other],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedModel:
    """One side, and what a query costs there: the medians of all queries."""

    model: ModelStatus
    encode_ms: float
    """From the text to its vector."""
    search_ms: float
    """From the vector to the moments."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "model": self.model.number,
            "name": self.model.name,
            "videos": self.model.videos,
            "segments": self.model.segments,
            "encode_ms": round(self.encode_ms, 3),
            "search_ms": round(self.search_ms, 3),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What a switch would change."""

    live: ComparedModel
    """The one that answers."""
    other: ComparedModel
    queries: list[ComparedQuery]

    @property
    def overlap(self) -> float:
        """The mean of all queries."""
        return statistics.fmean(query.overlap for query in self.queries)

    def examples(self, count: int) -> list[ComparedQuery]:
        """The queries on which they agree least."""
        return sorted(self.queries, key=lambda query: query.overlap)[:count]

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, and `overlap_at_10`."""
        return {
            "overlap_at_10": round(self.overlap, 4),
            "live": self.live.as_json(),
            "other": self.other.as_json(),
            "queries": [query.as_json() for query in self.queries],
        }


class Side:
    """One model of a library: its open library, and what makes its queries.

    Raises:
        IndexMismatchError: the encoder is another model's.
    """

    def __init__(self, library: Library, encoder: TextEncoder) -> None:
        library.require(fingerprint=encoder.fingerprint, model=encoder.name)
        self._library = library
        self._encoder = encoder
        self._encode_ms: list[float] = []
        self._search_ms: list[float] = []
        library.prepare()

    def ask(self, query: str) -> Hits:
        """Its ten best moments."""
        rows_1D = _timed(self._encode_ms, lambda: self._encoder.encode_text([query]))
        return _timed(
            self._search_ms,
            lambda: self._library.search(
                rows_1D[0], fingerprint=self._encoder.fingerprint, limit=NUM_MOMENTS
            ),
        )

    def told(self) -> ComparedModel:
        """What it was, and what the queries took."""
        return ComparedModel(
            model=self._library.models.get(self._library.settings.model_number),
            encode_ms=statistics.median(self._encode_ms),
            search_ms=statistics.median(self._search_ms),
        )


def compare(live: Side, other: Side, queries: Sequence[str]) -> Comparison:
    """Ask both sides all queries, turn by turn.

    Args:
        queries: one or more, none of them empty.
    """
    for side in (live, other):
        side.ask(queries[0])  # the first one of a process takes longer
    asked = []
    for query in queries:
        answers = live.ask(query), other.ask(query)
        found = ComparedQuery(
            query=query, overlap=overlap(*answers), live=answers[0], other=answers[1]
        )
        asked.append(found)
    return Comparison(live=live.told(), other=other.told(), queries=asked)


def overlap(first: Sequence[Hit], second: Sequence[Hit]) -> float:
    """Of two lists of moments, best first, the share that they have in common, in [0, 1]."""
    left = list(second)
    num_paired = 0
    for hit in first:
        same = next((other for other in left if _is_same(hit, other)), None)
        if same is not None:
            left.remove(same)
            num_paired += 1
    longest = max(len(first), len(second))
    return num_paired / longest if longest else 1.0


def _is_same(one: Hit, other: Hit) -> bool:
    shared = min(one.stop_seconds, other.stop_seconds) - max(one.start_seconds, other.start_seconds)
    shorter = min(one.stop_seconds - one.start_seconds, other.stop_seconds - other.start_seconds)
    return one.video_id == other.video_id and shared >= _SHARED * shorter


def _timed(times_ms: list[float], work: Callable[[], _Answer]) -> _Answer:
    started = time.perf_counter()
    answer = work()
    times_ms.append(1000 * (time.perf_counter() - started))
    return answer
