"""What one reader has in memory: every live segment at one generation, ready to be searched.

    rows     0 .. F-1      the main index: FAISS, from a snapshot or built from the catalog
             F .. F+M-1    the tail: what is newer, in NumPy
    ids ascend over all rows, because an id is never used twice; the rows of one video stand
    together. A removed row stays where it is and loses its video number.

A View never changes: a newer generation is a new View that shares the main index and the tail's
memory, so any number of threads search the old one while one thread makes the next.

Axes: F rows of the main index, M rows of the tail, N = F + M, k found, D dimensions.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns, joined
from index.vectors.faiss_device import FlatSearcher
from index.vectors.snapshot import FlatVectors

REMOVED = -1
"""The video number of a removed row."""

_SUM_ROWS = 16_384


class MainIndex(NamedTuple):
    """The FAISS index that a view stands on."""

    vectors: FlatVectors
    searcher: FlatSearcher
    generation: int
    """The catalog's generation that it was built from."""

    from_snapshot: bool
    """False when it was built in memory because there was no snapshot to trust."""


class Candidates(NamedTuple):
    """Live rows that score best for a query, best first."""

    rows_k: NDArray[np.int64]
    scores_k: Vectors
    floor: float
    """Every live row that scores above it is among them; -inf when all live rows are."""


class Tail(NamedTuple):
    """Vectors that are newer than the main index, in a buffer with room to grow.

    Appending writes behind the end of older tails that share the buffer, so they do not notice.
    """

    buffer_CD: Vectors
    num_rows: int

    def in_use(self) -> Vectors:
        """The vectors (M, D); a view."""
        return self.buffer_CD[: self.num_rows]

    def append(self, vectors_MD: Vectors) -> "Tail":
        """A tail with more rows; copies only when the buffer is full, then doubles it."""
        needed = self.num_rows + len(vectors_MD)
        buffer_CD = self.buffer_CD
        if needed > len(buffer_CD):
            buffer_CD = np.empty((max(needed, 2 * len(buffer_CD)), buffer_CD.shape[1]), np.float32)
            buffer_CD[: self.num_rows] = self.in_use()
        buffer_CD[self.num_rows : needed] = vectors_MD
        return Tail(buffer_CD, needed)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """All live segments at one generation; immutable."""

    generation: int
    main: MainIndex
    tail: Tail
    columns: SegmentColumns
    """Of all N rows; a removed row has the video number REMOVED."""

    run_starts_R: NDArray[np.int64]
    """Rows where another video begins, ascending, and N at the end."""

    sum_D: NDArray[np.float64]
    """Of the live vectors."""

    num_live: int

    @property
    def num_main(self) -> int:
        """F, rows of the main index."""
        return len(self.main.vectors.ids_N)

    @property
    def num_removed(self) -> int:
        """Rows that are still there and found no more."""
        return self.columns.num_segments - self.num_live

    def advanced(
        self,
        *,
        generation: int,
        added: SegmentColumns,
        added_MD: Vectors,
        removed_ids: NDArray[np.int64],
    ) -> "View":
        """The view at a later generation; only one thread at a time may advance a line of views."""
        columns = joined([self.columns, added])
        gone = _live_rows_of(columns, removed_ids)
        video_numbers_N = columns.video_numbers_N
        video_numbers_N[gone] = REMOVED  # fresh from concatenate: nobody else sees it
        tail = self.tail.append(added_MD)
        sum_D = self.sum_D + sum_rows(added_MD)
        sum_D -= sum_rows(_rows(self.main, tail, gone))
        return View(
            generation=generation,
            main=self.main,
            tail=tail,
            columns=columns,
            run_starts_R=_run_starts(video_numbers_N),
            sum_D=sum_D,
            num_live=self.num_live + added.num_segments - len(gone),
        )

    def background(self, query_D: Vectors) -> float:
        """The query's mean score over all live segments; 0 when there are none."""
        return float(query_D @ self.sum_D) / self.num_live if self.num_live else 0.0

    def rows_of_video_at(self, row: int) -> slice:
        """All rows of the video that this live row belongs to."""
        run = int(np.searchsorted(self.run_starts_R, row, side="right"))
        return slice(int(self.run_starts_R[run - 1]), int(self.run_starts_R[run]))

    def scores(self, rows: slice | NDArray[np.int64], query_D: Vectors) -> Vectors:
        """Cosine of the query with some rows, the same to the last bit however they are asked for.

        BLAS's matrix products round by position, which would tear equal scores apart.
        """
        rows_KD = _rows(self.main, self.tail, rows)
        scores_K: Vectors = np.vecdot(rows_KD, query_D).clip(-1, 1)
        return scores_K

    def candidates(self, query_D: Vectors, k: int) -> Candidates:
        """The `k` best live rows or more; fewer where removed rows took their places.

        The caller looks at `floor` and asks for more. Nothing is filtered inside FAISS: its GPU
        side ignores filters without a word (faiss#3924).
        """
        rows, floor = [], -np.inf
        if self.num_main:
            wanted = min(k, self.num_main)
            found = self.main.searcher.search(query_D, wanted)
            rows.append(found.rows_k)
            floor = float(found.scores_k[-1]) if wanted < self.num_main else floor
        if self.tail.num_rows:
            scores_M = np.vecdot(self.tail.in_use(), query_D)
            wanted = min(k, len(scores_M))
            best = np.argpartition(-scores_M, wanted - 1)[:wanted]
            rows.append(best + self.num_main)
            floor = max(floor, float(scores_M[best].min())) if wanted < len(scores_M) else floor
        rows_k = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
        rows_k = rows_k[self.columns.video_numbers_N[rows_k] != REMOVED]
        scores_k = self.scores(rows_k, query_D)
        best_first = np.lexsort((rows_k, -scores_k))
        return Candidates(rows_k[best_first], scores_k[best_first], floor)


