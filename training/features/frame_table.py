"""Features of the frames of all pairs, held in memory and gathered for a batch at once.

Axes: N pairs, R different frames of all of them, V views, T frames of a clip, B pairs of a batch,
F features of a frame.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEMORY_BYTES = 4 << 30
"""A table up to this size is held in memory; a larger one in an unnamed file of the cache folder,
which the system keeps in memory as far as there is room."""


@dataclass(frozen=True, kw_only=True)
class FrameTable:
    """Each different frame is one row, however often it occurs in a clip."""

    rows_RF: NDArray[np.float16]

    row_of_VNT: NDArray[np.int64]
    """Which row each frame of each view of each pair is; -1 where the pair cannot be read."""

    reasons: dict[int, str] = field(default_factory=dict)
    """Why each pair that cannot be read cannot, by its place in the list."""

    @property
    def num_views(self) -> int:
        """V: 1 the centre, 2 the centre mirrored too."""
        return len(self.row_of_VNT)

    @property
    def num_items(self) -> int:
        """N, unreadable pairs included."""
        return len(self.row_of_VNT[0])

    @property
    def nbytes(self) -> int:
        """What the table takes, in bytes."""
        return self.rows_RF.nbytes + self.row_of_VNT.nbytes

    def readable(self) -> NDArray[np.bool_]:
        """Which of the N pairs have features."""
        readable_N: NDArray[np.bool_] = self.row_of_VNT[0, :, 0] >= 0
        return readable_N

    def features_of(
        self, items_B: NDArray[np.integer[Any]], *, views_B: NDArray[np.integer[Any]] | None = None
    ) -> NDArray[np.float16]:
        """Features (B, T, F) of these pairs' frames, of the centre where no view is given.

        Raises:
            ValueError: one of the pairs cannot be read.
        """
        row_BT = self.row_of_VNT[0 if views_B is None else views_B, items_B]
        if row_BT.size and row_BT.min() < 0:
            bad = items_B[row_BT[:, 0] < 0]
            raise ValueError(f"these pairs have no features: {bad.tolist()}")
        features_BTF: NDArray[np.float16] = self.rows_RF[row_BT]
        return features_BTF


def empty_rows(num_rows: int, width: int, *, folder: Path) -> NDArray[np.float16]:
    """Room for float16 rows, in memory or, where that would be too much, in a file of `folder`.

    Raises:
        OSError: the file cannot be made.
    """
    if 2 * num_rows * width <= MEMORY_BYTES:
        return np.empty((num_rows, width), dtype=np.float16)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:  # the mapping outlives its closing
        return np.memmap(file, dtype=np.float16, mode="w+", shape=(num_rows, width))
