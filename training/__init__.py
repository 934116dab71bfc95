"""How good a model is, on videos with captions or labels of one's own.

Names are loaded on first use, so importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.data.manifest import ManifestRow, read_manifest
    from training.evaluation.classifier_result import ClassifierResult
    from training.evaluation.evaluate import (
        Failure,
        HalfZeroShotResult,
        RetrievalResult,
        ZeroShotResult,
        evaluate_retrieval,
        evaluate_zero_shot,
        evaluate_zero_shot_half,
    )
    from training.evaluation.finetune import FinetuneChoice, evaluate_finetune
    from training.evaluation.linear import LinearChoice, evaluate_linear
    from training.evaluation.tower_classifier import FinetuneSettings
    from training.evaluation.views import Views

__all__ = [
    "ClassifierResult",
    "Failure",
    "FinetuneChoice",
    "FinetuneSettings",
    "HalfZeroShotResult",
    "LinearChoice",
    "ManifestRow",
    "RetrievalResult",
    "Views",
    "ZeroShotResult",
    "evaluate_finetune",
    "evaluate_linear",
    "evaluate_retrieval",
    "evaluate_zero_shot",
    "evaluate_zero_shot_half",
    "read_manifest",
]

_MODULES = {
    "ClassifierResult": "training.evaluation.classifier_result",
    "FinetuneChoice": "training.evaluation.finetune",
    "FinetuneSettings": "training.evaluation.tower_classifier",
    "LinearChoice": "training.evaluation.linear",
    "ManifestRow": "training.data.manifest",
    "Views": "training.evaluation.views",
    "evaluate_finetune": "training.evaluation.finetune",
    "evaluate_linear": "training.evaluation.linear",
    "read_manifest": "training.data.manifest",
}
"""Where names are that are not in training.evaluation.evaluate."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "training.evaluation.evaluate")), name)


def __dir__() -> list[str]:
    return __all__
