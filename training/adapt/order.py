"""Batches for pairs whose captions repeat, such as labels: no caption stands twice in a batch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.batch import BatchOrder


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionOrder(BatchOrder):
    """Each step draws captions, and one clip of each: clips of one caption are no negatives.

    A function of seed and step, as its base; an epoch is only a count of steps.
    """

    kinds: tuple[int, ...]
    """Of each pair, see `training.adapt.pairs.caption_kinds`; batch_size at most as many."""

    members: tuple[int, ...]
    """The pairs that are drawn."""

    def items(self, step: int) -> NDArray[np.int64]:
        """This process's pairs of a step, int64, all different, as are their captions."""
        random = np.random.default_rng([self.seed, step])
        members_M = np.asarray(self.members)
        kinds_M = np.asarray(self.kinds)[members_M]
        chosen = random.permutation(np.unique(kinds_M))[: self.batch_size]
        items_B = np.array([random.choice(members_M[kinds_M == kind]) for kind in chosen])
        share = self.batch_size // self.world_size
        return items_B[self.rank * share : (self.rank + 1) * share].astype(np.int64)
