"""Several processes that train one model, as `torchrun` starts them; one process is the same of 1.

Each process sees its part of a batch. Gradients of the towers are averaged by PyTorch's
DistributedDataParallel; the objective gathers embeddings itself.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

from cpd_model.errors import InputError

_LONGEST_WAIT = timedelta(days=7)
"""While one process works alone; one that died ends the others at once, by torchrun."""

_waiting: list[distributed.ProcessGroup] = []
"""The group that `wait_for_all` waits in: one, while the processes are connected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Processes:
    """Which of how many processes this one is."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    """Number on this machine: the number of its GPU."""

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes files and talks."""
        return self.rank == 0


def processes_of_environment() -> Processes:
    """What torchrun says in RANK, WORLD_SIZE and LOCAL_RANK; without it, one process.

    Raises:
        InputError: a variable is missing or no number.
    """
    if "WORLD_SIZE" not in os.environ:
        return Processes()
    try:
        return Processes(
            rank=int(os.environ["RANK"]),
            world_size=int(os.environ["WORLD_SIZE"]),
            local_rank=int(os.environ["LOCAL_RANK"]),
        )
    except (KeyError, ValueError) as error:
        raise InputError(
            "WORLD_SIZE is set but RANK and LOCAL_RANK are not numbers beside it: "
            "start several processes with torchrun"
        ) from error


@contextmanager
def process_group(
    processes: Processes, *, device: str, exchange_timeout: timedelta | None = None
) -> Iterator[None]:
    """Connect the processes while the block runs: NCCL between GPUs, gloo between CPUs.

    Args:
        exchange_timeout: after which an exchange of a step has failed, for a process hangs; None:
            PyTorch's own. `wait_for_all` has none, for one process may work alone for hours.
    """
    if processes.world_size == 1:
        yield
        return
    distributed.init_process_group("gloo" if device == "cpu" else "nccl", timeout=exchange_timeout)
    # a group of its own: a hanging exchange is still noticed in minutes, and no GPU spins
    _waiting.append(distributed.new_group(backend="gloo", timeout=_LONGEST_WAIT))
    try:
        yield
    finally:
        _waiting.clear()
        distributed.destroy_process_group()


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over the processes; for weights outside of the towers."""
    if not distributed.is_initialized():
        return
    for parameter in parameters:
        if parameter.grad is not None:
            distributed.all_reduce(parameter.grad)
            parameter.grad /= distributed.get_world_size()


def average(value: Tensor) -> Tensor:
    """Mean of a 0-d tensor over the processes."""
    if not distributed.is_initialized():
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def any_of(flag: bool, *, device: str) -> bool:
    """Whether the flag is set in one of the processes: all get the same answer."""
    if not distributed.is_initialized():
        return flag
    flags = torch.tensor(int(flag), device=device)
    distributed.all_reduce(flags, op=distributed.ReduceOp.MAX)
    return bool(flags.item())


def wait_for_all() -> None:
    """Return when each process has come here."""
    if distributed.is_initialized():
        distributed.barrier(group=_waiting[0] if _waiting else None)


@contextmanager
def first_alone(processes: Processes) -> Iterator[None]:
    """The block runs in the first process, and when that is done in the others."""
    if not processes.first:
        wait_for_all()
    yield
    if processes.first:
        wait_for_all()
