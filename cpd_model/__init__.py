"""The dual encoder: video clip -> unit vector, text -> unit vector.

    from cpd_model import load_encoder

    encoder = load_encoder()                      # the default model; "org/name" or a folder
    texts_BD = encoder.encode_text(["a dog catches a frisbee"])

Names are loaded on first use, so that importing this package loads neither torch nor transformers.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cpd_model.config import CPDConfig
    from cpd_model.devices import choose_device
    from cpd_model.encoder import ClipSpec, Encoder, FrameEncoder, Frames, Vectors
    from cpd_model.errors import (
        BundleError,
        CPDError,
        DeviceError,
        InputError,
        ModelError,
        ModelNotFoundError,
    )
    from cpd_model.loading import ModelFacts, list_models, load_encoder
    from cpd_model.model import CPDModel
    from cpd_model.processor import CPDProcessor
    from cpd_model.zero_shot import (
        ACTION_TEMPLATES,
        label_matrix,
        label_probabilities,
        read_class_names,
        spoken_label,
        video_probabilities,
    )

_HOMES = {
    "ACTION_TEMPLATES": "cpd_model.zero_shot",
    "BundleError": "cpd_model.errors",
    "CPDConfig": "cpd_model.config",
    "CPDError": "cpd_model.errors",
    "CPDModel": "cpd_model.model",
    "CPDProcessor": "cpd_model.processor",
    "ClipSpec": "cpd_model.encoder",
    "DeviceError": "cpd_model.errors",
    "Encoder": "cpd_model.encoder",
    "FrameEncoder": "cpd_model.encoder",
    "Frames": "cpd_model.encoder",
    "InputError": "cpd_model.errors",
    "ModelError": "cpd_model.errors",
    "ModelFacts": "cpd_model.loading",
    "ModelNotFoundError": "cpd_model.errors",
    "Vectors": "cpd_model.encoder",
    "choose_device": "cpd_model.devices",
    "label_matrix": "cpd_model.zero_shot",
    "label_probabilities": "cpd_model.zero_shot",
    "list_models": "cpd_model.loading",
    "load_encoder": "cpd_model.loading",
    "read_class_names": "cpd_model.zero_shot",
    "spoken_label": "cpd_model.zero_shot",
    "video_probabilities": "cpd_model.zero_shot",
}

__all__ = [
    "ACTION_TEMPLATES",
    "BundleError",
    "CPDConfig",
    "CPDError",
    "CPDModel",
    "CPDProcessor",
    "ClipSpec",
    "DeviceError",
    "Encoder",
    "FrameEncoder",
    "Frames",
    "InputError",
    "ModelError",
    "ModelFacts",
    "ModelNotFoundError",
    "Vectors",
    "choose_device",
    "label_matrix",
    "label_probabilities",
    "list_models",
    "load_encoder",
    "read_class_names",
    "spoken_label",
    "video_probabilities",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
