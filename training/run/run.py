"""A whole training run: from pairs and a recipe to a model bundle and the record of its making.

This module only puts the parts together; each part knows its own job.
"""

import time
from contextlib import ExitStack, closing, nullcontext
from typing import Any

import torch

from cpd_model.devices import choose_device
from cpd_model.errors import InputError
from training.data.batch import BatchOrder
from training.method.learners import build_optimizer
from training.method.memory import bank_bytes
from training.method.objective import Objective, build_objective
from training.method.towers import PairTowers
from training.run.checkpoint import CheckpointFolder
from training.run.course import Course
from training.run.distributed import (
    Processes,
    first_alone,
    process_group,
    processes_of_environment,
    wait_for_all,
)
from training.run.events import RunListener, SilentListener
from training.run.folder import RunFolder
from training.run.loop import Plan, TrainState, train
from training.run.memory_budget import forget_peak, megabytes, peak_bytes, predict
from training.run.model import RunModel, build_model
from training.run.pairs import RunPairs
from training.run.record import first_record, identity_of, settled_record
from training.run.report import Warnings, open_curves
from training.run.request import RunRequest, RunResult
from training.run.result import write_result
from training.run.source import PairSource
from training.run.stop_signals import StopWish, stop_signals
from training.run.streams import Streams


def run_training(
    request: RunRequest, *, command: str, listener: RunListener | None = None
) -> RunResult:
    """Train until the end, or until SIGTERM or Ctrl-C, which save and return.

    Args:
        command: how the person started it, for the record and to say how to go on.
        listener: told how it goes on, by the first process alone; None: nobody is.

    Raises:
        InputError: see the message; nothing half-written is left.
        ModelError: the start cannot be had.
        DeviceError: the device is not there.
    """
    processes = processes_of_environment()
    device = _device(request.device, processes)
    folder = RunFolder(request.out)
    told = listener if listener and processes.first else SilentListener()
    with folder.claimed() if processes.first else nullcontext():
        if processes.first:
            folder.check(resume=request.resume)
        with process_group(processes, device=device):
            run = _Run(request, processes, device=device, listener=told, folder=folder)
            return run.go(command)


