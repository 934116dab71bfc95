"""Multinomial logistic regression on frozen features, solved exactly: no learning rate, no seed.

    minimise over W, b    mean_n  -log softmax(x_n W + b)[y_n]   +   l2 / 2 |W|^2

with x standardised by the mean and deviation of the training rows. The sum is strictly convex in W,
so any solver ends at the same classifier; scikit-learn's L-BFGS in float64 gets there in tens of
passes.

Source: Kornblith, Shlens, Le, Do Better ImageNet Models Transfer Better? (2019), section 3, fits
its linear classifiers the same way, with the strength of L2 chosen on held-back training data.

Axes: N rows, F features, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

L2_CHOICES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Strengths that are tried, a factor of ten apart."""

_MAX_PASSES = 10_000
_GRADIENT_TOLERANCE = 1e-8

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
        (rows - mean_F) / deviation_F, np.searchsorted(present, np.asarray(classes_N)), l2=l2
    )
    weight_FC = np.zeros((rows.shape[1], num_classes))
    bias_C = np.full(num_classes, -np.inf)
    weight_FC[:, present], bias_C[present] = weight_FP, bias_P
    return LinearClassifier(
        mean_F=mean_F, deviation_F=deviation_F, weight_FC=weight_FC, bias_C=bias_C
    )


def log_loss(logits_NC: Floats, classes_N: Sequence[int]) -> float:
    """Mean of -log softmax(logits)[class]."""
    from scipy.special import log_softmax

    return -float(log_softmax(logits_NC, axis=1)[np.arange(len(classes_N)), classes_N].mean())


def _solve(rows_NF: Floats, classes_N: NDArray[np.int64], *, l2: float) -> tuple[Floats, Floats]:
    """Weights (F, P) and biases (P,); every class from 0 to P - 1 occurs, P of two or more."""
    from sklearn.linear_model import LogisticRegression  # takes seconds to import

    two_classes = classes_N.max() == 1
    # Its sum is C times the losses' sum, plus 1/2 |W|^2. For two classes its W is one column w that
    # stands for -w/2 and w/2, whose squares come to half of that.
    strength = (2 if two_classes else 1) / (len(classes_N) * l2)
    solver = LogisticRegression(C=strength, tol=_GRADIENT_TOLERANCE, max_iter=_MAX_PASSES)
    solver.fit(rows_NF, classes_N)
    weight_PF, bias_P = solver.coef_, solver.intercept_
    if two_classes:
        weight_PF = np.concatenate([-weight_PF, weight_PF]) / 2
        bias_P = np.concatenate([-bias_P, bias_P]) / 2
    return weight_PF.T, bias_P
