"""Objectives: what they compare, what they keep, and that two processes are one."""

import math
import os
import socket
from itertools import chain

import pytest
import torch
from torch import distributed, multiprocessing, nn
from torch.nn import functional as F

from cpd_model.errors import InputError
from cpd_model.model import PairEmbeddings
from training.config import LossChoice
from training.method.memory import MemoryBank, draw_negatives
from training.method.objective import build_objective
from training.run.distributed import average, average_gradients

NUM_ITEMS, DIM, BATCH = 20, 6, 4
CHOICES = {
    "nce": LossChoice(kind="nce", num_negatives=7),
    "shared": LossChoice(kind="nce", num_negatives=7, shared_negatives=True),
    "float16": LossChoice(kind="nce", num_negatives=7, bank_dtype="float16"),
    "infonce": LossChoice(kind="infonce"),
    "sigmoid": LossChoice(kind="sigmoid"),
}


def new_objective(choice, *, num_items=NUM_ITEMS, folder=None, seed=0, batch_size=BATCH):
    return build_objective(
        choice,
        num_items=num_items,
        embed_dim=DIM,
        seed=seed,
        device="cpu",
        folder=folder,
        batch_size=batch_size,
    )


def random_pairs(*, seed=0, count=BATCH):
    generator = torch.Generator().manual_seed(seed)
    sides = torch.randn(2, count, DIM, generator=generator)
    return PairEmbeddings(*F.normalize(sides, dim=2))


def go(objective, steps, *, start=0):
    """Losses of steps, each remembered."""
    losses = []
    for step in range(start, start + steps):
        pairs, items_B = random_pairs(seed=step), torch.arange(step, step + BATCH)
        losses.append(objective.loss(pairs, items_B, step=step).item())
        objective.after_step(pairs, items_B)
    return losses


def test_nce_is_the_method_written_out():
    """Two steps by the slow, obvious way: text bank for videos, video bank for texts."""
    choice = LossChoice(kind="nce", num_negatives=7)
    objective = new_objective(choice)
    banks = [
        MemoryBank.random(
            NUM_ITEMS, DIM, momentum=0.5, dtype="float32", seed=[0, side], place="cpu"
        ).rows_ND.double()
        for side in (0, 1)
    ]
    partitions = [None, None]
    for step in range(2):
        pairs, items_B = random_pairs(seed=step), torch.tensor([3, 1, 19, 4])
        drawn_BK = draw_negatives(items_B, 7, num_items=NUM_ITEMS, seed=[0, step])
        expected = 0.0
        for side in (0, 1):
            columns_BC = torch.cat([items_B.unsqueeze(1), drawn_BK], dim=1)
            rows_BCD = banks[1 - side][columns_BC]
            odds_BC = torch.exp((rows_BCD * pairs[side].double().unsqueeze(1)).sum(-1) / 0.07)
            if partitions[side] is None:
                partitions[side] = odds_BC.mean() * NUM_ITEMS
            odds_BC = odds_BC / partitions[side]
            noise = 7 / NUM_ITEMS
            expected -= torch.log(odds_BC[:, 0] / (odds_BC[:, 0] + noise)).mean()
            expected -= torch.log(noise / (odds_BC[:, 1:] + noise)).sum(dim=1).mean()

        loss = objective.loss(pairs, items_B, step=step)
        objective.after_step(pairs, items_B)
        for side in (0, 1):
            mixed = 0.5 * banks[side][items_B] + 0.5 * pairs[side].double()
            banks[side][items_B] = F.normalize(mixed, dim=1)

        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    figures = objective.figures()
    assert figures["log_partition_video"] == pytest.approx(partitions[0].log().item(), rel=1e-5)
    assert figures["log_partition_text"] == pytest.approx(partitions[1].log().item(), rel=1e-5)


def test_z_is_that_of_the_first_batch_and_then_stays():
    objective = new_objective(CHOICES["nce"])

    go(objective, 1)
    after_one = objective.figures()
    go(objective, 3, start=1)

    assert objective.figures() == after_one


def test_a_loss_that_no_step_follows_leaves_nothing_behind():
    """A step that fails on a loss that is no number is as if it had not been."""
    objective = new_objective(CHOICES["nce"])
    broken = PairEmbeddings(*(torch.full((BATCH, DIM), torch.nan) for _ in range(2)))

    objective.loss(broken, torch.arange(BATCH), step=0)

    assert go(objective, 3) == go(new_objective(CHOICES["nce"]), 3)


@pytest.mark.parametrize("name", CHOICES)
def test_an_objective_goes_on_exactly_where_another_stood(name, tmp_path):
    whole = new_objective(CHOICES[name])
    losses = go(whole, 5)
    first = new_objective(CHOICES[name])
    assert go(first, 2) == losses[:2]
    torch.save(first.state_dict(), tmp_path / "state.pt")

    second = new_objective(CHOICES[name], seed=0)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))

    assert go(second, 3, start=2) == losses[2:]
    assert second.figures() == whole.figures()


