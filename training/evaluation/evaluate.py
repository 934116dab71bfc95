"""The protocols that need no training, in one place; see the module of each."""

from training.evaluation.pool import HOP_SECONDS, WINDOW_SECONDS, Failure, read_classes
from training.evaluation.retrieval import (
    RetrievalResult,
    best_segment_scores,
    evaluate_retrieval,
)
from training.evaluation.zero_shot import (
    HalfZeroShotResult,
    ZeroShotResult,
    evaluate_zero_shot,
    evaluate_zero_shot_half,
)

__all__ = [
    "HOP_SECONDS",
    "WINDOW_SECONDS",
    "Failure",
    "HalfZeroShotResult",
    "RetrievalResult",
    "ZeroShotResult",
    "best_segment_scores",
    "evaluate_retrieval",
    "evaluate_zero_shot",
    "evaluate_zero_shot_half",
    "read_classes",
]
