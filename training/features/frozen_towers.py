"""The parts of a model that do not learn, run once over what they are asked for and remembered.

What is remembered depends on those parts alone: a head that learns, or the other tower, finds the
same features again. So does a run that was killed: what was computed until then is kept.

Axes: N frames, R texts, H height, W width, C channels (3, RGB), F features, E text encoder's width.
"""

import copy
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cpd_model.cache import cache_folder
from cpd_model.encoder import ClipSpec, Frames
from cpd_model.errors import InputError
from cpd_model.fingerprint import hash_tokenizer
from training.features.row_cache import RowCache

if TYPE_CHECKING:
    from torch import Tensor

    from cpd_model.model import CPDModel
    from cpd_model.processor import CPDProcessor

VERSION = 1
"""Raise it when the same weights and files get other features than before."""


class FrozenTowers:
    """A model's image backbone and text encoder; the model itself is left as it is."""

    def __init__(
        self,
        model: "CPDModel",
        processor: "CPDProcessor",
        *,
        cache_root: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """`cache_root` None: the user's cache folder; `device` is `cpu` or `cuda:N`.

        Raises:
            InputError: the model's video tower looks across frames.
        """
        from cpd_model.towers.frames import FramesTower

        if not isinstance(model.video_tower, FramesTower):
            raise InputError(
                f"a {model.cpd_config.video_tower} tower looks across frames, so its features "
                "cannot be kept; train it with model.features=false"
            )
        self._model = model
        self._processor = processor
        self._backbone = model.video_tower.backbone
        self._device = device
        self._kind = device.partition(":")[0]
        self.folder = (cache_root or cache_folder()) / "features"
        """Where all of it is kept."""

    @property
    def clip_spec(self) -> ClipSpec:
        """The clips that the model takes."""
        return self._processor.clip_spec

    @property
    def frames_per_chunk(self) -> int:
        """How many frames to hand to `encode_frames` at once."""
        from cpd_model.encoders.cpd_encoder import CHUNK_FRAMES

        return CHUNK_FRAMES[self._kind]

    @property
    def num_features(self) -> int:
        """F, features of a frame."""
        return self._backbone.num_features

    def frame_cache(self, *, mirrored: bool) -> RowCache:
        """Where features of these frames are kept, T as the model's clips have it."""
        view = "mirrored" if mirrored else "plain"
        setting = f"frames{self.clip_spec.num_frames}-{view}-{self._kind}"
        folder = self.folder / self._backbone_fingerprint / setting
        return RowCache(folder, width=self.num_features, dtype="float16")

    def text_cache(self) -> RowCache:
        """Where pooled texts are kept."""
        width = self._model.text_tower.encoder.config.hidden_size
        folder = self.folder / self._text_fingerprint / f"texts-{self._kind}"
        return RowCache(folder, width=width, dtype="float16")

    def encode_frames(self, frames_NHWC: Frames) -> NDArray[np.float16]:
        """Features (N, F) of uint8 frames (N, H, W, 3)."""
        return self._frame_encoder(frames_NHWC).astype(np.float16)

    def pool_texts(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """The text encoder's mean tokens (R, E); texts of like length in a row cost least."""
        import torch

        from cpd_model.encoders.cpd_encoder import CHUNK_TEXTS, run_in_chunks

        tower = self._text_tower

        def run(start: int, stop: int) -> "Tensor":
            tokens = self._processor.texts(texts[start:stop])
            pooled: Tensor = tower.pool(*(part.to(self._device) for part in tokens))
            return pooled

        with torch.inference_mode():
            rows_RE = run_in_chunks(run, len(texts), chunk_size=CHUNK_TEXTS[self._kind])
        pooled_RE: NDArray[np.float16] = rows_RE.to(torch.float16).cpu().numpy()
        return pooled_RE

    @cached_property
    def _frame_encoder(self) -> Callable[[Frames], NDArray[np.float32]]:
        from cpd_model.encoders.cpd_encoder import CPDFrameEncoder, make_encoder

        # an encoder makes the model its own, folds its norms and moves it
        own = copy.deepcopy(self._model)
        encoder = make_encoder(own, self._processor, name="", fingerprint="", device=self._device)
        assert isinstance(encoder, CPDFrameEncoder)
        return encoder.encode_frames

    @cached_property
    def _text_tower(self) -> Any:
        return copy.deepcopy(self._model.text_tower).to(self._device).train(False)

    @cached_property
    def _backbone_fingerprint(self) -> str:
        spec = self.clip_spec
        return _sha256_of(
            {
                "version": VERSION,
                "weights": _hash_tensors(self._backbone.feature_weights()),
                "backbone": self._model.cpd_config.video_options["backbone"],
                "blocks": list(self._backbone.feature_blocks),
                "frames": [spec.frame_size, spec.resize, spec.short_side],
                "values": [self._processor.image_mean, self._processor.image_std],
            }
        )

    @cached_property
    def _text_fingerprint(self) -> str:
        with tempfile.TemporaryDirectory(prefix="cpd-tokenizer-") as folder:
            self._processor.tokenizer.save_pretrained(folder)
            tokenizer = hash_tokenizer(Path(folder))
        return _sha256_of(
            {
                "version": VERSION,
                "weights": _hash_tensors(self._model.text_tower.encoder.state_dict()),
                "encoder": self._model.cpd_config.text.encoder,
                "max_tokens": self._processor.max_tokens,
                "tokenizer": tokenizer,
            }
        )


def _hash_tensors(tensors: "Mapping[str, Tensor]") -> str:
    """64 hex digits over names, dtypes, shapes and bytes, in order of the names."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _sha256_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
