"""Ready-made dual encoders of transformers behind `Encoder`: CLIP, SigLIP, SigLIP 2 and X-CLIP.

A folder as `save_pretrained` writes it (weights, tokenizer, image processor) is all that is needed.

- CLIP, SigLIP and SigLIP 2 look at frames. A clip is the mean of its frames' unit vectors,
  normalised again: the frame-mean baseline of CLIP4Clip (Luo et al. 2021, "parameter-free").
- SigLIP 2 comes in two kinds. Those with one resolution are SigLIP to transformers. Those of
  any shape ("naflex") get every frame squashed to the largest square that their patches fill.
- X-CLIP (Ni et al. 2022) looks at a whole clip. Its full model adds to each text a prompt
  generated from the video it is compared with, so that a text there has no vector of its own.
  Here `encode_text` is the text before that addition, the only one that can be indexed. The
  accuracy that X-CLIP's authors publish includes the prompt; what leaving it out costs depends on
  the checkpoint and was not measured here.

Axes: B batch, T frames of a clip, N frames, H height, W width, C channels, L tokens,
P patches, F features of a frame (here F = D), D dimensions of the shared space.
"""

import math
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cpd_model.devices import choose_dtype
from cpd_model.encoder import ClipSpec, Frames, Vectors, encoder_repr
from cpd_model.encoders.cpd_encoder import CHUNK_FRAMES, CHUNK_TEXTS, run_in_chunks
from cpd_model.encoders.transformers_folder import Family, ModelParts, load_parts


class DualEncoder:
    """A dual encoder of transformers: what all families share. `open_adapter` makes them.

    Safe to call from several threads: a tokenizer keeps its padding and truncation inside, so
    one thread at a time uses it; the towers are only read.
    """

    def __init__(self, parts: ModelParts, *, name: str, device: str, dtype: torch.dtype) -> None:
        model = parts.model
        self.name = name
        self.fingerprint = parts.fingerprint
        self.device = device
        self.family: Family = parts.family
        self.temperature = math.exp(-model.logit_scale.item())
        self.num_parameters = sum(weights.numel() for weights in model.parameters())
        self.clip_spec: ClipSpec = parts.preprocessing.clip_spec(num_frames=parts.num_frames)
        self._preprocessing = parts.preprocessing
        self._dtype = dtype
        self._kind = torch.device(device).type
        self._model = model.to(device=device, dtype=dtype)
        self._tokenizer = parts.tokenizer
        self._tokenizer_lock = threading.Lock()
        self.max_tokens = int(model.config.text_config.max_position_embeddings)
        self.embed_dim: int = self.encode_text(["text"]).shape[1]

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (B, D) of texts; too long a text is cut at the tower's limit.

        Raises:
            ValueError: no text, or an empty one.
        """
        if not texts or not all(text.strip() for text in texts):
            raise ValueError("texts must be one or more non-empty strings")
        features_BD = run_in_chunks(
            lambda start, stop: self._text_features(texts[start:stop]),
            len(texts),
            chunk_size=CHUNK_TEXTS[self._kind],
        )
        return _unit_rows(features_BD)

    def _text_features(self, texts: Sequence[str]) -> Tensor:
        with self._tokenizer_lock:
            tokens = self._tokenizer(
                list(texts),
                padding="max_length" if self.family.fills_text else True,
                truncation=True,
                max_length=self.max_tokens,
                return_tensors="pt",
            )
        inputs = {"input_ids": tokens["input_ids"].to(self.device)}
        if not self.family.fills_text:
            inputs["attention_mask"] = tokens["attention_mask"].to(self.device)
        features_BD: Tensor = self._model.get_text_features(**inputs).pooler_output
        return features_BD

    def _pixels(self, frames_NHWC: Frames) -> Tensor:
        """The tower's input: frames move as bytes, and are scaled where the tower runs."""
        # torch warns about memory that it may not write, such as that of a mapped file.
        bytes_NHWC = torch.from_numpy(np.require(frames_NHWC, requirements=["C", "W"]))
        if self._kind == "cuda":
            bytes_NHWC = bytes_NHWC.pin_memory().to(self.device, non_blocking=True)
        return self._preprocessing.pixels(bytes_NHWC).to(self._dtype)

    def _check_clips(self, clips_BTHWC: Frames) -> None:
        size = self.clip_spec.frame_size
        expected = (self.clip_spec.num_frames, size, size, 3)
        if clips_BTHWC.dtype != np.uint8 or clips_BTHWC.shape[1:] != expected:
            raise ValueError(
                f"clips must be uint8 (B, {expected}), got {clips_BTHWC.dtype} {clips_BTHWC.shape}"
            )


