"""A stretch of a video's time: one value, from which all that know more of a stretch derive.

    Segment           [start, stop) in seconds
      SegmentRow      with its id in a library
        ScoredSegment with what a query made of it (index.search.moments)
        Hit           with the name of its video (index.search.moments)
      LabelledSegment with labels (index.label)

Many at once are columns: `index.catalog.columns.SegmentColumns`.
"""

import math
from dataclasses import dataclass

from cpd_model.errors import InputError


@dataclass(frozen=True, slots=True)
class Segment:
    """The stretch [start, stop) of a video."""

    start_seconds: float
    stop_seconds: float


SHORTEST_SECONDS = 0.1
"""Of a window and a hop: a video of an hour has 36,000 of them then, and not so many that its
times alone fill the memory."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How a video is cut into segments.

    Raises:
        InputError: a length is not positive or too short, or the hop would leave gaps.
    """

    window_seconds: float
    """Length of a segment."""

    hop_seconds: float
    """From the start of one segment to the start of the next."""

    def __post_init__(self) -> None:
        window, hop = self.window_seconds, self.hop_seconds
        for name, value in (("window", window), ("hop", hop)):
            if not 0 < value < math.inf:
                raise InputError(f"the {name} must be a positive number of seconds, got {value:g}")
            if value < SHORTEST_SECONDS:
                raise InputError(
                    f"the {name} must be at least {SHORTEST_SECONDS:g} s, got {value:g}: "
                    "shorter ones are too many to keep"
                )
        if hop > window:
            raise InputError(
                f"the hop must be at most the window, {window:g} s, so that no moment is left out, "
                f"got {hop:g}"
            )
