"""Losses against their closed forms, the formulas of their papers, and finite differences."""

import math

import pytest
import torch
from torch.nn import functional as F

from training.method.loss import info_nce_loss, nce_loss, sigmoid_loss


def unit_rows(count, dim=5, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return F.normalize(rows, dim=1)


def cosines(batch, count, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(batch, count + 1, generator=generator, dtype=torch.float64) * 2 - 1
    return values[:, 0], values[:, 1:]


def authors_nce(positive_B, negatives_BK, *, temperature, num_items, partition):
    """As the authors' code writes it: exp, a quotient, a logarithm; without its epsilon."""
    noise = negatives_BK.shape[1] / num_items
    positive_B = torch.exp(positive_B / temperature) / partition
    negatives_BK = torch.exp(negatives_BK / temperature) / partition
    data = torch.log(positive_B / (positive_B + noise))
    strangers = torch.log(noise / (negatives_BK + noise))
    return -(data + strangers.sum(dim=1)).mean()


@pytest.mark.parametrize("temperature", [0.05, 0.07, 1.0])
@pytest.mark.parametrize("batch", [1, 4])
def test_nce_is_the_formula_of_the_authors(temperature, batch):
    positive_B, negatives_BK = cosines(batch, 7)
    partition = torch.tensor(31.0, dtype=torch.float64)

    loss = nce_loss(
        positive_B,
        negatives_BK,
        temperature=temperature,
        num_items=50,
        log_partition=partition.log(),
    )

    expected = authors_nce(
        positive_B, negatives_BK, temperature=temperature, num_items=50, partition=partition
    )
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("count", [1, 6, 16_392])
def test_nce_of_a_model_that_equals_the_noise_is_known(count):
    """Every item has p = 1 / N; equal cosines, whatever they are, make Z = N exp(s / t)."""
    positive_B = torch.full((3,), 0.4, dtype=torch.float64)
    negatives_BK = torch.full((3, count), 0.4, dtype=torch.float64)
    log_partition = torch.tensor(math.log(20_000) + 0.4 / 0.07, dtype=torch.float64)

    loss = nce_loss(
        positive_B, negatives_BK, temperature=0.07, num_items=20_000, log_partition=log_partition
    )

    assert loss.item() == pytest.approx(math.log(1 + count) + count * math.log(1 + 1 / count))


def test_nce_at_zero_similarity_and_z_of_one_by_hand():
    """p = 1, K / N = 1 / 2: log(1 + 1/2) + 2 log(1 + 2)."""
    loss = nce_loss(
        torch.zeros(1),
        torch.zeros(1, 2),
        temperature=0.07,
        num_items=4,
        log_partition=torch.tensor(0.0),
    )

    assert loss.item() == pytest.approx(math.log(1.5) + 2 * math.log(3))


@pytest.mark.parametrize("similarity", [-1.0, 1.0])
def test_nothing_overflows_at_a_temperature_of_a_thousandth(similarity):
    positive_B = torch.full((2,), similarity, requires_grad=True)
    negatives_BK = torch.full((2, 3), -similarity, requires_grad=True)
    rows_BD = (
        F.normalize(torch.ones(2, 4), dim=1) * torch.tensor([[1.0], [-1.0]])
    ).requires_grad_()

    losses = [
        nce_loss(
            positive_B,
            negatives_BK,
            temperature=0.001,
            num_items=9,
            log_partition=torch.tensor(math.log(9) + 1000),
        ),
        info_nce_loss(rows_BD, rows_BD * similarity, temperature=0.001),
        sigmoid_loss(
            rows_BD, rows_BD * similarity, scale=torch.tensor(1e3), bias=torch.tensor(-10.0)
        ),
    ]
    sum(losses).backward()

    for value in [*losses, positive_B.grad, negatives_BK.grad, rows_BD.grad]:
        assert torch.isfinite(value).all()


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_info_nce_at_equal_similarity_is_the_logarithm_of_the_batch(batch):
    zeros_BD = torch.zeros(batch, 4)

    loss = info_nce_loss(zeros_BD, zeros_BD, temperature=0.07)

    assert loss.item() == pytest.approx(math.log(batch), abs=1e-6)


def test_info_nce_is_two_softmaxes():
    video_BD, text_BD = unit_rows(4, seed=1), unit_rows(4, seed=2)
    exp_BB = torch.exp(video_BD @ text_BD.T / 0.07)
    expected = 0.0
    for odds_BB in (exp_BB, exp_BB.T):
        probabilities_BB = odds_BB / odds_BB.sum(dim=1, keepdim=True)
        expected -= probabilities_BB.diagonal().log().mean() / 2

    loss = info_nce_loss(video_BD, text_BD, temperature=0.07)

    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


def test_sigmoid_is_one_question_for_each_video_and_text():
    video_BD, text_BD = unit_rows(4, seed=1), unit_rows(4, seed=2)
    scale, bias = torch.tensor(9.0).double(), torch.tensor(-3.0).double()
    expected = 0.0
    for i, video in enumerate(video_BD):
        for j, text in enumerate(text_BD):
            yes = 1 / (1 + torch.exp(-(scale * (video @ text) + bias)))
            expected -= torch.log(yes if i == j else 1 - yes) / 4

    loss = sigmoid_loss(video_BD, text_BD, scale=scale, bias=bias)

    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


def test_sigmoid_at_zero_similarity_and_bias_is_a_coin_flip_for_each_text():
    zeros_BD = torch.zeros(6, 4)

    loss = sigmoid_loss(zeros_BD, zeros_BD, scale=torch.tensor(10.0), bias=torch.tensor(0.0))

    assert loss.item() == pytest.approx(6 * math.log(2))


def test_gradients_are_those_of_finite_differences():
    positive_B, negatives_BK = (value.requires_grad_() for value in cosines(3, 4))
    video_BD, text_BD = (unit_rows(3, seed=seed).requires_grad_() for seed in (1, 2))
    scale, bias = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (5.0, -2.0))

    def nce(positive_B, negatives_BK):
        log_partition = torch.tensor(2.0, dtype=torch.float64)
        return nce_loss(
            positive_B, negatives_BK, temperature=0.2, num_items=30, log_partition=log_partition
        )

    def info_nce(video_BD, text_BD):
        return info_nce_loss(video_BD, text_BD, temperature=0.2)

    def sigmoid(video_BD, text_BD, scale, bias):
        return sigmoid_loss(video_BD, text_BD, scale=scale, bias=bias)

    assert torch.autograd.gradcheck(nce, (positive_B, negatives_BK))
    assert torch.autograd.gradcheck(info_nce, (video_BD, text_BD))
    assert torch.autograd.gradcheck(sigmoid, (video_BD, text_BD, scale, bias))


def test_the_gradient_of_nce_becomes_that_of_the_full_softmax():
    """All N items as negatives, the true Z: what remains differs by the order of p against 1."""
    num_items = 4000
    logits_N = torch.linspace(-1, 1, num_items, dtype=torch.float64).requires_grad_()
    own = 1234
    (softmax,) = torch.autograd.grad(-F.log_softmax(logits_N, dim=0)[own], logits_N)

    loss = nce_loss(
        logits_N[own : own + 1],
        logits_N.unsqueeze(0),
        temperature=1.0,
        num_items=num_items,
        log_partition=torch.logsumexp(logits_N.detach(), dim=0),
    )
    (nce,) = torch.autograd.grad(loss, logits_N)

    torch.testing.assert_close(nce, softmax, rtol=0, atol=2e-3)
    assert F.cosine_similarity(nce, softmax, dim=0) > 0.999


def test_autocast_changes_nothing():
    positive_B, negatives_BK = (value.float() for value in cosines(3, 40))
    video_BD, text_BD = (unit_rows(3, seed=seed).float() for seed in (1, 2))

    def losses():
        scale, bias = torch.tensor(14.0), torch.tensor(-10.0)
        log_partition = torch.tensor(3.0)
        return torch.stack(
            [
                nce_loss(
                    positive_B,
                    negatives_BK,
                    temperature=0.07,
                    num_items=90,
                    log_partition=log_partition,
                ),
                info_nce_loss(video_BD, text_BD, temperature=0.07),
                sigmoid_loss(video_BD, text_BD, scale=scale, bias=bias),
            ]
        )

    outside = losses()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = losses()

    assert inside.dtype == torch.float32
    assert torch.equal(inside, outside)


def test_half_precision_is_computed_in_float32():
    positive_B, negatives_BK = (value.bfloat16() for value in cosines(2, 3))

    loss = nce_loss(
        positive_B, negatives_BK, temperature=0.07, num_items=9, log_partition=torch.tensor(0.0)
    )

    assert loss.dtype == torch.float32
