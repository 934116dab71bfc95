"""How good a model is, on videos with captions or labels of one's own.

Names are loaded on first use, so importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.classifier_result import ClassifierResult
    from training.evaluate import (
        Failure,
        HalfZeroShotResult,
        RetrievalResult,
        ZeroShotResult,
        evaluate_retrieval,
        evaluate_zero_shot,
        evaluate_zero_shot_half,
    )
    from training.evaluate_finetune import FinetuneChoice, evaluate_finetune
    from training.evaluate_linear import LinearChoice, evaluate_linear
    from training.finetune import FinetuneSettings
    from training.manifest import ManifestRow, read_manifest
    from training.views import Views

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
    "ClassifierResult": "training.classifier_result",
    "FinetuneChoice": "training.evaluate_finetune",
    "FinetuneSettings": "training.finetune",
    "LinearChoice": "training.evaluate_linear",
    "ManifestRow": "training.manifest",
    "Views": "training.views",
    "evaluate_finetune": "training.evaluate_finetune",
    "evaluate_linear": "training.evaluate_linear",
    "read_manifest": "training.manifest",
}
"""Where names are that are not in training.evaluate."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "training.evaluate")), name)


def __dir__() -> list[str]:
    return __all__
