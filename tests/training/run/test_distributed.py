"""Two processes with half a batch each are one process with the whole."""

import os
import socket
import time
from datetime import timedelta

import pytest
import torch
from torch import multiprocessing

from cpd_model.errors import InputError
from tests.training.run_fakes import NUM_PAIRS, begin, everything, plain_changes, run, tiny_config
from training.config import LossChoice
from training.data.batch import BatchOrder
from training.run.distributed import (
    Processes,
    first_alone,
    process_group,
    processes_of_environment,
)
from training.run.loop import Plan

KINDS = ("nce", "infonce", "sigmoid")


def test_without_torchrun_there_is_one_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)

    assert processes_of_environment() == Processes(rank=0, world_size=1, local_rank=0)


def test_torchrun_says_who_this_is(monkeypatch):
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)

    processes = processes_of_environment()

    assert processes == Processes(rank=3, world_size=4, local_rank=1)
    assert not processes.first


def test_half_of_what_torchrun_says_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)

    with pytest.raises(InputError, match="start several processes with torchrun"):
        processes_of_environment()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """What two processes left, started once for all that they are asked: training and waiting."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "waited").mkdir()
    ports = _free_port(), _free_port()
    multiprocessing.spawn(_train_and_wait, args=(ports, folder), nprocs=2, join=True)
    return folder


@pytest.mark.slow
def test_two_processes_equal_one_with_the_whole_batch(two_processes):
    """Weights, banks and losses, over both stages, for each objective, at once and in parts."""
    for kind, parts in ((kind, parts) for kind in KINDS for parts in (1, 2)):
        alone, losses = _train(_config(kind, parts), Processes())
        for rank in range(2):
            shared = torch.load(two_processes / f"{kind}-{parts}-{rank}.pt")
            assert shared["losses"] == pytest.approx(losses, rel=1e-5)
            for name, value in alone.items():
                if torch.is_tensor(value):
                    torch.testing.assert_close(shared["state"][name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_who_waits_is_not_bound_by_the_time_out_of_an_exchange(two_processes):
    """The first process computes features or evaluates for as long as that takes."""
    assert sorted(path.name for path in (two_processes / "waited").iterdir()) == ["0", "1"]


def _train_and_wait(rank, ports, folder):
    _work(rank, ports[0], folder)
    _wait_long(rank, ports[1], folder / "waited")


def _wait_long(rank, port, folder):
    _become(rank, port)
    processes = processes_of_environment()
    with process_group(processes, device="cpu", exchange_timeout=timedelta(seconds=2)):
        with first_alone(processes):
            time.sleep(5 if processes.first else 0)
        (folder / str(rank)).touch()


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _become(rank, port):
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}


def _config(kind, parts):
    return tiny_config(
        model=plain_changes(), accumulate=parts, loss=LossChoice(kind=kind, num_negatives=5)
    )


def _train(config, processes):
    order = BatchOrder(
        num_items=NUM_PAIRS,
        batch_size=config.data.batch_size,
        seed=config.seed,
        rank=processes.rank,
        world_size=processes.world_size,
    )
    state, stream, _ = begin(config, order=order)
    plan = Plan(steps_per_epoch=order.steps_per_epoch, total_steps=6, processes=processes)
    reports = run(state, stream, plan, config)
    return everything(state), [report.loss for report in reports]


def _work(rank, port, folder):
    _become(rank, port)
    processes = processes_of_environment()
    with process_group(processes, device="cpu"):
        for kind, parts in ((kind, parts) for kind in KINDS for parts in (1, 2)):
            state, losses = _train(_config(kind, parts), processes)
            tensors = {name: value for name, value in state.items() if torch.is_tensor(value)}
            torch.save({"state": tensors, "losses": losses}, folder / f"{kind}-{parts}-{rank}.pt")
