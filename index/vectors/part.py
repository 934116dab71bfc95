"""A part: the vectors of a range of segments, which never change, and what is known of each.

Rows ascend by segment id, and the rows of one video stand together. A part is mapped from files
(`index.vectors.part_files`) or stands in memory, made from the catalog.

Scores are cosines: the inner product of the query with the stored float16 row, times the inverse of
that row's norm, which rounding to float16 moves by up to 0.0005.

Axes: N rows, K of them, k found, R runs of rows of one video, D dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns
from index.catalog.parts import StoredRows
from index.vectors.checked_file import CheckedFile
from index.vectors.kinds import ExactIndex, PartIndex
from index.vectors.matrix import HalfMatrix

ROW_TYPE = np.dtype(
    [
        ("segment_id", "<i8"),
        ("video_number", "<i8"),
        ("start_seconds", "<f8"),
        ("stop_seconds", "<f8"),
        ("inverse_norm", "<f4"),
    ]
)
"""What is known of a row beside its vector; 36 bytes, as they stand in the file."""

RUN_TYPE = np.dtype([("video_number", "<i8"), ("first_row", "<i8"), ("first_segment_id", "<i8")])
"""Rows of one video with consecutive ids, up to where the next run begins."""

_EXACT_SHARE = 0.01
"""A filter that keeps so little or less of a part is searched exactly: IVF would miss rows."""

_EXACT_PART = 0.1
"""Who asks for so many of the rows is answered exactly: IVF would look through nearly all lists."""

_FEW_ROWS = 2_048
"""So few rows are scored one by one, in less time than FAISS takes to pass over the others."""

_ROUNDING = 1e-6
"""FAISS's inner products and ours differ by less."""

_SUM_ROWS = 16_384


class Runs(NamedTuple):
    """Runs of RUN_TYPE as columns, ascending by row: a search in a column of a table copies it."""

    video_numbers_R: NDArray[np.int64]
    first_rows_R: NDArray[np.int64]
    first_segment_ids_R: NDArray[np.int64]

    @classmethod
    def of(cls, table_R: NDArray[np.void]) -> Self:
        """The columns of a table of RUN_TYPE."""
        names = ("video_number", "first_row", "first_segment_id")
        return cls(*(np.ascontiguousarray(table_R[name]) for name in names))


