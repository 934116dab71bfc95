"""Z, the constant that makes NCE's p(i|v) = exp(s / t) / Z sum to one over all N items."""

import math

import torch
from torch import Tensor

from training.config import LossChoice
from training.method.gathering import gather_rows

_RUNNING_BATCHES = 100
"""A running Z is the mean over about so many batches."""


class LogPartition:
    """log Z of one direction: N times the mean of exp(s / t), over batches and processes.

    Frozen after the first batches as the authors do, or a running mean. A batch's own estimate
    counts for its own loss, and is kept only by `commit`.

    Source: Wu et al. 2018 (arXiv 1805.01978); the positive counts among the cosines
    as in the authors' models/cpd.py.
    """

    def __init__(self, choice: LossChoice, *, num_items: int) -> None:
        self._frozen_after = choice.partition_batches if choice.partition == "frozen" else None
        self._log_num_items = math.log(num_items)
        self.value = torch.tensor(0.0)
        """0-d float32, log Z; without meaning before the first batch."""
        self.num_batches = 0
        self._pending: Tensor | None = None

    @torch.no_grad()
    def look(self, positive_B: Tensor, negatives_BK: Tensor, *, temperature: float) -> Tensor:
        """log Z for the loss of these cosines; equal B and K in all processes."""
        if self._frozen_after is not None and self.num_batches >= self._frozen_after:
            self._pending = None
            self.value = self.value.to(positive_B.device)
            return self.value
        logits_BC = torch.cat([positive_B.unsqueeze(1), negatives_BK], dim=1) / temperature
        log_mean = torch.logsumexp(logits_BC, dim=(0, 1)) - math.log(logits_BC.numel())
        means = gather_rows(log_mean.reshape(1))
        here = torch.logsumexp(means, dim=0) - math.log(len(means)) + self._log_num_items
        count = self.num_batches + 1
        if self._frozen_after is None:
            count = min(count, _RUNNING_BATCHES)
        if count > 1:
            before = self.value.to(here.device) + math.log1p(-1 / count)
            here = torch.logaddexp(before, here - math.log(count))
        self._pending = here
        return here

    def commit(self) -> None:
        """Keep what the last `look` estimated."""
        if self._pending is not None:
            self.value, self._pending = self._pending, None
            self.num_batches += 1