def first_view(main: MainIndex, live: SegmentColumns, *, generation: int, tail_MD: Vectors) -> View:
    """The view of a main index and of all segments that are alive at `generation`.

    Args:
        live: every live segment, those of the main index among them.
        tail_MD: vectors of the live segments that the main index lacks, ascending by id.
    """
    ids_F = main.vectors.ids_N
    in_tail = ~np.isin(live.ids_N, ids_F, assume_unique=True)
    columns = joined([_of_main(ids_F, live), live.take(in_tail)])
    empty = Tail(np.empty((0, main.vectors.vectors_ND.shape[1]), dtype=np.float32), 0)
    tail = empty.append(tail_MD)
    alive_F = columns.video_numbers_N[: len(ids_F)] != REMOVED
    sum_D = sum_rows(main.vectors.vectors_ND) + sum_rows(tail_MD)
    if not alive_F.all():
        sum_D -= sum_rows(main.vectors.vectors_ND[~alive_F])
    return View(
        generation=generation,
        main=main,
        tail=tail,
        columns=columns,
        run_starts_R=_run_starts(columns.video_numbers_N),
        sum_D=sum_D,
        num_live=live.num_segments,
    )


def sum_rows(vectors_KD: Vectors) -> NDArray[np.float64]:
    """The sum of some vectors; float64 over float32 parts, so that a million rows lose nothing."""
    total_D = np.zeros(vectors_KD.shape[1], dtype=np.float64)
    for start in range(0, len(vectors_KD), _SUM_ROWS):
        total_D += vectors_KD[start : start + _SUM_ROWS].sum(axis=0, dtype=np.float64)
    return total_D


def _of_main(ids_F: NDArray[np.int64], live: SegmentColumns) -> SegmentColumns:
    """Columns of the main index's rows; those that live no more are REMOVED."""
    video_numbers_F = np.full(len(ids_F), REMOVED, dtype=np.int64)
    starts_F, stops_F = np.zeros(len(ids_F)), np.zeros(len(ids_F))
    in_main = np.isin(live.ids_N, ids_F, assume_unique=True)
    at = np.searchsorted(ids_F, live.ids_N[in_main])
    video_numbers_F[at] = live.video_numbers_N[in_main]
    starts_F[at], stops_F[at] = live.starts_N[in_main], live.stops_N[in_main]
    return SegmentColumns(ids_F, video_numbers_F, starts_F, stops_F)


def _live_rows_of(columns: SegmentColumns, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of those ids that are here and alive."""
    rows = np.searchsorted(columns.ids_N, ids)
    rows = rows[rows < columns.num_segments]
    found = np.isin(columns.ids_N[rows], ids)
    rows = rows[found]
    alive: NDArray[np.int64] = rows[columns.video_numbers_N[rows] != REMOVED]
    return np.unique(alive)


def _run_starts(video_numbers_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the video number changes; 0 and N are always among them."""
    breaks = np.flatnonzero(np.diff(video_numbers_N)) + 1
    return np.unique(np.concatenate([[0], breaks, [len(video_numbers_N)]]).astype(np.int64))


def _rows(main: MainIndex, tail: Tail, rows: slice | NDArray[np.int64]) -> Vectors:
    """Vectors of some rows of main index and tail: a view where a slice lies in one of them."""
    num_main = len(main.vectors.ids_N)
    vectors_FD = main.vectors.vectors_ND
    if isinstance(rows, slice):
        if rows.stop <= num_main:
            return vectors_FD[rows]
        if rows.start >= num_main:
            return tail.in_use()[rows.start - num_main : rows.stop - num_main]
        rows = np.arange(rows.start, rows.stop)
    out_KD = np.empty((len(rows), vectors_FD.shape[1]), dtype=np.float32)
    in_main = rows < num_main
    out_KD[in_main] = vectors_FD[rows[in_main]]
    out_KD[~in_main] = tail.in_use()[rows[~in_main] - num_main]
    return out_KD