class PartCandidates(NamedTuple):
    """Rows of a part that fit a query, with exact scores, best first."""

    rows_k: NDArray[np.int64]
    scores_k: Vectors
    floor: float
    """Every row that scores above it is among them; -inf when all rows that may be found are. An
    approximate index keeps this only as far as its recall goes."""
    num_looked_at: int
    """With those that were left out because they score too much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartSummary:
    """What is known of a part as a whole, so that opening it reads no row."""

    sum_D: NDArray[np.float64]
    """Of the unit vectors."""
    least_inverse_norm: float
    greatest_inverse_norm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Vectors, rows and runs of a range of segment ids; immutable."""

    name: str
    """Of its folder; empty for one that stands in memory only."""
    generation: int
    """Segments that were removed up to it are not in the part."""
    first_segment_id: int
    last_segment_id: int
    """It answers for all segments of this range."""
    matrix: HalfMatrix
    rows_N: NDArray[np.void]
    """Of ROW_TYPE."""
    runs: "Runs"
    summary: PartSummary
    rows_file: CheckedFile | None
    index: PartIndex
    """What finds candidates."""
    recall: float | None = None
    """As it was measured for an approximate index."""

    @property
    def num_rows(self) -> int:
        """N."""
        return len(self.rows_N)

    def columns(self, rows: slice | NDArray[np.int64]) -> SegmentColumns:
        """Ids, videos and times of some rows.

        Raises:
            LibraryCorruptError: they are not what was written.
        """
        taken = self._rows(rows)
        return SegmentColumns(
            ids_N=np.ascontiguousarray(taken["segment_id"]),
            video_numbers_N=np.ascontiguousarray(taken["video_number"]),
            starts_N=np.ascontiguousarray(taken["start_seconds"]),
            stops_N=np.ascontiguousarray(taken["stop_seconds"]),
        )

    def scores(self, rows: slice | NDArray[np.int64], query_D: Vectors) -> Vectors:
        """Cosine of the query with some rows, the same to the last bit however they are asked for.

        Raises:
            LibraryCorruptError: the rows are not what was written.
        """
        inverse_norms_K = self._rows(rows)["inverse_norm"]
        scores_K: Vectors = (self.matrix.dot(rows, query_D) * inverse_norms_K).clip(-1, 1)
        return scores_K

    def unit_vectors(self, rows: NDArray[np.int64]) -> Vectors:
        """Some rows at length 1 (K, D).

        Raises:
            LibraryCorruptError: they are not what was written.
        """
        unit_KD: Vectors = (
            self.matrix.decode(rows) * self._rows(rows)["inverse_norm"][:, np.newaxis]
        )
        return unit_KD

    def sum_of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The sum of some unit vectors (D,)."""
        total_D = np.zeros(self.matrix.embed_dim, dtype=np.float64)
        for start in range(0, len(rows), _SUM_ROWS):
            block = rows[start : start + _SUM_ROWS]
            total_D += self.unit_vectors(block).sum(axis=0, dtype=np.float64)
        return total_D

    def rows_of(self, segment_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of those ids that are here, ascending."""
        if not len(segment_ids):
            return np.empty(0, dtype=np.int64)
        _, first_rows_R, first_ids_R = self.runs
        runs = np.searchsorted(first_ids_R, segment_ids, side="right") - 1
        ids, runs = segment_ids[runs >= 0], runs[runs >= 0]
        offsets = ids - first_ids_R[runs]
        here = offsets < np.diff(first_rows_R, append=self.num_rows)[runs]
        return np.unique(first_rows_R[runs[here]] + offsets[here])

    def num_up_to(self, segment_id: int) -> int:
        """How many rows have no higher id."""
        _, first_rows_R, first_ids_R = self.runs
        run = int(np.searchsorted(first_ids_R, segment_id, side="right")) - 1
        if run < 0:
            return 0
        stop = self.num_rows if run + 1 == len(first_rows_R) else int(first_rows_R[run + 1])
        return min(int(first_rows_R[run] + segment_id - first_ids_R[run]) + 1, stop)

    def run_at(self, row: int) -> slice:
        """All rows of the video that this row belongs to."""
        return run_at(self.runs.first_rows_R, row, num_rows=self.num_rows)

    def row_numbers_of(self, video_numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of these videos, ascending: quick where they are few."""
        runs = np.flatnonzero(np.isin(self.runs.video_numbers_R, video_numbers))
        starts = self.runs.first_rows_R[runs]
        lengths = np.diff(self.runs.first_rows_R, append=self.num_rows)[runs]
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows: NDArray[np.int64] = np.repeat(starts, lengths) + offsets
        return rows

    def rows_of_videos(self, video_numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows belong to these videos (N,)."""
        lengths_R = np.diff(self.runs.first_rows_R, append=self.num_rows)
        return np.repeat(np.isin(self.runs.video_numbers_R, video_numbers), lengths_R)

    def scores_all_of(self, keep_N: NDArray[np.bool_]) -> bool:
        """Whether a search looks at every one of the rows that may be found."""
        few = max(_FEW_ROWS, _EXACT_SHARE * self.num_rows)
        return self.index.is_exact or int(np.count_nonzero(keep_N)) <= few

    def search(
        self,
        query_D: Vectors,
        k: int,
        *,
        keep_N: NDArray[np.bool_] | None = None,
        ceiling: float | None = None,
    ) -> PartCandidates:
        """The `k` best rows, or all that may be found if they are fewer.

        Args:
            keep_N: rows that may be found; None for all.
            ceiling: of these leave out what scores more, or most of it: whoever goes on far down
                saves the exact scores of what was told before. None leaves out nothing.
        """
        num_kept = self.num_rows if keep_N is None else int(np.count_nonzero(keep_N))
        k = min(k, num_kept)
        if k == 0:
            return PartCandidates(
                np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32), -np.inf, 0
            )
        if num_kept == k or (keep_N is not None and num_kept <= _FEW_ROWS):
            return self._best(keep_N, query_D, k, ceiling=ceiling)
        index = self.index
        if not index.is_exact and (
            num_kept <= _EXACT_SHARE * self.num_rows or k >= _EXACT_PART * num_kept
        ):
            index = ExactIndex(self.matrix)
        found = index.search(query_D, k, keep_N=keep_N)
        rows_k = found.rows_k if keep_N is None else found.rows_k[keep_N[found.rows_k]]
        num_found = len(rows_k)
        if ceiling is not None:
            products_k = found.scores_k if keep_N is None else found.scores_k[keep_N[found.rows_k]]
            rows_k = rows_k[self._may_score(products_k - _ROUNDING, ceiling)]
        scores_k = self.scores(rows_k, query_D)
        best_first = np.lexsort((rows_k, -scores_k))
        floor = -np.inf
        if num_found < num_kept and num_found:
            lowest = float(found.scores_k[-1]) + index.score_error
            is_told = not index.is_exact and len(rows_k)
            floor = float(scores_k.min()) if is_told else self._bound(lowest)
        return PartCandidates(rows_k[best_first], scores_k[best_first], floor, num_found)

    def _may_score(self, products_k: Vectors, ceiling: float) -> NDArray[np.bool_]:
        """Which rows may have a cosine of at most `ceiling`, by their inner products (k,)."""
        summary = self.summary
        shrunk_k = np.where(
            products_k > 0, summary.least_inverse_norm, summary.greatest_inverse_norm
        )
        may_k: NDArray[np.bool_] = products_k * shrunk_k <= ceiling
        return may_k

    def _best(
        self, keep_N: NDArray[np.bool_] | None, query_D: Vectors, k: int, *, ceiling: float | None
    ) -> PartCandidates:
        """The `k` best of the rows to keep, each of them scored."""
        if keep_N is None:
            rows = np.arange(self.num_rows)
            scores = self.scores(slice(0, self.num_rows), query_D)  # nothing is copied
        else:
            rows = np.flatnonzero(keep_N)
            scores = self.scores(rows, query_D)
        if ceiling is not None and k == len(rows):
            low = scores <= np.float32(ceiling)  # to sort takes a while, where they are many
            rows, scores = rows[low], scores[low]
            best_first = np.argsort(-scores, kind="stable")
            return PartCandidates(rows[best_first], scores[best_first], -np.inf, k)
        best_first = np.argsort(-scores, kind="stable")[:k]  # the rows ascend
        floor = float(scores[best_first[-1]]) if k < len(rows) else -np.inf
        return PartCandidates(rows[best_first], scores[best_first], floor, k)

    def check_all(self) -> None:
        """Read all of its files again.

        Raises:
            LibraryCorruptError: one is not what was written.
        """
        self.matrix.check_all()
        if self.rows_file is not None:
            self.rows_file.check_all()

    def release(self) -> None:
        """Let go of the memory of rows that were read, for whoever reads all of them once."""
        self.matrix.release()
        if self.rows_file is not None:
            self.rows_file.release()

    def _bound(self, product: float) -> float:
        """The highest cosine of a row whose inner product is at most `product`."""
        stretch = (
            self.summary.greatest_inverse_norm if product > 0 else self.summary.least_inverse_norm
        )
        return product * stretch

    def _rows(self, rows: slice | NDArray[np.int64]) -> NDArray[np.void]:
        if self.rows_file is not None:
            width = ROW_TYPE.itemsize
            if isinstance(rows, slice):
                self.rows_file.check_stretch(rows.start * width, rows.stop * width)
            else:
                self.rows_file.check(rows * width, width)
        return self.rows_N[rows]


