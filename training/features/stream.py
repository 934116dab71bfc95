"""Training on what a frozen backbone and a frozen text encoder say, computed once.

Axes: N pairs, B pairs of a batch, T frames of a clip, F features of a frame, E width of the text
encoder.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cpd_model.errors import InputError
from cpd_model.processor import CPDProcessor, Tokens
from training.config import RunConfig
from training.data.bad_pairs import OnBad, stand_in
from training.data.batch import Batch, BatchOrder
from training.data.pair import Pair
from training.features.frame_features import frame_table
from training.features.frame_table import FrameTable
from training.features.frozen_towers import FrozenTowers
from training.features.pooled_texts import PooledTexts, pooled_texts

if TYPE_CHECKING:
    from cpd_model.model import CPDModel

OnFeatures: TypeAlias = Callable[[Literal["videos", "captions"], int, int, int], None]
"""Told what is computed, how many are done, how many there are, and how many failed."""


class FeaturePairs:
    """A PairStream over features: each step is one gather, some milliseconds."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        table: FrameTable,
        *,
        order: BatchOrder,
        texts: PooledTexts | None,
        processor: CPDProcessor,
        text_learns: Callable[[int], bool] = lambda step: False,
    ) -> None:
        """
        Args:
            texts: None where the text encoder learns at every step.
            text_learns: whether the text encoder learns at a step, which then gets tokens.

        Raises:
            InputError: too few of the pairs are readable to fill a batch.
        """
        self.table = table
        self.texts = texts
        self._captions = [pair.captions for pair in pairs]
        self._order = order
        self._processor = processor
        self._text_learns = text_learns
        self._is_readable_N = table.readable()
        num_readable = int(self._is_readable_N.sum())
        if num_readable < order.batch_size:
            raise InputError(
                f"only {num_readable} of {len(pairs)} videos can be read, fewer than "
                f"data.batch_size = {order.batch_size}; lower it or mend the list"
            )

    @property
    def num_items(self) -> int:
        """N, unreadable pairs included."""
        return self.table.num_items

    @property
    def nbytes(self) -> int:
        """What features and pooled texts take, in bytes."""
        return self.table.nbytes + (self.texts.rows_UE.nbytes if self.texts else 0)

    def in_order(self, order: BatchOrder) -> "FeaturePairs":
        """The same pairs and features in another order."""
        other = copy(self)
        other._order = order
        return other

    def batches(self, first_step: int, stop_step: int) -> Iterator[Batch]:
        """The batches of steps [first_step, stop_step), in order."""
        for step in range(first_step, stop_step):
            yield self._batch(step)

    def _batch(self, step: int) -> Batch:
        items_B = self._items(step)
        captions_B = np.empty_like(items_B)
        views_B = np.empty_like(items_B)
        for row, item in enumerate(items_B.tolist()):
            random = self._order.random(step, item)
            captions_B[row] = random.integers(len(self._captions[item]))
            views_B[row] = random.integers(self.table.num_views)
        return Batch(
            items_B=torch.from_numpy(items_B),
            video=torch.from_numpy(self.table.features_of(items_B, views_B=views_B)),
            text=self._text(step, items_B, captions_B),
        )

    def _items(self, step: int) -> NDArray[np.int64]:
        """The order's pairs, bad ones replaced so that all of the whole batch stay different."""
        items_B = self._order.items(step)
        if self._is_readable_N.all():
            return items_B
        whole_B = replace(self._order, rank=0, world_size=1).items(step)
        taken = set(whole_B.tolist())
        for row in np.flatnonzero(~self._is_readable_N[whole_B]):
            whole_B[row] = stand_in(
                int(whole_B[row]),
                num_items=self.num_items,
                taken=taken,
                is_readable=lambda item: bool(self._is_readable_N[item]),
            )
        first = self._order.rank * len(items_B)
        return whole_B[first : first + len(items_B)]

    def _text(
        self, step: int, items_B: NDArray[np.int64], captions_B: NDArray[np.int64]
    ) -> Tokens | Tensor:
        if self.texts is not None and not self._text_learns(step):
            return torch.from_numpy(self.texts.pooled_of(items_B, captions_B))
        chosen = zip(items_B.tolist(), captions_B.tolist(), strict=True)
        return self._processor.texts([self._captions[item][number] for item, number in chosen])


def feature_pairs(
    pairs: Sequence[Pair],
    model: "CPDModel",
    processor: CPDProcessor,
    *,
    config: RunConfig,
    order: BatchOrder,
    cache_root: Path | None = None,
    device: str = "cpu",
    text_learns: Callable[[int], bool] = lambda step: False,
    on_progress: OnFeatures = lambda what, done, total, failed: None,
    on_bad: OnBad = lambda pair, reason: None,
) -> FeaturePairs:
    """The stream of a run with `model.features`: computes what the cache lacks, which may be long.

    Args:
        cache_root: None: the user's cache folder.
        device: where features are computed, `cpu` or `cuda:N`.
        text_learns: see `FeaturePairs`.
        on_bad: told once about each pair that cannot be read.

    Raises:
        InputError: the model's tower looks across frames, too many pairs cannot be read, or the
            cache folder cannot be written.
    """
    towers = FrozenTowers(model, processor, cache_root=cache_root, device=device)
    table = frame_table(
        pairs,
        towers,
        data=config.data,
        on_progress=lambda *counts: on_progress("videos", *counts),
        on_bad=on_bad,
    )
    always_learns = config.curriculum.unfreeze_epoch == 0
    texts = (
        None
        if always_learns
        else pooled_texts(
            [pair.captions for pair in pairs],
            towers,
            on_progress=lambda done, total: on_progress("captions", done, total, 0),
        )
    )
    return FeaturePairs(
        pairs, table, order=order, texts=texts, processor=processor, text_learns=text_learns
    )
