"""Rows like those of a library: windows of one video are alike, and videos of one subject."""

import numpy as np
from numpy.typing import NDArray

from index.vectors.matrix import HalfMatrix

EMBED_DIM = 32
_ROWS_A_VIDEO = 10


def clustered_rows(num_rows: int, *, seed: int = 0) -> NDArray[np.float16]:
    """About unit rows (num_rows, EMBED_DIM) as the catalog keeps them."""
    rng = np.random.default_rng(seed)
    num_videos = -(-num_rows // _ROWS_A_VIDEO)
    subjects = rng.standard_normal((max(2, num_videos // 20), EMBED_DIM))
    videos = subjects[rng.integers(0, len(subjects), num_videos)]
    videos = videos + rng.standard_normal(videos.shape)
    rows = np.repeat(videos, _ROWS_A_VIDEO, axis=0)[:num_rows]
    rows = rows + 0.5 * rng.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def clustered_matrix(num_rows: int, *, seed: int = 0) -> HalfMatrix:
    """A matrix of such rows, in memory."""
    return HalfMatrix.in_memory(clustered_rows(num_rows, seed=seed))