def test_banks_on_disk_are_those_in_memory_and_are_resumed_exactly(tmp_path):
    choice = LossChoice(kind="nce", num_negatives=7, bank_on_disk=True)
    losses = go(new_objective(LossChoice(kind="nce", num_negatives=7)), 5)
    first = new_objective(choice, folder=tmp_path / "banks")
    assert go(first, 2) == losses[:2]
    torch.save(first.state_dict(), tmp_path / "state.pt")
    go(first, 1, start=2)  # steps after the checkpoint are forgotten

    second = new_objective(choice, folder=tmp_path / "banks")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))

    assert go(second, 3, start=2) == losses[2:]


@pytest.mark.parametrize(
    ("choice", "num_items", "message"),
    [
        (LossChoice(num_negatives=21), 20, "num_negatives is 21 and there are 20 pairs"),
        (LossChoice(num_negatives=0), 20, "between 1 and 20"),
    ],
)
def test_what_cannot_be_drawn_is_told(choice, num_items, message):
    with pytest.raises(InputError, match=message):
        new_objective(choice, num_items=num_items)


def test_banks_that_no_disk_holds_are_told_before_they_are_made(tmp_path):
    choice = LossChoice(kind="nce", num_negatives=7, bank_on_disk=True)

    with pytest.raises(InputError, match=r"the memory banks need .* make room"):
        new_objective(choice, num_items=2**50, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_chance_is_what_a_model_that_knows_nothing_reaches():
    """Equal cosines: exactly for NCE and InfoNCE; for the sigmoid with its best bias."""
    nothing = PairEmbeddings(torch.zeros(BATCH, DIM), torch.zeros(BATCH, DIM))
    items_B = torch.arange(BATCH)

    for kind in ("nce", "infonce", "sigmoid"):
        objective = new_objective(LossChoice(kind=kind, num_negatives=7))
        if kind == "sigmoid":
            nn.init.constant_(objective.bias, -math.log(BATCH - 1))
        loss = objective.loss(nothing, items_B, step=0)
        assert loss.item() == pytest.approx(objective.chance_loss, rel=1e-6)


@pytest.mark.parametrize("kind", ["infonce", "sigmoid"])
def test_chance_is_unknown_without_the_size_of_a_batch(kind):
    assert new_objective(LossChoice(kind=kind), batch_size=None).chance_loss == math.inf
    assert new_objective(LossChoice(kind=kind), batch_size=1).chance_loss == 0


def test_the_sigmoid_starts_from_the_temperature_and_learns_it():
    objective = new_objective(LossChoice(kind="sigmoid", temperature=0.1))

    objective.loss(random_pairs(), torch.arange(BATCH), step=0).backward()

    assert objective.figures() == pytest.approx({"scale": 10.0, "bias": -10.0})
    assert all(parameter.grad.abs() > 0 for parameter in objective.parameters())


class TwoMaps(nn.Module):
    """A linear map for each side: the least that has weights to average gradients of."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.maps = nn.ModuleList(nn.Linear(DIM, DIM) for _ in range(2))

    def forward(self, inputs_2BD):
        sides = zip(self.maps, inputs_2BD, strict=True)
        return PairEmbeddings(*(F.normalize(one(x), dim=1) for one, x in sides))


def train(choice, rank=0, world_size=1):
    """Losses, gradients and remembered state of three steps of SGD."""
    towers, objective = TwoMaps(), new_objective(choice)
    inputs = torch.randn(3, 2, BATCH, DIM, generator=torch.Generator().manual_seed(4))
    share = BATCH // world_size
    own = slice(rank * share, (rank + 1) * share)
    seen = {}
    for step in range(3):
        items_B = torch.arange(step, step + BATCH)[own]
        pairs = towers(inputs[step, :, own])
        loss = objective.loss(pairs, items_B, step=step)
        loss.backward()
        weights = list(chain(towers.parameters(), objective.parameters()))
        average_gradients(weights)
        objective.after_step(PairEmbeddings(*(side.detach() for side in pairs)), items_B)
        seen[f"loss {step}"] = average(loss)
        for number, weight in enumerate(weights):
            seen[f"gradient {step} {number}"] = weight.grad.clone()
            weight.data -= 0.1 * weight.grad
            weight.grad = None
    for side in ("video", "text") if choice.kind == "nce" else ():
        state = objective.state_dict()
        seen[f"{side} bank"] = state[f"{side}_bank"]["rows"].float()
        seen[f"{side} partition"] = state[f"{side}_partition"]["log_value"]
    return seen


def work(rank, port, folder):
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    for name, choice in CHOICES.items():
        torch.save(train(choice, rank, 2), folder / f"{name}-{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.long_faults
def test_two_processes_are_one_with_the_double_batch(tmp_path):
    """Each choice alone; tests/training/run/test_distributed.py has each kind in a whole run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(work, args=(port, tmp_path), nprocs=2, join=True)

    for name, choice in CHOICES.items():
        alone = train(choice)
        first, second = (torch.load(tmp_path / f"{name}-{rank}.pt") for rank in range(2))
        assert alone.keys() == first.keys() == second.keys()
        tolerance = 1e-5 if name != "float16" else 2e-3
        for what, value in alone.items():
            assert torch.equal(first[what], second[what]), (name, what)
            torch.testing.assert_close(first[what], value, rtol=1e-4, atol=tolerance)