def part_in_memory(
    stored: Sequence[StoredRows], *, generation: int, first_segment_id: int, last_segment_id: int
) -> Part:
    """A part of what the catalog holds, without files; there must be rows."""
    matrix = HalfMatrix.in_memory(np.concatenate([rows.vectors_ND for rows in stored]))
    rows_N = np.concatenate([rows_from(rows) for rows in stored])
    inverse_N = rows_N["inverse_norm"]
    part = Part(
        name="",
        generation=generation,
        first_segment_id=first_segment_id,
        last_segment_id=last_segment_id,
        matrix=matrix,
        rows_N=rows_N,
        runs=Runs.of(runs_of(rows_N)),
        summary=PartSummary(
            sum_D=np.zeros(matrix.embed_dim),
            least_inverse_norm=float(inverse_N.min()),
            greatest_inverse_norm=float(inverse_N.max()),
        ),
        rows_file=None,
        index=ExactIndex(matrix),
    )
    sum_D = part.sum_of(np.arange(part.num_rows))
    return replace(part, summary=replace(part.summary, sum_D=sum_D))


def rows_from(stored: StoredRows) -> NDArray[np.void]:
    """What stands beside the vectors of some segments, of ROW_TYPE."""
    columns = stored.columns
    norms_N = np.linalg.norm(stored.vectors_ND.astype(np.float32), axis=1)
    rows_N = np.empty(columns.num_segments, dtype=ROW_TYPE)
    rows_N["segment_id"] = columns.ids_N
    rows_N["video_number"] = columns.video_numbers_N
    rows_N["start_seconds"] = columns.starts_N
    rows_N["stop_seconds"] = columns.stops_N
    rows_N["inverse_norm"] = 1 / np.maximum(norms_N, np.finfo(np.float32).tiny)
    return rows_N


def run_at(first_rows_R: NDArray[np.int64], row: int, *, num_rows: int) -> slice:
    """The rows of the run that a row belongs to, of runs that begin at `first_rows_R`."""
    run = int(np.searchsorted(first_rows_R, row, side="right"))
    stop = num_rows if run == len(first_rows_R) else int(first_rows_R[run])
    return slice(int(first_rows_R[run - 1]), stop)


def runs_of(rows_N: NDArray[np.void], *, first_row: int = 0) -> NDArray[np.void]:
    """The runs among some rows of ROW_TYPE, of RUN_TYPE.

    Args:
        first_row: where the first of the rows stands.
    """
    other_video = np.diff(rows_N["video_number"]) != 0
    jump = np.diff(rows_N["segment_id"]) != 1
    begins = np.flatnonzero(np.concatenate([[len(rows_N) > 0], other_video | jump]))
    runs_R = np.empty(len(begins), dtype=RUN_TYPE)
    runs_R["video_number"] = rows_N["video_number"][begins]
    runs_R["first_row"] = begins + first_row
    runs_R["first_segment_id"] = rows_N["segment_id"][begins]
    return runs_R
