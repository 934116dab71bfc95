"""What a search takes from the catalog and the vectors beside the moments.

Axes: K rows, n hits, D dimensions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cpd_model.encoder import Vectors
from index.catalog import search_reads
from index.catalog.columns import SegmentColumns
from index.catalog.connection import Catalog
from index.catalog.texts import FoundText
from index.search.arranging import VideoTraits
from index.search.merging import Merger
from index.search.walk import ScoredSegment, Walk


@dataclass(slots=True)
class LibrarySources:
    """Traits, vectors and moments for one answer; for one thread."""

    catalog: Catalog
    walk: Walk
    merge: bool
    texts: Sequence[FoundText] = ()
    _traits: dict[int, VideoTraits] = field(default_factory=dict)
    _asked: set[int] = field(default_factory=set)
    _rows: "_RowsOfTexts | None" = None

    def traits_of(self, video_number: int) -> VideoTraits | None:
        """Of one video; those of all videos that the walk met are read at once."""
        if video_number not in self._asked:
            met = {moment.video_number for moment in self.walk.settled} | {video_number}
            new = met - self._asked
            with self.catalog.read_transaction() as connection:
                self._traits |= traits_of(connection, new)
            self._asked |= new
        return self._traits.get(video_number)

    def vectors_of(self, segment_ids: Sequence[int]) -> Vectors:
        """Unit vectors (n, D) of segments that the walk met."""
        view = self.walk.view
        rows = np.array([view.num_up_to(each) - 1 for each in segment_ids], dtype=np.int64)
        return view.unit_vectors(rows)

    def moment_of(self, text: FoundText) -> ScoredSegment | None:
        """The moment of a text: when it is said, or the best one of its video."""
        if self._rows is None:
            self._rows = _RowsOfTexts(self.walk, self.texts, merge=self.merge)
        return self._rows.moment_of(text)


class _RowsOfTexts:
    """The windows of all videos that texts were found of, scored."""

    def __init__(self, walk: Walk, texts: Iterable[FoundText], *, merge: bool) -> None:
        self._walk = walk
        self._merge = merge
        numbers = np.unique(np.array([text.video_number for text in texts], dtype=np.int64))
        rows_K = walk.view.live_rows_of(numbers)
        self._rows_K: NDArray[np.int64] = rows_K[: np.searchsorted(rows_K, walk.stop_row)]
        self._columns: SegmentColumns = walk.view.columns(self._rows_K)
        self._scores_K = walk.view.scores(self._rows_K, walk.query_D)

    def moment_of(self, text: FoundText) -> ScoredSegment | None:
        of_video = np.flatnonzero(self._columns.video_numbers_N == text.video_number)
        if not len(of_video):
            return None
        start, end = text.start_seconds, float(self._columns.stops_N[of_video].max())
        if start is None or start >= end:  # of the whole video, or after its end: subtitles lie
            return self._best(int(of_video[np.argmax(self._scores_K[of_video])]))
        stop = start if text.stop_seconds is None else min(text.stop_seconds, end)
        shared = np.minimum(self._columns.stops_N[of_video], stop) - np.maximum(
            self._columns.starts_N[of_video], start
        )
        return self._scored(int(of_video[np.argmax(shared)]), start, stop)

    def _best(self, at: int) -> ScoredSegment:
        """The moment that peaks at a window."""
        if not self._merge:
            return self._scored(
                at, float(self._columns.starts_N[at]), float(self._columns.stops_N[at])
            )
        walk = self._walk
        merger = Merger(walk.view, walk.query_D, background=walk.background)
        merger.take(self._rows_K[at : at + 1], limit=1)
        moment = merger.found[0]
        return self._scored(at, moment.start_seconds, moment.stop_seconds)

    def _scored(self, at: int, start_seconds: float, stop_seconds: float) -> ScoredSegment:
        return ScoredSegment(
            start_seconds,
            stop_seconds,
            segment_id=int(self._columns.ids_N[at]),
            video_number=int(self._columns.video_numbers_N[at]),
            score=float(self._scores_K[at]),
        )


def traits_of(connection: Connection, video_numbers: Iterable[int]) -> dict[int, VideoTraits]:
    """What stages need to know of videos, by number; those that are gone are not told."""
    return {
        number: VideoTraits(content_hash, date, duration_seconds)
        for number, content_hash, date, duration_seconds in search_reads.traits_of(
            connection, video_numbers
        )
    }
