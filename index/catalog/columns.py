"""Many segments at once, as columns.

Axes: N segments.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class SegmentColumns(NamedTuple):
    """Segments of a library as columns, ascending by id."""

    ids_N: NDArray[np.int64]
    video_numbers_N: NDArray[np.int64]
    starts_N: NDArray[np.float64]
    """Seconds."""
    stops_N: NDArray[np.float64]
    """Seconds."""

    @property
    def num_segments(self) -> int:
        """N."""
        return len(self.ids_N)

    def take(self, which: slice | NDArray[np.intp] | NDArray[np.bool_]) -> "SegmentColumns":
        """Some of them: views for a slice, else copies."""
        return SegmentColumns(
            ids_N=self.ids_N[which],
            video_numbers_N=self.video_numbers_N[which],
            starts_N=self.starts_N[which],
            stops_N=self.stops_N[which],
        )


def joined(parts: Sequence[SegmentColumns]) -> SegmentColumns:
    """The segments of all parts one after the other, in new arrays."""
    return SegmentColumns(
        ids_N=np.concatenate([part.ids_N for part in parts]),
        video_numbers_N=np.concatenate([part.video_numbers_N for part in parts]),
        starts_N=np.concatenate([part.starts_N for part in parts]),
        stops_N=np.concatenate([part.stops_N for part in parts]),
    )
