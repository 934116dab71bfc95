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

    def is_searched(self, video_number: int) -> bool:
        """Whether windows of a video that texts were found of may be found."""
        return video_number in self._of_texts().rows_of

    def moment_of(self, text: FoundText) -> ScoredSegment:
        """The moment of a text of a searched video: when it is said, or the best one of it."""
        return self._of_texts().moment_of(text)

    def _of_texts(self) -> "_RowsOfTexts":
        if self._rows is None:
            self._rows = _RowsOfTexts(self.walk, self.texts, merge=self.merge)
        return self._rows


class _RowsOfTexts:
    """The windows of all videos that texts were found of; scored when they are asked for."""

    def __init__(self, walk: Walk, texts: Iterable[FoundText], *, merge: bool) -> None:
        numbers = np.unique(np.array([text.video_number for text in texts], dtype=np.int64))
        rows_K = walk.view.live_rows_of(numbers)
        self._rows_K: NDArray[np.int64] = rows_K[: np.searchsorted(rows_K, walk.stop_row)]
        self._columns: SegmentColumns = walk.view.columns(self._rows_K)
        self._merge = merge
        self._merger = Merger(walk.view, walk.query_D, background=walk.background)
        self._best_of: dict[int, ScoredSegment] = {}
        self.rows_of: dict[int, slice] = {}
        """Where those of a video stand among all of these, which have one of each."""
        numbers_K = self._columns.video_numbers_N
        firsts = np.flatnonzero(np.diff(numbers_K, prepend=-1))
        for first, stop in zip(firsts, np.append(firsts[1:], len(numbers_K)), strict=True):
            self.rows_of[int(numbers_K[first])] = slice(int(first), int(stop))

    def moment_of(self, text: FoundText) -> ScoredSegment:
        of_video = self.rows_of[text.video_number]
        starts_S, stops_S = self._columns.starts_N[of_video], self._columns.stops_N[of_video]
        start, end = text.start_seconds, float(stops_S.max())
        if start is None or start >= end:  # of the whole video, or after its end: subtitles lie
            return self._best(text.video_number)
        stop = start if text.stop_seconds is None else min(text.stop_seconds, end)
        shared_S = np.minimum(stops_S, stop) - np.maximum(starts_S, start)
        return self._scored(of_video.start + int(np.argmax(shared_S)), start, stop)

    def _best(self, video_number: int) -> ScoredSegment:
        """The best moment of a video, or window where those are asked for."""
        if video_number not in self._best_of:
            of_video = self.rows_of[video_number]
            at = of_video.start + int(np.argmax(self._scores_of(of_video)))
            times = float(self._columns.starts_N[at]), float(self._columns.stops_N[at])
            if self._merge:
                self._merger.take(self._rows_K[at : at + 1], limit=len(self._merger.found) + 1)
                moment = self._merger.found[-1]
                times = moment.start_seconds, moment.stop_seconds
            self._best_of[video_number] = self._scored(at, *times)
        return self._best_of[video_number]

    def _scores_of(self, places: slice) -> Vectors:
        """Scores of windows of one video, which stand together in the view too."""
        rows_S = self._rows_K[places]
        return self._merger.scores(slice(int(rows_S[0]), int(rows_S[-1]) + 1))

    def _scored(self, at: int, start_seconds: float, stop_seconds: float) -> ScoredSegment:
        return ScoredSegment(
            start_seconds,
            stop_seconds,
            segment_id=int(self._columns.ids_N[at]),
            video_number=int(self._columns.video_numbers_N[at]),
            score=float(self._scores_of(slice(at, at + 1))[0]),
        )


def traits_of(connection: Connection, video_numbers: Iterable[int]) -> dict[int, VideoTraits]:
    """What stages need to know of videos, by number; those that are gone are not told."""
    return {
        number: VideoTraits(content_hash, date, duration_seconds)
        for number, content_hash, date, duration_seconds in search_reads.traits_of(
            connection, video_numbers
        )
    }
