"""Z, the constant that makes NCE's p(i|v) = exp(s / t) / Z sum to one over all N items."""

import math

import torch
from torch import Tensor

from training.method.gathering import gather_rows


class LogPartition:
    """log Z of one direction: N times the mean of exp(s / t) over the first batch of all processes.

    As the authors do, it stays after that. The estimate is kept only by `commit`, so that a step
    that fails leaves none behind.

    Source: Wu et al. 2018 (arXiv 1805.01978); the positive counts among the cosines
    as in the authors' models/cpd.py.
    """

    def __init__(self, *, num_items: int) -> None:
        self._log_num_items = math.log(num_items)
        self.value = torch.tensor(0.0)
        """0-d float32, log Z; without meaning before the first batch."""
        self.known = False
        self._pending: Tensor | None = None

    @torch.no_grad()
    def look(self, positive_B: Tensor, negatives_BK: Tensor, *, temperature: float) -> Tensor:
        """log Z for the loss of these cosines; equal B and K in all processes."""
        if self.known:
            self.value = self.value.to(positive_B.device)
            return self.value
        logits_BC = torch.cat([positive_B.unsqueeze(1), negatives_BK], dim=1) / temperature
        log_mean = torch.logsumexp(logits_BC, dim=(0, 1)) - math.log(logits_BC.numel())
        means = gather_rows(log_mean.reshape(1))
        self._pending = torch.logsumexp(means, dim=0) - math.log(len(means)) + self._log_num_items
        return self._pending

    def commit(self) -> None:
        """Keep what the last `look` estimated."""
        if self._pending is not None:
            self.value, self._pending, self.known = self._pending, None, True
