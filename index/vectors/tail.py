"""The rows that are newer than the last part, in memory.

Axes: M rows, K of them, k found, C rows that the buffers have room for, D dimensions.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns
from index.catalog.parts import StoredRows
from index.vectors.part import ROW_TYPE, PartCandidates, rows_from, run_at, runs_of


@dataclass(frozen=True, slots=True)
class Tail:
    """Rows with their vectors, in buffers with room to grow; itself immutable.

    Appending writes behind the end of older tails that share the buffers, so they do not notice.
    """

    vectors_CD: Vectors
    """Float32 of the stored float16, of the norm that they were stored with."""
    rows_C: NDArray[np.void]
    """Of ROW_TYPE."""
    alive_M: NDArray[np.bool_]
    first_rows_R: NDArray[np.int64]
    """Rows where another video begins."""

    @classmethod
    def empty(cls, embed_dim: int) -> Self:
        """No row."""
        return cls(
            np.empty((0, embed_dim), dtype=np.float32),
            np.empty(0, dtype=ROW_TYPE),
            np.empty(0, dtype=bool),
            np.empty(0, dtype=np.int64),
        )

    @property
    def num_rows(self) -> int:
        """M."""
        return len(self.alive_M)

    @property
    def num_removed(self) -> int:
        """Rows that are found no more."""
        return self.num_rows - int(np.count_nonzero(self.alive_M))

    @property
    def last_segment_id(self) -> int:
        """Of its last row; there must be one."""
        return int(self.rows_C["segment_id"][self.num_rows - 1])

    def append(self, added: StoredRows) -> "Tail":
        """A tail with more rows; copies only when the buffers are full, then doubles them."""
        num_rows, needed = self.num_rows, self.num_rows + len(added.vectors_ND)
        vectors_CD, rows_C = self.vectors_CD, self.rows_C
        if needed > len(vectors_CD):
            room = max(needed, 2 * len(vectors_CD))
            vectors_CD = np.empty((room, vectors_CD.shape[1]), dtype=np.float32)
            vectors_CD[:num_rows] = self.vectors_CD[:num_rows]
            rows_C = np.empty(room, dtype=ROW_TYPE)
            rows_C[:num_rows] = self.rows_C[:num_rows]
        vectors_CD[num_rows:needed] = added.vectors_ND
        rows_C[num_rows:needed] = rows_from(added)
        runs = runs_of(rows_C[num_rows:needed], first_row=num_rows)
        return Tail(
            vectors_CD,
            rows_C,
            np.concatenate([self.alive_M, np.ones(len(added.vectors_ND), dtype=bool)]),
            np.concatenate([self.first_rows_R, runs["first_row"]]),
        )

    def without(self, removed_ids: NDArray[np.int64]) -> "tuple[Tail, NDArray[np.float64]]":
        """The tail after some ids were removed, and the sum of their vectors (D,)."""
        gone_M = np.isin(self.rows_C["segment_id"][: self.num_rows], removed_ids) & self.alive_M
        if not gone_M.any():
            return self, np.zeros(self.vectors_CD.shape[1])
        return replace(self, alive_M=self.alive_M & ~gone_M), self._sum(np.flatnonzero(gone_M))

    def unit_vectors(self, rows: NDArray[np.int64]) -> Vectors:
        """Some rows at length 1 (K, D)."""
        unit_KD: Vectors = self.vectors_CD[rows] * self.rows_C["inverse_norm"][rows][:, np.newaxis]
        return unit_KD

    def sum_from(self, row: int) -> NDArray[np.float64]:
        """The sum of the unit vectors from a row on (D,)."""
        return self._sum(np.arange(row, self.num_rows))

    def columns(self, rows: slice | NDArray[np.int64]) -> SegmentColumns:
        """Ids, videos and times of some rows."""
        taken = self.rows_C[rows]
        return SegmentColumns(
            ids_N=taken["segment_id"].copy(),
            video_numbers_N=taken["video_number"].copy(),
            starts_N=taken["start_seconds"].copy(),
            stops_N=taken["stop_seconds"].copy(),
        )

    def video_numbers(self) -> NDArray[np.int64]:
        """Of all rows (M,)."""
        numbers_M: NDArray[np.int64] = self.rows_C["video_number"][: self.num_rows]
        return numbers_M

    def scores(self, rows: slice | NDArray[np.int64], query_D: Vectors) -> Vectors:
        """Cosine of the query with some rows: the same bits as in a part that holds them."""
        products_K = np.vecdot(self.vectors_CD[rows], query_D)
        scores_K: Vectors = (products_K * self.rows_C["inverse_norm"][rows]).clip(-1, 1)
        return scores_K

    def num_up_to(self, segment_id: int) -> int:
        """How many rows have no higher id."""
        ids_M = self.rows_C["segment_id"][: self.num_rows]
        return int(np.searchsorted(ids_M, segment_id, side="right"))

    def run_at(self, row: int) -> slice:
        """All rows of the video that this row belongs to."""
        return run_at(self.first_rows_R, row, num_rows=self.num_rows)

    def search(
        self, query_D: Vectors, k: int, *, keep_M: NDArray[np.bool_] | None = None
    ) -> PartCandidates:
        """The `k` best live rows, or all if they are fewer.

        Args:
            keep_M: rows that may be found; None for all.
        """
        may_M = self.alive_M if keep_M is None else self.alive_M & keep_M
        rows_k = np.flatnonzero(may_M)
        scores_k = self.scores(slice(0, self.num_rows), query_D)[rows_k]
        floor = -np.inf
        if len(rows_k) > k:
            best = np.argpartition(-scores_k, k - 1)[:k]
            rows_k, scores_k = rows_k[best], scores_k[best]
            floor = float(scores_k.min())
        best_first = np.lexsort((rows_k, -scores_k))
        return PartCandidates(rows_k[best_first], scores_k[best_first], floor, len(rows_k))

    def _sum(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        total_D: NDArray[np.float64] = self.unit_vectors(rows).sum(axis=0, dtype=np.float64)
        return total_D
