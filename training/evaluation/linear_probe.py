"""Multinomial logistic regression on frozen features, solved exactly: no learning rate, no seed.

    minimise over W, b    mean_n  -log softmax(x_n W + b)[y_n]   +   l2 / 2 |W|^2

with x standardised by the mean and deviation of the training rows. The sum is strictly convex in W,
so any solver ends at the same classifier; L-BFGS in float64 gets there in tens of passes.

Source: Kornblith, Shlens, Le, Do Better ImageNet Models Transfer Better? (2019), section 3, fits
its linear classifiers the same way, with the strength of L2 chosen on held-back training data.

Axes: N rows, F features, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

L2_CHOICES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Strengths that are tried, a factor of ten apart."""

_MAX_PASSES = 1000
_GRADIENT_TOLERANCE = 1e-7

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LinearClassifier:
    """Standardise, then one matrix."""

    mean_F: Floats
    deviation_F: Floats
    weight_FC: Floats
    bias_C: Floats
    """-inf of a class that no training row had: it is never named."""

    def logits(self, rows_NF: NDArray[np.floating]) -> Floats:
        """float64 (N, C)."""
        scaled_NF = (rows_NF.astype(np.float64) - self.mean_F) / self.deviation_F
        logits_NC: Floats = scaled_NF @ self.weight_FC + self.bias_C
        return logits_NC


def fit_linear(
    rows_NF: NDArray[np.floating], classes_N: Sequence[int], *, num_classes: int, l2: float
) -> LinearClassifier:
    """The minimum of the sum above; classes are 0..num_classes-1, not all of which need occur."""
    rows = rows_NF.astype(np.float64)
    mean_F, deviation_F = rows.mean(axis=0), rows.std(axis=0)
    # A feature that never varies has nothing to say; as noise of rounding it must not grow.
    deviation_F = np.where(deviation_F > 1e-9 * (1 + np.abs(mean_F)), deviation_F, np.inf)
    present = np.unique(np.asarray(classes_N))
    weight_FP, bias_P = _solve(
        torch.from_numpy((rows - mean_F) / deviation_F),
        torch.from_numpy(np.searchsorted(present, np.asarray(classes_N))),
        num_classes=len(present),
        l2=l2,
    )
    weight_FC = np.zeros((rows.shape[1], num_classes))
    bias_C = np.full(num_classes, -np.inf)
    weight_FC[:, present], bias_C[present] = weight_FP, bias_P
    return LinearClassifier(
        mean_F=mean_F, deviation_F=deviation_F, weight_FC=weight_FC, bias_C=bias_C
    )


def log_loss(logits_NC: Floats, classes_N: Sequence[int]) -> float:
    """Mean of -log softmax(logits)[class]."""
    logits = torch.from_numpy(logits_NC)
    return float(F.cross_entropy(logits, torch.tensor(list(classes_N))))


def _solve(
    rows_NF: torch.Tensor, classes_N: torch.Tensor, *, num_classes: int, l2: float
) -> tuple[Floats, Floats]:
    weight_FC = torch.zeros(rows_NF.shape[1], num_classes, dtype=torch.float64)
    bias_C = torch.zeros(num_classes, dtype=torch.float64)
    for part in (weight_FC, bias_C):
        part.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight_FC, bias_C],
        max_iter=_MAX_PASSES,
        tolerance_grad=_GRADIENT_TOLERANCE,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(rows_NF @ weight_FC + bias_C, classes_N)
        value = value + l2 / 2 * weight_FC.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    weight: Floats = weight_FC.detach().numpy()
    bias: Floats = bias_C.detach().numpy()
    return weight, bias