class FrameDualEncoder(DualEncoder):
    """CLIP, SigLIP or SigLIP 2: a FrameEncoder whose features are its frames' unit vectors."""

    def __repr__(self) -> str:
        return encoder_repr(self)

    @torch.inference_mode()
    def encode_frames(self, frames_NHWC: Frames) -> Vectors:
        """Unit vectors (N, D) of uint8 RGB frames (N, H, W, 3), each frame on its own."""
        size = self.clip_spec.frame_size
        if frames_NHWC.dtype != np.uint8 or frames_NHWC.shape[1:] != (size, size, 3):
            raise ValueError(
                f"frames must be uint8 (N, {size}, {size}, 3), "
                f"got {frames_NHWC.dtype} {frames_NHWC.shape}"
            )
        if not len(frames_NHWC):
            return np.empty((0, self.embed_dim), dtype=np.float32)
        features_NF = run_in_chunks(
            lambda start, stop: self._frame_features(self._pixels(frames_NHWC[start:stop])),
            len(frames_NHWC),
            chunk_size=CHUNK_FRAMES[self._kind],
        )
        return _unit_rows(features_NF)

    def pool_frames(self, features_BTF: Vectors) -> Vectors:
        """Unit vectors (B, D) of clips whose frames' features (B, T, F) are known."""
        return _unit_rows(torch.from_numpy(features_BTF.mean(axis=1)))

    def encode_video(self, clips_BTHWC: Frames) -> Vectors:
        """Unit vectors (B, D) of uint8 RGB clips (B, T, H, W, 3): the mean of their frames'.

        Raises:
            ValueError: the clips have another shape or dtype.
        """
        self._check_clips(clips_BTHWC)
        features_NF = self.encode_frames(clips_BTHWC.reshape(-1, *clips_BTHWC.shape[2:]))
        return self.pool_frames(features_NF.reshape(*clips_BTHWC.shape[:2], self.embed_dim))

    def _frame_features(self, pixels_NCHW: Tensor) -> Tensor:
        if self.family.any_shape:
            inputs = _patches(pixels_NCHW, self._model.config.vision_config.patch_size)
        else:
            inputs = {"pixel_values": pixels_NCHW}
        features_NF: Tensor = self._model.get_image_features(**inputs).pooler_output
        return features_NF


class ClipDualEncoder(DualEncoder):
    """X-CLIP: an Encoder whose tower mixes the frames of a clip."""

    def __repr__(self) -> str:
        return encoder_repr(self)

    @torch.inference_mode()
    def encode_video(self, clips_BTHWC: Frames) -> Vectors:
        """Unit vectors (B, D) of uint8 RGB clips (B, T, H, W, 3).

        Raises:
            ValueError: the clips have another shape or dtype.
        """
        self._check_clips(clips_BTHWC)
        if not len(clips_BTHWC):
            return np.empty((0, self.embed_dim), dtype=np.float32)
        features_BD = run_in_chunks(
            lambda start, stop: self._clip_features(clips_BTHWC[start:stop]),
            len(clips_BTHWC),
            chunk_size=max(1, CHUNK_FRAMES[self._kind] // self.clip_spec.num_frames),
        )
        return _unit_rows(features_BD)

    def _clip_features(self, clips_BTHWC: Frames) -> Tensor:
        pixels_NCHW = self._pixels(clips_BTHWC.reshape(-1, *clips_BTHWC.shape[2:]))
        pixels_BTCHW = pixels_NCHW.reshape(*clips_BTHWC.shape[:2], *pixels_NCHW.shape[1:])
        features_BD: Tensor = self._model.get_video_features(pixels_BTCHW).pooler_output
        return features_BD


def open_adapter(folder: Path, *, name: str, device: str) -> FrameDualEncoder | ClipDualEncoder:
    """The dual encoder of transformers in `folder`, ready on `device`.

    Args:
        folder: weights, config.json, tokenizer and image processor, as `save_pretrained` writes.
        name: what the person called it.
        device: `cpu` or `cuda:N`, as `choose_device` gives it.

    Raises:
        BundleError: another kind of model, or something is missing or damaged.
    """
    parts = load_parts(folder, name=name)
    opened = ClipDualEncoder if parts.family.looks_at_clips else FrameDualEncoder
    return opened(parts, name=name, device=device, dtype=choose_dtype(device))


def _patches(pixels_NCHW: Tensor, patch_size: int) -> dict[str, Tensor]:
    """The input of a tower of any shape: rows of patches, (N, P, patch height x width x C)."""
    num_frames, channels, size, _ = pixels_NCHW.shape
    side = size // patch_size
    grid = pixels_NCHW.reshape(num_frames, channels, side, patch_size, side, patch_size)
    patches_NPF = grid.permute(0, 2, 4, 3, 5, 1).reshape(num_frames, side * side, -1)
    return {
        "pixel_values": patches_NPF,
        "pixel_attention_mask": torch.ones(
            patches_NPF.shape[:2], dtype=torch.int32, device=pixels_NCHW.device
        ),
        "spatial_shapes": torch.tensor([[side, side]] * num_frames),
    }


def _unit_rows(features_BD: Tensor) -> Vectors:
    rows: Vectors = F.normalize(features_BD.float(), dim=-1).cpu().numpy()
    return rows
