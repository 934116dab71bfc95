"""An exponential moving average of the weights that learn."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """average = decay * average + (1 - decay) * weights, after each step.

    It begins at the first weights it sees, and forgets them at first faster than `decay` says: the
    decay of step n is at most (1 + n) / (10 + n), or a short run would end near its start.
    Batch norms' statistics are averages already: the model's own are used.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"decay must be in (0, 1), got {decay}")
        self.decay = decay
        self.num_updates = 0
        self.weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the model's weights; those that are frozen cost nothing."""
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                self.weights[name].lerp_(weight, 1 - decay)
        self.num_updates += 1

    @contextmanager
    def inside(self, model: nn.Module) -> Iterator[None]:
        """Put the average into the model while the block runs."""
        own = {name: weight.data for name, weight in model.named_parameters()}
        for name, weight in model.named_parameters():
            weight.data = self.weights[name]
        try:
            yield
        finally:
            for name, weight in model.named_parameters():
                weight.data = own[name]

    def state_dict(self) -> dict[str, Tensor | int | dict[str, Tensor]]:
        """What `load_state_dict` takes."""
        return {"num_updates": self.num_updates, "weights": self.weights}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on where `state_dict` was taken."""
        weights, count = state["weights"], state["num_updates"]
        assert isinstance(weights, dict)
        assert isinstance(count, int)
        self.num_updates = count
        for name, weight in self.weights.items():
            weight.copy_(weights[name])
