"""Small encoders whose answers can be worked out by hand; public, for tests and first steps."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from cpd_model.encoder import ClipSpec, Frames, Vectors

COLORS = {
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
}
"""Names that ColorEncoder understands, with their RGB values."""


class ColorEncoder:
    """A FrameEncoder without weights: a clip is its mean colour, a text the colour it names.

    D = F = 4: the mean RGB value, each channel scaled to [-1, 1], and a constant 0.5, normalised.
    A text is the first colour name in it (see COLORS); a text without one is (0, 0, 0, 1).
    """

    def __init__(self, *, num_frames: int = 4, frame_size: int = 16, name: str = "color") -> None:
        self.name = name
        self.fingerprint = hashlib.sha256(
            f"color {num_frames} {frame_size} {name}".encode()
        ).hexdigest()
        self.embed_dim = 4
        self.clip_spec = ClipSpec(
            num_frames=num_frames, frame_size=frame_size, resize="crop", short_side=frame_size
        )
        self.temperature = 0.1
        self.device = "cpu"

    def encode_frames(self, frames_NHWC: Frames) -> Vectors:
        if frames_NHWC.dtype != np.uint8 or frames_NHWC.ndim != 4:
            raise ValueError(f"frames must be uint8 (N, H, W, 3), got {frames_NHWC.shape}")
        features_NF: Vectors = (frames_NHWC.mean(axis=(1, 2)) / 127.5 - 1).astype(np.float32)
        return features_NF

    def pool_frames(self, features_BTF: Vectors) -> Vectors:
        return _with_constant(features_BTF.mean(axis=1))

    def encode_video(self, clips_BTHWC: Frames) -> Vectors:
        spec = self.clip_spec
        expected = (spec.num_frames, spec.frame_size, spec.frame_size, 3)
        if clips_BTHWC.shape[1:] != expected:
            raise ValueError(f"clips must be (B, {expected}), got {clips_BTHWC.shape}")
        features_NF = self.encode_frames(clips_BTHWC.reshape(-1, *expected[1:]))
        return self.pool_frames(features_NF.reshape(len(clips_BTHWC), spec.num_frames, 3))

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        if not texts or not all(text.strip() for text in texts):
            raise ValueError("texts must be one or more non-empty strings")
        return np.stack([_color_of(text) for text in texts])


def _color_of(text: str) -> Vectors:
    for word in text.lower().split():
        if word in COLORS:
            rgb_1C = np.array([COLORS[word]], dtype=np.float32) / 127.5 - 1
            row: Vectors = _with_constant(rgb_1C)[0]
            return row
    return np.array([0, 0, 0, 1], dtype=np.float32)


def _with_constant(rgb_BC: Vectors) -> Vectors:
    rows_BD = np.concatenate([rgb_BC, np.full((len(rgb_BC), 1), 0.5, dtype=np.float32)], axis=1)
    unit: Vectors = (rows_BD / np.linalg.norm(rows_BD, axis=1, keepdims=True)).astype(np.float32)
    return unit


def tiny_bundle(
    folder: Path,
    *,
    video_tower: Literal["frames", "resnet3d"] = "frames",
    seed: int = 0,
    float16_features: bool = False,
) -> Path:
    """Write a bundle of a tiny random model, and return its folder.

    Its embeddings mean nothing, but everything else is real: 8 dimensions, clips of 4 frames of
    32x32 pixels, a BERT of one layer over single letters and a few words. The same seed gives the
    same weights, and so the same fingerprint.

    Args:
        float16_features: draw the image backbone so large that half precision keeps its features;
            those of an untrained one are otherwise near 1e-8.
    """
    import torch

    from cpd_model.bundles.bundle import save_bundle
    from cpd_model.config import CPDConfig
    from cpd_model.made_tokenizers import tiny_tokenizer
    from cpd_model.model import CPDModel
    from cpd_model.processor import CPDProcessor

    config = CPDConfig.preset(f"tiny-{video_tower}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CPDModel(config)
        for module in model.modules() if float16_features else ():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, mode="fan_in")
    save_bundle(model, CPDProcessor.for_config(config, tiny_tokenizer()), folder)
    return folder
