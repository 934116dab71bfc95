"""What one step of training sees, and where it comes from.

Axes: B pairs of a batch, T frames of a clip, H height, W width, C channels (3, RGB), F features of
a frame, L tokens, E width of the text encoder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cpd_model.processor import Tokens


class Batch(NamedTuple):
    """B different pairs, on the CPU."""

    items_B: Tensor
    """int64: which pair of the list each row is, which is its row in the memory banks."""

    video: Tensor
    """uint8 clips (B, T, H, W, C), or float16 or float32 features of their frames (B, T, F)."""

    text: Tokens | Tensor
    """Token ids and mask (B, L), or float16 or float32 outputs of a frozen encoder (B, E)."""


class PairStream(Protocol):
    """Pairs as batches; the batch of a step depends on the step alone, not on what came before."""

    @property
    def num_items(self) -> int:
        """N, pairs of the whole list: rows of a memory bank."""
        ...

    def batches(self, first_step: int, stop_step: int) -> Iterator[Batch]:
        """The batches of steps [first_step, stop_step), in order; read ahead where it helps."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchOrder:
    """Which pairs a step sees: a new permutation each epoch, a function of seed and step alone.

    So a resumed run needs no position to be saved, and every process of several knows its part.
    What does not fill a batch at an epoch's end is left out of that epoch.
    """

    num_items: int
    batch_size: int
    """Of all processes together."""

    seed: int
    rank: int = 0
    """Which of the processes this is."""

    world_size: int = 1
    """How many processes share a batch."""

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= self.num_items:
            raise ValueError(
                f"batch_size must be between 1 and {self.num_items} items, got {self.batch_size}"
            )
        if self.batch_size % self.world_size:
            raise ValueError(
                f"batch_size must be a multiple of {self.world_size} processes, "
                f"got {self.batch_size}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches that the list fills."""
        return self.num_items // self.batch_size

    def items(self, step: int) -> NDArray[np.int64]:
        """This process's pairs of a step, int64, all different."""
        epoch, place = divmod(step, self.steps_per_epoch)
        batch = _permutation(self.num_items, self.seed, epoch)[
            place * self.batch_size : (place + 1) * self.batch_size
        ]
        share = self.batch_size // self.world_size
        own: NDArray[np.int64] = batch[self.rank * share : (self.rank + 1) * share].astype(np.int64)
        return own

    def random(self, step: int, item: int) -> np.random.Generator:
        """What decides on the caption, moment, crop and flip of a pair at a step."""
        return np.random.default_rng([self.seed, step, item])


@lru_cache(maxsize=2)  # reading ahead looks into the next epoch
def _permutation(num_items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    order = np.random.default_rng([seed, epoch]).permutation(num_items)
    order.setflags(write=False)
    return order
