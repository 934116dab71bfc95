"""NCE, its gradients, both banks and Z agree with the authors' arithmetic to 1e-6.

The twin below is written again from the description in docs/method.md: exponentials and quotients
in float64, one pair after the other, without the authors' 1e-7, which guards a logarithm. It
shares nothing with what it tests but the drawn items and the rows that the banks begin with.
"""

import pytest
import torch
from torch.nn import functional as F

from cpd_model.model import PairEmbeddings
from training.config import LossChoice
from training.method.memory import MemoryBank, draw_negatives
from training.method.objective import build_objective

NUM_ITEMS, DIM, NUM_NEGATIVES, STEPS = 30, 8, 11, 4
MOMENTUM = 0.5
ITEMS = ([3, 1, 19, 4], [4, 29, 0, 7], [3, 2, 8, 1], [12, 3, 4, 29])
"""Of each step; some pairs come again, and find their own row in the bank."""


class AuthorsNCE:
    """What the authors' model and criterion do together in one process."""

    def __init__(self, video_ND, text_ND, *, temperature):
        self.banks = {"video": video_ND.double(), "text": text_ND.double()}
        self.constants = {}
        self.temperature = temperature

    def step(self, embeddings, items, drawn_BK):
        """Loss and gradients of a step; then Z stays, and the rows move."""
        sides = {side: value.double().requires_grad_() for side, value in embeddings.items()}
        losses = [
            self._direction(side, other, sides[side], items, drawn_BK)
            for side, other in (("video", "text"), ("text", "video"))
        ]
        loss = losses[0] + losses[1]
        gradients = torch.autograd.grad(loss, [sides["video"], sides["text"]])
        for side, bank_ND in self.banks.items():
            for row, item in enumerate(items):
                mixed_D = MOMENTUM * bank_ND[item] + (1 - MOMENTUM) * sides[side][row].detach()
                bank_ND[item] = mixed_D / mixed_D.norm()
        return loss.detach(), gradients

    def _direction(self, side, other, queries_BD, items, drawn_BK):
        bank_ND = self.banks[other]
        odds_BC = torch.stack(
            [
                torch.exp(bank_ND[[item, *drawn_K.tolist()]] @ query_D / self.temperature)
                for query_D, item, drawn_K in zip(queries_BD, items, drawn_BK, strict=True)
            ]
        )
        if side not in self.constants:
            self.constants[side] = odds_BC.detach().mean() * NUM_ITEMS
        p_BC = odds_BC / self.constants[side]
        noise = NUM_NEGATIVES / NUM_ITEMS
        data_B = torch.log(p_BC[:, 0] / (p_BC[:, 0] + noise))
        noise_BK = torch.log(noise / (p_BC[:, 1:] + noise))
        return -data_B.sum() / len(items) - noise_BK.sum() / len(items)


def random_rows(number, count):
    generator = torch.Generator().manual_seed(number)
    return F.normalize(torch.randn(count, DIM, generator=generator, dtype=torch.float64), dim=1)


def both(temperature):
    """The objective and its twin with banks of the same rows."""
    choice = LossChoice(
        kind="nce",
        temperature=temperature,
        num_negatives=NUM_NEGATIVES,
        bank_momentum=MOMENTUM,
    )
    objective = build_objective(
        choice, num_items=NUM_ITEMS, embed_dim=DIM, seed=0, device="cpu", folder=None
    )
    rows = {"video": random_rows(1, NUM_ITEMS), "text": random_rows(2, NUM_ITEMS)}
    objective._banks = {
        side: MemoryBank(value.clone(), momentum=MOMENTUM) for side, value in rows.items()
    }
    twin = AuthorsNCE(rows["video"].clone(), rows["text"].clone(), temperature=temperature)
    return objective, twin


def assert_agrees(actual, expected):
    """To 1e-6 of the largest value: ours computes in float32, so small ones are known no better."""
    error = (actual.double() - expected).abs().max().item()
    assert error <= 1e-6 * expected.abs().max().item()


@pytest.mark.parametrize("temperature", [0.07, 0.2])
def test_loss_gradients_banks_and_z_are_those_of_the_authors(temperature):
    objective, twin = both(temperature)
    for step, items in enumerate(ITEMS):
        values = {side: random_rows(10 + step + 100 * n, 4) for n, side in enumerate(twin.banks)}
        pairs = PairEmbeddings(*(value.clone().requires_grad_() for value in values.values()))
        items_B = torch.tensor(items)
        drawn_BK = draw_negatives(items_B, NUM_NEGATIVES, num_items=NUM_ITEMS, seed=[0, step])

        loss = objective.loss(pairs, items_B, step=step)
        loss.backward()
        objective.after_step(PairEmbeddings(*(side.detach() for side in pairs)), items_B)
        expected, gradients = twin.step(values, items, drawn_BK)

        assert_agrees(loss, expected)
        for side, gradient_BD in zip(pairs, gradients, strict=True):
            assert_agrees(side.grad, gradient_BD)
        for side, bank_ND in twin.banks.items():
            rows_ND = objective.state_dict()[f"{side}_bank"]["rows"]
            assert_agrees(rows_ND, bank_ND)
            constant = torch.tensor(objective.figures()[f"log_partition_{side}"])
            assert_agrees(constant, twin.constants[side].log())