class _Run:
    """The parts of one run, built in their order."""

    def __init__(
        self,
        request: RunRequest,
        processes: Processes,
        *,
        device: str,
        listener: RunListener,
        folder: RunFolder,
    ) -> None:
        self._request = request
        self._config = request.config
        self._processes = processes
        self._device = device
        self._listener = listener
        self._folder = folder
        self._started = time.time()

    def go(self, command: str) -> RunResult:
        source = self._request.pair_source()
        with first_alone(self._processes):
            pairs = source.read(on_message=self._say)
        order = self._order(pairs)
        built = build_model(
            self._config.model,
            seed=self._config.seed,
            tokenizer=self._request.tokenizer,
            on_message=self._say,
        )
        plan = self._plan(order)
        self._folder.check_longer(plan.total_steps)
        objective = self._objective(built, pairs)
        with closing(self._streams(source, pairs, built, order)) as streams:
            state = self._state(built, objective)
            checkpoints = self._checkpoints(built, pairs)
            if self._request.resume and checkpoints.load_newest(state):
                self._say_how_it_goes_on(state, plan)
            record = self._begin(state, pairs, plan=plan, command=command)
            # before this, nothing needs saving: features that were computed stay in their cache
            with stop_signals() as wish:
                figures = self._train(state, streams, plan=plan, checkpoints=checkpoints, wish=wish)
        self._settle(record, state)
        if state.step < plan.total_steps:
            self._write(record)
            self._say(f"stopped after step {state.step}, saved; go on with: {command} --resume")
            return RunResult(
                bundle=None, step=state.step, figures=figures, interrupted=wish.interrupted
            )
        if self._processes.first:
            figures = write_result(
                state, built, checkpoints=checkpoints, folder=self._folder, record=record
            )
        wait_for_all()
        return RunResult(
            bundle=self._folder.bundle, step=state.step, figures=figures, interrupted=False
        )

    def _streams(
        self, source: PairSource, pairs: RunPairs, built: RunModel, order: BatchOrder
    ) -> Streams:
        with first_alone(self._processes):  # it computes what the others then find in the cache
            return source.open(
                pairs,
                built,
                config=self._config,
                order=order,
                device=self._device,
                on_message=self._say,
            )

    def _checkpoints(self, built: RunModel, pairs: RunPairs) -> CheckpointFolder:
        return CheckpointFolder(
            self._folder.checkpoints,
            identity=identity_of(self._config, built, pairs),
            keep=self._config.keep_checkpoints,
        )

    def _begin(
        self, state: TrainState, pairs: RunPairs, *, plan: Plan, command: str
    ) -> dict[str, Any]:
        """Write the record as it is before the first step."""
        now = first_record(self._config, pairs, plan=plan, device=self._device, command=command)
        record = settled_record(
            self._folder.read(), now, expected_bytes=self._predict(state, pairs)
        )
        self._write(record)
        return record

    def _say_how_it_goes_on(self, state: TrainState, plan: Plan) -> None:
        """Where it was, and what another length than before means."""
        done, total = state.step, plan.total_steps
        if done > total:
            raise InputError(
                f"the run in {self._folder.folder} has done {done} steps already, and {total} were "
                "asked for; set epochs or --max-steps to more"
            )
        self._say(f"going on after step {done} of {total}")
        before = (self._folder.read() or {}).get("total_steps", total)
        if before != total:
            changed = f"the run now ends at step {total}, not {before}"
            if self._config.optimizer.schedule == "cosine":
                changed += (
                    f": the cosine goes on as that of {total} steps, so the result is "
                    "not that of a run that was begun so long"
                )
            self._say(changed)

    def _predict(self, state: TrainState, pairs: RunPairs) -> int:
        """Bytes that a step will roughly take, told to the person."""
        budget = predict(
            state.towers,
            self._config,
            num_items=len(pairs.train),
            local_pairs=self._config.data.batch_size // self._processes.world_size,
        )
        self._say(budget.sentence())
        forget_peak(state.towers)
        return budget.total

    def _settle(self, record: dict[str, Any], state: TrainState) -> None:
        """Put into the record what is known once training stops."""
        memory = record["memory"]
        memory["peak_bytes"] = peak_bytes(state.towers)
        record["steps"] = state.step
        record["seconds"] += time.time() - self._started
        self._say(
            f"memory at most {megabytes(memory['peak_bytes'])}, "
            f"expected roughly {megabytes(memory['expected_bytes'])}"
        )

    def _order(self, pairs: RunPairs) -> BatchOrder:
        size, world = self._config.data.batch_size, self._processes.world_size
        if size > len(pairs.train):
            raise InputError(
                f"a batch of {size} needs as many pairs, and there are {len(pairs.train)}; "
                f"lower it with --set data.batch_size={len(pairs.train)}"
            )
        if size % world:
            raise InputError(
                f"data.batch_size {size} cannot be shared by {world} processes; "
                f"make it a multiple of {world}"
            )
        return BatchOrder(
            num_items=len(pairs.train),
            batch_size=size,
            seed=self._config.seed,
            rank=self._processes.rank,
            world_size=world,
        )

    def _plan(self, order: BatchOrder) -> Plan:
        total = max(1, round(self._config.epochs * order.steps_per_epoch))
        if self._request.max_steps is not None:
            total = min(total, self._request.max_steps)
        return Plan(
            steps_per_epoch=order.steps_per_epoch, total_steps=total, processes=self._processes
        )

    def _objective(self, built: RunModel, pairs: RunPairs) -> Objective:
        loss = self._config.loss
        num_items, embed_dim = len(pairs.train), built.model.cpd_config.embed_dim
        if loss.kind == "nce" and loss.bank_on_disk:
            size = megabytes(bank_bytes(num_items, embed_dim, dtype=loss.bank_dtype))
            self._say(f"memory banks: {size} on disk for each process, and in each checkpoint")
        return build_objective(
            loss,
            num_items=num_items,
            embed_dim=embed_dim,
            seed=self._config.seed,
            device=self._device,
            folder=self._folder.folder / "banks" if loss.bank_on_disk else None,
            batch_size=self._config.data.batch_size,
        )

    def _state(self, built: RunModel, objective: Objective) -> TrainState:
        config = self._config
        model: torch.nn.Module = built.model
        model.to(self._device)
        towers = PairTowers(built.model, built.processor, config=config)
        local_pairs = config.data.batch_size // self._processes.world_size
        towers.check_part(local_pairs // config.accumulate)
        return TrainState(
            towers=towers,
            objective=objective,
            optimizer=build_optimizer(built.model, objective.parameters(), config.optimizer),
        )

    def _train(
        self,
        state: TrainState,
        streams: Streams,
        *,
        plan: Plan,
        checkpoints: CheckpointFolder,
        wish: StopWish,
    ) -> dict[str, Any]:
        with ExitStack() as stack:
            curves = None
            if self._processes.first:
                self._folder.forget_metrics_after(state.step)
                curves = open_curves(self._folder)
                stack.callback(curves.close)
            self._listener.planned(plan.total_steps)
            course = Course(
                state,
                self._config,
                plan=plan,
                folder=self._folder,
                checkpoints=checkpoints,
                judge=streams.judge,
                listener=self._listener,
                curves=curves,
                warnings=self._warnings(state, plan),
                wish=wish,
            )
            batches = streams.train.batches(state.step, plan.total_steps)
            train(state, batches, self._config, plan=plan, on_step=course)
        return course.last_figures

    def _warnings(self, state: TrainState, plan: Plan) -> Warnings:
        epochs = self._config.optimizer.warmup_epochs + 1.0
        return Warnings(
            self._say,
            chance_loss=state.objective.chance_loss,
            judged_from_step=round(epochs * plan.steps_per_epoch),
            judged_steps=plan.steps_per_epoch,
        )

    def _write(self, record: dict[str, Any]) -> None:
        if self._processes.first:
            self._folder.write(record)

    def _say(self, message: str) -> None:
        self._listener.message(message)


def _device(asked: str, processes: Processes) -> str:
    device = choose_device(asked)
    if processes.world_size > 1 and device != "cpu":
        device = f"cuda:{processes.local_rank}"
        torch.cuda.set_device(device)
    return device
