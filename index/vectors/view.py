"""What one reader has: every live segment at one generation, ready to be searched.

    rows     0 .. F-1      the parts, one after the other: mapped files
             F .. F+M-1    the tail: what is newer, in NumPy
    ids ascend over all rows, because an id is never used twice; the rows of one video stand
    together, in one part or in the tail. A removed row stays where it is and is found no more.

A View never changes: a newer generation is a new View that shares the parts and the tail's memory,
so any number of threads search the old one while one thread makes the next.

Axes: F rows of the parts, M rows of the tail, N = F + M, K of them, k found, D dimensions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns, joined
from index.catalog.connection import Stand
from index.catalog.parts import StoredRows
from index.vectors.part import Part
from index.vectors.tail import Tail


class Candidates(NamedTuple):
    """Live rows that score best for a query, best first."""

    rows_k: NDArray[np.int64]
    scores_k: Vectors
    floor: float
    """Every live row that scores above it is among them; -inf when all live rows are. Where a part
    is searched approximately, only as far as its recall goes."""
    num_looked_at: int
    """With those that were left out because they score too much."""


class Kept(NamedTuple):
    """Which rows a search may find: those of some videos."""

    parts: tuple[NDArray[np.bool_], ...]
    tail_M: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PlacedPart:
    """A part, where its rows stand in a view, and which of them are removed."""

    part: Part
    first_row: int
    alive_N: NDArray[np.bool_] | None
    """None while all of them are."""
    num_removed: int

    def without(self, removed_ids: NDArray[np.int64]) -> "tuple[PlacedPart, NDArray[np.int64]]":
        """The part after some ids were removed, and the rows in it that were alive until now.

        Args:
            removed_ids: of any parts.
        """
        first, last = self.part.first_segment_id, self.part.last_segment_id
        rows = self.part.rows_of(removed_ids[(removed_ids >= first) & (removed_ids <= last)])
        if self.alive_N is not None:
            rows = rows[self.alive_N[rows]]
        if not len(rows):
            return self, rows
        before_N = self.alive_N
        alive_N = np.ones(self.part.num_rows, dtype=bool) if before_N is None else before_N.copy()
        alive_N[rows] = False
        return replace(self, alive_N=alive_N, num_removed=self.num_removed + len(rows)), rows


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """All live segments at one generation; immutable."""

    stand: Stand
    """Where the catalog stood."""
    parts: tuple[PlacedPart, ...]
    tail: Tail
    sum_D: NDArray[np.float64]
    """Of the live unit vectors."""

    @classmethod
    def of_parts(
        cls, parts: Sequence[Part], removed_ids: NDArray[np.int64], *, stand: Stand, embed_dim: int
    ) -> Self:
        """The view of some parts, of which some segments are removed, and an empty tail.

        Args:
            parts: ascending by segment id.
        """
        placed = []
        sum_D = np.zeros(embed_dim, dtype=np.float64)
        first_row = 0
        for part in parts:
            here, gone = PlacedPart(part, first_row, None, 0).without(removed_ids)
            placed.append(here)
            sum_D += part.summary.sum_D - part.sum_of(gone)
            first_row += part.num_rows
        return cls(stand=stand, parts=tuple(placed), tail=Tail.empty(embed_dim), sum_D=sum_D)

    @property
    def num_in_parts(self) -> int:
        """F."""
        return self.parts[-1].first_row + self.parts[-1].part.num_rows if self.parts else 0

    @property
    def num_removed(self) -> int:
        """Rows that are still there and found no more."""
        return sum(placed.num_removed for placed in self.parts) + self.tail.num_removed

    @property
    def num_live(self) -> int:
        """Rows that may be found."""
        return self.num_in_parts + self.tail.num_rows - self.num_removed

    @property
    def last_segment_id(self) -> int:
        """The highest id that it knows of; 0 for none."""
        if self.tail.num_rows:
            return self.tail.last_segment_id
        return self.parts[-1].part.last_segment_id if self.parts else 0

    @property
    def is_exact(self) -> bool:
        """Whether every part is searched row by row."""
        return all(placed.part.index.is_exact for placed in self.parts)

    @property
    def recall(self) -> float | None:
        """Of the ten best segments the share that is found, the lowest of all parts; see Part.

        None where the search is exact.
        """
        return min(
            (placed.part.recall for placed in self.parts if placed.part.recall is not None),
            default=None,
        )

    def advanced(
        self, *, stand: Stand, added: Sequence[StoredRows], removed_ids: NDArray[np.int64]
    ) -> "View":
        """The view at a later generation; only one thread at a time may advance a line of views.

        Args:
            added: what follows `last_segment_id`, ascending by id.
        """
        sum_D = self.sum_D.copy()
        parts = []
        for placed in self.parts:
            left, gone = placed.without(removed_ids)
            parts.append(left)
            sum_D -= placed.part.sum_of(gone)
        tail = self.tail
        for rows in added:
            tail = tail.append(rows)
        sum_D += tail.sum_from(self.tail.num_rows)
        tail, tail_gone_D = tail.without(removed_ids)
        return View(stand=stand, parts=tuple(parts), tail=tail, sum_D=sum_D - tail_gone_D)

    def background(self, query_D: Vectors) -> float:
        """The query's mean score over all live segments; 0 when there are none."""
        return float(query_D @ self.sum_D) / self.num_live if self.num_live else 0.0

    def columns(self, rows: slice | NDArray[np.int64]) -> SegmentColumns:
        """Ids, videos and times of some rows; of one video where it is a slice.

        Raises:
            LibraryCorruptError: they are not what was written.
        """
        if isinstance(rows, slice):
            place, first_row = self._place_of(rows.start)
            return place.columns(slice(rows.start - first_row, rows.stop - first_row))
        pieces = [(at, place.columns(rows[at] - first)) for at, place, first in self._split(rows)]
        order = np.argsort(np.concatenate([np.empty(0, dtype=np.int64), *(p[0] for p in pieces)]))
        nothing = self.tail.columns(slice(0, 0))
        return joined([nothing, *(piece for _, piece in pieces)]).take(order)

    def rows_of_video_at(self, row: int) -> slice:
        """All rows of the video that this live row belongs to."""
        place, first_row = self._place_of(row)
        run = place.run_at(row - first_row)
        return slice(run.start + first_row, run.stop + first_row)

    def scores(self, rows: slice | NDArray[np.int64], query_D: Vectors) -> Vectors:
        """Cosine of the query with some rows, the same to the last bit however they are asked for.

        Args:
            rows: of one video where it is a slice.

        Raises:
            LibraryCorruptError: they are not what was written.
        """
        if isinstance(rows, slice):
            place, first_row = self._place_of(rows.start)
            return place.scores(slice(rows.start - first_row, rows.stop - first_row), query_D)
        scores_K = np.empty(len(rows), dtype=np.float32)
        for at, place, first_row in self._split(rows):
            scores_K[at] = place.scores(rows[at] - first_row, query_D)
        return scores_K

    def unit_vectors(self, rows: NDArray[np.int64]) -> Vectors:
        """Some rows at length 1 (K, D).

        Raises:
            LibraryCorruptError: they are not what was written.
        """
        unit_KD = np.empty((len(rows), len(self.sum_D)), dtype=np.float32)
        for at, place, first_row in self._split(rows):
            unit_KD[at] = place.unit_vectors(rows[at] - first_row)
        return unit_KD

    def num_up_to(self, segment_id: int) -> int:
        """How many rows have no higher id, removed ones among them: they come first."""
        places = [placed.part.num_up_to(segment_id) for placed in self.parts]
        return sum(places) + self.tail.num_up_to(segment_id)

    def rows_of_videos(self, video_numbers: NDArray[np.int64]) -> Kept:
        """The rows of some videos, for `candidates` to keep to."""
        return Kept(
            tuple(placed.part.rows_of_videos(video_numbers) for placed in self.parts),
            np.isin(self.tail.video_numbers(), video_numbers),
        )

    def live_rows_of(self, video_numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The live rows of these videos, ascending: quick where they are few."""
        found = []
        for placed in self.parts:
            rows = placed.part.row_numbers_of(video_numbers)
            if placed.alive_N is not None:
                rows = rows[placed.alive_N[rows]]
            found.append(rows + placed.first_row)
        in_tail_M = np.isin(self.tail.video_numbers(), video_numbers) & self.tail.alive_M
        return np.concatenate([*found, np.flatnonzero(in_tail_M) + self.num_in_parts])

    def path(self, kept: Kept | None) -> str:
        """How candidates are found: `exact`, `ivf`, or `kept rows` where a filter keeps so few that
        all of those are scored."""
        if self.is_exact:
            return "exact"
        if kept is None:
            return "ivf"
        pairs = zip(self.parts, kept.parts, strict=True)
        few = all(placed.part.scores_all_of(keep_N) for placed, keep_N in pairs)
        return "kept rows" if few else "ivf"

    def candidates(
        self, query_D: Vectors, k: int, *, kept: Kept | None = None, ceiling: float | None = None
    ) -> Candidates:
        """The `k` best live rows or more, all there are if they are fewer.

        Args:
            kept: rows to keep to, removed ones among them or not; None for all.
            ceiling: of these leave out what scores more, or most of it; None leaves out nothing.
        """
        rows, scores, floor, num_looked_at = [], [], -np.inf, 0
        for number, placed in enumerate(self.parts):
            keep_N = placed.alive_N
            if kept is not None:
                own_N = kept.parts[number]
                keep_N = own_N if keep_N is None else keep_N & own_N
            found = placed.part.search(query_D, k, keep_N=keep_N, ceiling=ceiling)
            rows.append(found.rows_k + placed.first_row)
            scores.append(found.scores_k)
            floor = max(floor, found.floor)
            num_looked_at += found.num_looked_at
        found = self.tail.search(query_D, k, keep_M=None if kept is None else kept.tail_M)
        rows_k = np.concatenate([*rows, found.rows_k + self.num_in_parts])
        scores_k = np.concatenate([*scores, found.scores_k])
        best_first = np.argsort(-scores_k, kind="stable")
        floor, num_looked_at = max(floor, found.floor), num_looked_at + found.num_looked_at
        return Candidates(rows_k[best_first], scores_k[best_first], floor, num_looked_at)

    def _place_of(self, row: int) -> "tuple[Part | Tail, int]":
        """Where a row stands, and the first row of that place."""
        for placed in reversed(self.parts):
            if placed.first_row <= row < placed.first_row + placed.part.num_rows:
                return placed.part, placed.first_row
        return self.tail, self.num_in_parts

    def _split(
        self, rows: NDArray[np.int64]
    ) -> "Iterator[tuple[NDArray[np.intp], Part | Tail, int]]":
        """For each place with some of the rows: their positions, the place, its first row."""
        first_rows = [placed.first_row for placed in self.parts] + [self.num_in_parts]
        places = np.searchsorted(first_rows, rows, side="right") - 1
        for number, first_row in enumerate(first_rows):
            at = np.flatnonzero(places == number)
            if len(at):
                in_tail = number == len(self.parts)
                yield at, self.tail if in_tail else self.parts[number].part, first_row
