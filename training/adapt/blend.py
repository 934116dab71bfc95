"""Weights between those that a run began with and those that it has now."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightBlend:
    """(1 - weight) * start + weight * now, over all that learns; 0 is the start, bit for bit.

    Source: Wortsman et al. 2022 (WiSE-FT, arXiv 2109.01903): the way from a general model to one
    that was tuned on little often passes better ones than both.
    """

    def __init__(self, model: nn.Module) -> None:
        """Remember the model's weights."""
        self._model = model
        self._start = {name: tensor.detach().clone() for name, tensor in self._learned().items()}

    def weights(self, weight: float) -> dict[str, Tensor]:
        """Blended copies by name; `weight` in [0, 1]."""
        return {
            name: torch.lerp(start, self._learned()[name].detach(), weight)
            for name, start in self._start.items()
        }

    def restart(self) -> None:
        """Put the start into the model."""
        with torch.no_grad():
            for name, tensor in self._learned().items():
                tensor.copy_(self._start[name])

    @contextmanager
    def inside(self, weight: float) -> Iterator[None]:
        """Put the blend into the model while the block runs."""
        blended = self.weights(weight)
        own = {name: tensor.data for name, tensor in self._learned().items()}
        for name, tensor in self._learned().items():
            tensor.data = blended[name]
        try:
            yield
        finally:
            for name, tensor in self._learned().items():
                tensor.data = own[name]

    def _learned(self) -> dict[str, Tensor]:
        """Parameters that learn, and the statistics of batch norms among them."""
        learned: dict[str, Tensor] = {}
        for prefix, module in self._model.named_modules():
            own = dict(module.named_parameters(recurse=False))
            if not any(weight.requires_grad for weight in own.values()):
                continue
            own |= module.named_buffers(recurse=False)
            for name, tensor in own.items():
                if tensor.is_floating_point():
                    learned[f"{prefix}.{name}".lstrip(".")] = tensor
        return learned
