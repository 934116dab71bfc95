"""One state and one step: everything that a training run changes, and how a batch changes it.

What is random at a step is drawn from (seed, step, process, part) alone, and the batch of a step
is a function of the step, so a run goes on exactly where its state was saved: nothing else counts.

Axes: B pairs of a step, D shared space.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from cpd_model.errors import InputError
from cpd_model.model import PairEmbeddings
from cpd_model.processor import Tokens
from training.config import RunConfig
from training.data.batch import Batch
from training.method.learners import set_rates
from training.method.objective import Objective
from training.method.schedule import learning_rate_factor, stage, text_learning_rate_factor
from training.method.towers import PairTowers, unchanged_statistics
from training.run.distributed import Processes, average, average_gradients
from training.run.window import StepReport, Window


@dataclass(slots=True)
class TrainState:
    """All that a step changes."""

    towers: PairTowers
    objective: Objective
    optimizer: Optimizer
    step: int = 0
    """Steps that are done."""

    best: dict[str, float] = field(default_factory=dict)
    """Figures of the best evaluation so far, `step` among them."""

    window: Window = field(default_factory=Window)
    """Sums since the last line of metrics; here, so that a resumed run writes the same line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long a run is, and who takes part."""

    steps_per_epoch: int
    total_steps: int
    processes: Processes = field(default_factory=Processes)


def train(
    state: TrainState,
    batches: Iterator[Batch],
    config: RunConfig,
    *,
    plan: Plan,
    on_step: Callable[[StepReport], bool],
) -> None:
    """Run until the plan's last step, or until `on_step` answers False. Resuming is calling again.

    Args:
        batches: from the batch of step `state.step` on.

    Raises:
        InputError: the loss or a gradient is no number any more; the state is that before the step.
    """
    runner: nn.Module | None = None
    going_on = True
    while going_on and state.step < plan.total_steps:
        started = time.perf_counter()
        now = stage(state.step, config.curriculum, steps_per_epoch=plan.steps_per_epoch)
        if runner is None or now != state.towers.stage:
            state.towers.set_stage(now)
            state.towers.train()
            runner = _runner(state.towers, plan.processes)
        batch = next(batches)
        wait_seconds = time.perf_counter() - started
        rate, text_rate = learning_rates(state.step, config, plan=plan)
        set_rates(state.optimizer, main=rate, text=text_rate)
        loss, norm = train_step(state, runner, batch, config=config, processes=plan.processes)
        going_on = on_step(
            StepReport(
                step=state.step,
                loss=loss,
                gradient_norm=norm,
                learning_rate=rate,
                num_pairs=len(batch.items_B) * plan.processes.world_size,
                wait_seconds=wait_seconds,
                seconds=time.perf_counter() - started,
            )
        )


def learning_rates(step: int, config: RunConfig, *, plan: Plan) -> tuple[float, float]:
    """Rates of a step: of all but the text encoder, and of the text encoder in stage II."""
    lengths = {"steps_per_epoch": plan.steps_per_epoch, "total_steps": plan.total_steps}
    main = learning_rate_factor(step, config.optimizer, **lengths)
    text = text_learning_rate_factor(
        step, config.optimizer, unfreeze_epoch=config.curriculum.unfreeze_epoch, **lengths
    )
    return (
        config.optimizer.learning_rate * main,
        config.curriculum.text_learning_rate * text,
    )


def train_step(
    state: TrainState,
    runner: nn.Module,
    batch: Batch,
    *,
    config: RunConfig,
    processes: Processes,
) -> tuple[float, float]:
    """One step of the optimizer: its loss, and the norm of its gradient before clipping.

    Args:
        runner: the towers in train mode, or DistributedDataParallel around them.

    Raises:
        InputError: see `train`.
    """
    items_B = batch.items_B.to(state.towers.model.device, non_blocking=True)
    seeds = _seeds(config.seed, state.step, processes.rank, config.accumulate)
    backward = _backward_at_once if config.accumulate == 1 else _backward_in_parts
    loss, pairs = backward(state, runner, batch._replace(items_B=items_B), seeds)
    average_gradients(state.objective.parameters())
    shared_loss = average(loss).item()
    learning = [weight for group in state.optimizer.param_groups for weight in group["params"]]
    limit = config.optimizer.clip_norm
    norm = nn.utils.clip_grad_norm_(learning, float("inf") if limit is None else limit).item()
    if not np.isfinite(shared_loss) or not np.isfinite(norm):
        state.optimizer.zero_grad(set_to_none=True)
        raise InputError(
            f"the loss of step {state.step} is {shared_loss:g} and its gradient {norm:g}, no "
            "numbers to learn from: lower optimizer.learning_rate, or raise "
            "optimizer.warmup_epochs; the last checkpoint is untouched"
        )
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.objective.after_step(pairs, items_B)
    state.step += 1
    return shared_loss, norm


def _backward_at_once(
    state: TrainState, runner: nn.Module, batch: Batch, seeds: list[int]
) -> tuple[Tensor, PairEmbeddings]:
    torch.manual_seed(seeds[0])
    pairs: PairEmbeddings = runner(batch)
    loss = state.objective.loss(pairs, batch.items_B, step=state.step)
    with unchanged_statistics(state.towers) if state.towers.recomputes else nullcontext():
        loss.backward()
    return loss.detach(), PairEmbeddings(*(side.detach() for side in pairs))


def _backward_in_parts(
    state: TrainState, runner: nn.Module, batch: Batch, seeds: list[int]
) -> tuple[Tensor, PairEmbeddings]:
    """The gradient of the whole batch with the activations of one part: memory for time.

    Each part is embedded without keeping activations, the loss of all embeddings gives their
    gradients, and each part is embedded again, by the same random numbers, to send its own on.
    Only batch norms see the difference: their statistics are those of a part.

    Source: Gao et al. 2021 (GradCache, arXiv 2101.06983).
    """
    parts = _cut(batch, len(seeds))
    embedded = []
    with torch.no_grad():
        for part, seed in zip(parts, seeds, strict=True):
            torch.manual_seed(seed)
            embedded.append(state.towers(part))
    pairs = PairEmbeddings(
        *(torch.cat(sides).requires_grad_() for sides in zip(*embedded, strict=True))
    )
    loss = state.objective.loss(pairs, batch.items_B, step=state.step)
    loss.backward()
    start = 0
    with unchanged_statistics(state.towers):
        for index, (part, seed) in enumerate(zip(parts, seeds, strict=True)):
            stop = start + len(part.items_B)
            last = index == len(parts) - 1
            with nullcontext() if last else _without_exchange(runner):
                torch.manual_seed(seed)
                again: PairEmbeddings = runner(part)
                _send_on(again, pairs, start, stop)
            start = stop
    return loss.detach(), PairEmbeddings(*(side.detach() for side in pairs))


def _send_on(again: PairEmbeddings, pairs: PairEmbeddings, start: int, stop: int) -> None:
    """Backward through one part, from the gradients of its rows."""
    learning = [
        (side, whole.grad[start:stop])
        for side, whole in zip(again, pairs, strict=True)
        if side.requires_grad and whole.grad is not None
    ]
    torch.autograd.backward([side for side, _ in learning], [grad for _, grad in learning])


def _cut(batch: Batch, count: int) -> list[Batch]:
    """The batch in `count` parts of nearly equal size.

    Raises:
        InputError: there are more parts than pairs.
    """
    if count > len(batch.items_B):
        raise InputError(
            f"accumulate={count} cuts a batch of {len(batch.items_B)} pairs into more parts than "
            "it has pairs; lower accumulate"
        )

    def pieces(value: Tensor) -> tuple[Tensor, ...]:
        return torch.tensor_split(value, count)

    texts: list[Any]
    if isinstance(batch.text, Tensor):
        texts = list(pieces(batch.text))
    else:
        texts = [Tokens(*parts) for parts in zip(*map(pieces, batch.text), strict=True)]
    columns = zip(pieces(batch.items_B), pieces(batch.video), texts, strict=True)
    return [Batch(*column) for column in columns]


def _seeds(seed: int, step: int, rank: int, count: int) -> list[int]:
    """Of dropout in each part of a step."""
    return [
        int(np.random.SeedSequence([seed, step, rank, part]).generate_state(1)[0])
        for part in range(count)
    ]


def _runner(towers: PairTowers, processes: Processes) -> nn.Module:
    """The towers, wrapped where several processes share a step; made anew for each stage."""
    if processes.world_size == 1:
        return towers
    # Each process keeps its own batch norm statistics, as in the authors' code; the first's are
    # those that are saved.
    with warnings.catch_warnings():
        # newer versions warn, and say that local buffers still need this
        warnings.simplefilter("ignore", FutureWarning)
        return DistributedDataParallel(towers, broadcast_buffers=False)


def _without_exchange(runner: nn.Module) -> Any:
    return runner.no_sync() if isinstance(runner, DistributedDataParallel) else ExitStack()
