"""How good a model is, on videos with captions or labels of one's own.

Names are loaded on first use, so importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.evaluate import (
        Failure,
        RetrievalResult,
        ZeroShotResult,
        evaluate_retrieval,
        evaluate_zero_shot,
    )
    from training.manifest import ManifestRow, read_manifest

__all__ = [
    "Failure",
    "ManifestRow",
    "RetrievalResult",
    "ZeroShotResult",
    "evaluate_retrieval",
    "evaluate_zero_shot",
    "read_manifest",
]

_MANIFEST_NAMES = {"ManifestRow", "read_manifest"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "training.manifest" if name in _MANIFEST_NAMES else "training.evaluate"
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return __all__
