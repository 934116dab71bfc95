"""The linear classifier is the minimum of its sum, and nothing else decides on it."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from training.evaluation.linear_probe import L2_CHOICES, fit_linear, log_loss


@pytest.fixture
def rows():
    """Three overlapping clouds in five dimensions, one dimension of which never varies."""
    random = np.random.default_rng(0)
    classes = np.arange(60) % 3
    centres = random.normal(size=(3, 5))
    rows = centres[classes] + random.normal(size=(60, 5))
    rows[:, 4] = 7.25
    return rows.astype(np.float32), classes.tolist()


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("l2", L2_CHOICES)
def test_at_the_minimum_the_gradient_vanishes(rows, num_classes, l2):
    """Of our sum, in which two classes have two columns; solvers like to give them one."""
    rows_NF, classes = rows
    classes = [label % num_classes for label in classes]
    classifier = fit_linear(rows_NF, classes, num_classes=num_classes, l2=l2)
    weight = torch.tensor(classifier.weight_FC, requires_grad=True)
    bias = torch.tensor(classifier.bias_C, requires_grad=True)
    scaled = torch.tensor((rows_NF - classifier.mean_F) / classifier.deviation_F)

    loss = F.cross_entropy(scaled @ weight + bias, torch.tensor(classes))
    (loss + l2 / 2 * weight.square().sum()).backward()

    assert weight.grad.abs().max() < 1e-6
    assert bias.grad.abs().max() < 1e-6


def test_it_equals_slow_gradient_descent(rows):
    rows_NF, classes = rows
    classifier = fit_linear(rows_NF, classes, num_classes=3, l2=0.1)

    scaled = (rows_NF - rows_NF.mean(axis=0, dtype=np.float64)) / np.where(
        rows_NF.std(axis=0) > 0, rows_NF.astype(np.float64).std(axis=0), np.inf
    )
    weight, bias = np.zeros((5, 3)), np.zeros(3)
    for _ in range(4000):
        logits = scaled @ weight + bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = odds / odds.sum(axis=1, keepdims=True) - np.eye(3)[classes]
        weight -= 0.3 * (scaled.T @ error / len(error) + 0.1 * weight)
        bias -= 0.3 * error.mean(axis=0)

    np.testing.assert_allclose(classifier.weight_FC, weight, atol=1e-6)
    np.testing.assert_allclose(classifier.logits(rows_NF), scaled @ weight + bias, atol=1e-5)


def test_scale_and_order_of_the_features_do_not_matter(rows):
    rows_NF, classes = rows
    order = [3, 0, 4, 2, 1]
    scales = np.array([1e3, 1, 1e-3, 5, 10])

    one = fit_linear(rows_NF, classes, num_classes=3, l2=0.01)
    other = fit_linear((rows_NF * scales)[:, order], classes, num_classes=3, l2=0.01)

    np.testing.assert_allclose(
        one.logits(rows_NF), other.logits((rows_NF * scales)[:, order]), atol=1e-4
    )


def test_the_same_rows_give_the_same_classifier_bit_for_bit(rows):
    rows_NF, classes = rows

    one, other = (fit_linear(rows_NF, classes, num_classes=3, l2=0.01) for _ in range(2))

    np.testing.assert_array_equal(one.weight_FC, other.weight_FC)


def test_a_class_without_a_row_is_never_named(rows):
    rows_NF, classes = rows
    classifier = fit_linear(rows_NF, [2 * label for label in classes], num_classes=6, l2=0.01)

    logits = classifier.logits(rows_NF)

    assert np.isneginf(logits[:, [1, 3, 5]]).all()
    assert set(logits.argmax(axis=1)) == {0, 2, 4}


def test_log_loss_of_no_opinion_is_the_logarithm_of_the_number_of_classes():
    assert log_loss(np.zeros((5, 7)), [0, 1, 2, 3, 6]) == pytest.approx(np.log(7))
