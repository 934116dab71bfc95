"""What tests of ready-made dual encoders share: kinds, texts, clips, one way to open them."""

from pathlib import Path

import numpy as np
import torch

from cpd_model.encoder import Encoder, Frames, Vectors
from cpd_model.encoders.adapters import open_adapter

MODEL_TYPES = ["clip", "siglip", "siglip2", "xclip"]
FRAME_MODEL_TYPES = ["clip", "siglip", "siglip2"]
TEXTS = ["a dog runs", "the person plays a video of a cat", "zebra"]
MAX_TOKENS = 10


def open_here(folder: Path) -> Encoder:
    return open_adapter(folder, name="tiny", device="cpu")


def random_clips(encoder: Encoder, *, batch: int, seed: int = 0) -> Frames:
    spec = encoder.clip_spec
    shape = (batch, spec.num_frames, spec.frame_size, spec.frame_size, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def unit(rows: torch.Tensor) -> Vectors:
    normalised: Vectors = torch.nn.functional.normalize(rows, dim=-1).detach().numpy()
    return normalised
