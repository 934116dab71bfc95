"""What is asked of a library beside the query's vector, as one value."""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict, get_args

import numpy as np

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError
from index.filters.filter import Filter, in_collections, parse_filter

MAX_LIMIT = 10_000

SortOrder: TypeAlias = Literal["score", "date", "duration"]
"""What comes first: the best, the newest, the shortest."""

SORT_ORDERS: tuple[str, ...] = get_args(SortOrder)


class SearchOptions(TypedDict, total=False):
    """What `search` takes beside the query; the fields of SearchRequest tell what each means."""

    limit: int
    merge: bool
    where: Filter | str | None
    collections: tuple[str, ...] | list[str]
    words: str | None
    text_weight: float
    per_video: int | None
    distinct: float | None
    diversity: float
    sort: SortOrder
    min_score: float | None
    cursor: str | None
    explain: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRequest:
    """One question; `where` and `collections` may be given as people write them."""

    limit: int = 10
    """Hits of one page, 1..10,000."""

    merge: bool = True
    """False for single windows instead of moments."""

    where: Filter | str | None = None
    """Which videos to search, such as `duration<60 and has:gps`."""

    collections: tuple[str, ...] | list[str] = ()
    """Search the videos of these; none for all videos."""

    words: str | None = None
    """What the texts of videos are searched for."""

    text_weight: float = 0.0
    """How much the place among the texts counts, beside that among the moments, 0..1."""

    per_video: int | None = None
    """At most so many hits of one video."""

    distinct: float | None = None
    """Leave out what shows nearly the same as a better hit: another file with the same content,
    or a window whose cosine with the other one's is at least this, in [0, 1]."""

    diversity: float = 0.0
    """How much a hit of the first hundred is to differ from those before it, 0..1."""

    sort: SortOrder = "score"
    """`date` tells the newest first, `duration` the shortest videos."""

    min_score: float | None = None
    """Leave out moments below this cosine, in [-1, 1]."""

    cursor: str | None = None
    """Of the page before, to go on behind it."""

    explain: bool = False
    """Tell how the answer was found."""

    def __post_init__(self) -> None:
        check_limit(self.limit)
        _require_within("text_weight", self.text_weight, 0, 1)
        _require_within("diversity", self.diversity, 0, 1)
        if self.distinct is not None:
            _require_within("distinct", self.distinct, 0, 1)
        if self.min_score is not None:
            _require_within("min_score", self.min_score, -1, 1)
        if self.per_video is not None and self.per_video < 1:
            raise InputError(f"per_video must be at least 1, got {self.per_video}")
        if self.sort not in SORT_ORDERS:
            raise InputError(f"sort is one of {', '.join(SORT_ORDERS)}, got {self.sort!r}")

    @property
    def filter(self) -> Filter | None:
        """Which videos are meant, collections among it; None for all.

        Raises:
            FilterError: `where` is no filter.
        """
        where = parse_filter(self.where) if isinstance(self.where, str) else self.where
        if not self.collections:
            return where
        theirs = in_collections(tuple(self.collections))
        return theirs if where is None else where & theirs

    @property
    def is_hybrid(self) -> bool:
        """Whether texts are asked too."""
        return self.text_weight > 0 and bool(self.words)

    @property
    def is_walked(self) -> bool:
        """Whether hits come as the moments do, the best first, so that any page stands alone."""
        plain = self.distinct is None and not self.diversity and self.sort == "score"
        return plain and not self.is_hybrid

    def name(self, query_D: Vectors, *, fingerprint: str) -> bytes:
        """16 bytes that tell the question from others: all of it but which page.

        Args:
            fingerprint: of the model that made the query.
        """
        where = self.filter
        asked: dict[str, Any] = {
            "model": fingerprint,
            "where": None if where is None else where.as_json(),
            "merge": self.merge,
            "words": self.words if self.is_hybrid else None,
            "text_weight": self.text_weight if self.is_hybrid else 0,
            "ranks": self.num_ranks if self.is_hybrid else 0,
            "per_video": self.per_video,
            "distinct": self.distinct,
            "diversity": self.diversity,
            "sort": self.sort,
            "min_score": self.min_score,
        }
        told = json.dumps(asked, sort_keys=True, default=str).encode()
        vector = np.ascontiguousarray(query_D, dtype="<f4").tobytes()
        return hashlib.sha256(told + b"\0" + vector).digest()[:16]

    @property
    def num_ranks(self) -> int:
        """Of both sides of a hybrid search so many hits have a rank."""
        return max(20, self.limit)


def check_limit(limit: int) -> None:
    """Raises InputError: limit is not within 1..MAX_LIMIT."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InputError(f"the number of results must be between 1 and {MAX_LIMIT}, got {limit}")


def _require_within(name: str, value: float, least: float, greatest: float) -> None:
    if not (math.isfinite(value) and least <= value <= greatest):
        raise InputError(f"{name} must be between {least} and {greatest}, got {value:g}")
