"""Captions through a frozen text encoder, once each.

Axes: N pairs, M captions of all of them, U different captions, B pairs of a batch, E text encoder's
width.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cpd_model.errors import InputError
from training.features.frozen_towers import FrozenTowers

PART_TEXTS = 4096
"""Captions that are computed, and kept, at a time: what is killed loses no more."""

OnTexts: TypeAlias = Callable[[int, int], None]
"""Told how many different captions are done, and how many there are."""


@dataclass(frozen=True, kw_only=True)
class PooledTexts:
    """The text encoder's mean tokens of all captions; equal captions share a row."""

    rows_UE: NDArray[np.float16]

    row_of_M: NDArray[np.int64]
    """Which row each caption is; captions of a pair follow each other."""

    start_N: NDArray[np.int64]
    """Where each pair's captions begin among all."""

    def pooled_of(
        self, items_B: NDArray[np.integer[Any]], captions_B: NDArray[np.integer[Any]]
    ) -> NDArray[np.float16]:
        """Pooled texts (B, E): of each pair the caption of this number, from 0."""
        pooled_BE: NDArray[np.float16] = self.rows_UE[
            self.row_of_M[self.start_N[items_B] + captions_B]
        ]
        return pooled_BE


def pooled_texts(
    captions: Sequence[Sequence[str]],
    towers: FrozenTowers,
    *,
    on_progress: OnTexts = lambda done, total: None,
) -> PooledTexts:
    """All captions of each pair, pooled; what the cache lacks is computed now.

    Raises:
        InputError: the cache folder cannot be written.
    """
    flat = [caption for pair in captions for caption in pair]
    # texts of like length share a chunk, so that few tokens are padding
    unique = sorted(set(flat), key=lambda text: (len(text), text))
    row_of = {text: row for row, text in enumerate(unique)}
    starts = accumulate((len(pair) for pair in captions), initial=0)
    return PooledTexts(
        rows_UE=_rows_of(unique, towers, on_progress),
        row_of_M=np.array([row_of[text] for text in flat], dtype=np.int64),
        start_N=np.array(list(starts)[:-1], dtype=np.int64),
    )


def _rows_of(texts: list[str], towers: FrozenTowers, on_progress: OnTexts) -> NDArray[np.float16]:
    cache = towers.text_cache()
    rows: list[NDArray[np.float16]] = []
    on_progress(0, len(texts))
    for start in range(0, len(texts), PART_TEXTS):
        part = texts[start : start + PART_TEXTS]
        key = hashlib.sha256(json.dumps(part).encode()).hexdigest()
        stored = cache.load(key)
        if stored is None or len(stored) != len(part):
            stored = towers.pool_texts(part)
            try:
                cache.save(key, stored)
            except OSError as error:
                raise InputError(
                    f"cannot keep features in {towers.folder}: {error.strerror or error}; "
                    "make room, or set CPD_CACHE to another folder"
                ) from error
        rows.append(stored)
        on_progress(start + len(part), len(texts))
    return np.concatenate(rows)
