"""A stretch of a video's time: one value, from which all that know more of a stretch derive.

    Segment           [start, stop) in seconds
      SegmentRow      with its id in a library
        ScoredSegment with what a query made of it (index.search.moments)
        Hit           with the name of its video (index.search.moments)
      LabelledSegment with labels (index.label)

Many at once are columns: `index.catalog.columns.SegmentColumns`.
"""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Segment:
    """The stretch [start, stop) of a video."""

    start_seconds: float
    stop_seconds: float


class Windows(NamedTuple):
    """How a video is cut into segments."""

    window_seconds: float
    hop_seconds: float
