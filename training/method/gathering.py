"""Rows of all processes in the order of their ranks; without a process group, one's own.

Axes: B rows of this process, G rows of all of them, D dimensions.
"""

from typing import Any

import torch
from torch import Tensor, distributed


def process_index() -> tuple[int, int]:
    """This process's rank, and how many processes there are."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def gather_rows(rows: Tensor) -> Tensor:
    """(B, ...) of each process, equal in shape, as (G, ...), without gradient."""
    world_size = process_index()[1]
    if world_size == 1:
        return rows.detach()
    parts = [torch.empty_like(rows) for _ in range(world_size)]
    distributed.all_gather(parts, rows.detach().contiguous())
    return torch.cat(parts)


def gather_with_gradient(rows_BD: Tensor) -> Tensor:
    """The same as `gather_rows`, and a row's gradient is the sum of what all processes give it.

    So the mean over processes of the weights' gradients is the gradient of the mean loss.
    """
    if process_index()[1] == 1:
        return rows_BD
    gathered_GD: Tensor = _Gather.apply(rows_BD)  # type: ignore[no-untyped-call]
    return gathered_GD


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows_BD: Tensor) -> Tensor:
        ctx.num_rows = len(rows_BD)
        return gather_rows(rows_BD)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total_GD = grads[0].clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total_GD)
        start = process_index()[0] * ctx.num_rows
        return total_GD[start : start + ctx.num_rows]
