"""A CPDModel as an Encoder: NumPy in and out, on any device, any number of clips at once.

Axes: B batch, N frames, T frames of a clip, H height, W width, C channels (3, RGB), F features,
D dimensions of the shared space, L tokens.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cpd_model.encoder import ClipSpec, Frames, Vectors, encoder_repr
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from cpd_model.towers.efficientnet_lite import fold_batch_norms
from cpd_model.towers.frames import FramesTower

CHUNK_FRAMES = {"cpu": 16, "cuda": 256}
"""Frames that go through a tower at once, by kind of device: bounds memory, not the caller."""

CHUNK_TEXTS = {"cpu": 64, "cuda": 512}
"""Texts that go through the text tower at once."""


class CPDEncoder:
    """Encoder over a CPDModel; call it from one thread at a time.

    The model becomes this object's own: it is moved to the device and prepared for inference, and
    its weights are no longer those of its checkpoint.
    """

    def __init__(
        self,
        model: CPDModel,
        processor: CPDProcessor,
        *,
        name: str,
        fingerprint: str,
        device: str,
        dtype: torch.dtype,
    ) -> None:
        """`device` is `cpu` or `cuda:N`; `dtype` is what the towers compute with."""
        self.name = name
        self.fingerprint = fingerprint
        self.device = device
        self.dtype = dtype
        self.processor = processor
        self._config = model.cpd_config
        self._model = _prepare(model, device)
        self._kind = torch.device(device).type

    def __repr__(self) -> str:
        return encoder_repr(self)

    @property
    def embed_dim(self) -> int:
        """D, dimensions of the shared space."""
        return int(self._config.embed_dim)

    @property
    def clip_spec(self) -> ClipSpec:
        """The clips that `encode_video` takes."""
        return self.processor.clip_spec

    @property
    def temperature(self) -> float:
        """Divides cosine similarities before a softmax over labels."""
        return float(self._config.similarity_temperature)

    def encode_video(self, clips_BTHWC: Frames) -> Vectors:
        """Unit vectors (B, D), float32, of uint8 clips (B, T, H, W, 3).

        Raises:
            ValueError: the clips have another shape or dtype than `clip_spec` asks for.
        """
        spec = self.clip_spec
        shape = (spec.num_frames, spec.frame_size, spec.frame_size, 3)
        _check_frames("clips", clips_BTHWC, shape)
        if not len(clips_BTHWC):
            return np.empty((0, self.embed_dim), dtype=np.float32)
        return self._run(
            clips_BTHWC,
            lambda clips: self._model.encode_video(self.processor.clips(clips)),
            chunk_size=max(1, CHUNK_FRAMES[self._kind] // spec.num_frames),
        )

    @property
    def num_features(self) -> int:
        """F, width of `video_features`."""
        return int(self._model.video_tower.num_features)

    def video_features(self, clips_BTHWC: Frames) -> Vectors:
        """What the video tower sees before its projection, float32 (B, F), in uint8 clips.

        The clips may have another size than `clip_spec` says, and a 3D tower takes any number of
        frames.

        Raises:
            ValueError: the clips are not uint8 (B, T, H, W, 3).
        """
        if clips_BTHWC.dtype != np.uint8 or clips_BTHWC.ndim != 5 or clips_BTHWC.shape[4] != 3:
            raise ValueError(
                f"clips must be uint8 of shape (B, T, H, W, 3), "
                f"got {clips_BTHWC.dtype} of shape {clips_BTHWC.shape}"
            )
        if not len(clips_BTHWC):
            return np.empty((0, self.num_features), dtype=np.float32)
        return self._run(
            clips_BTHWC,
            lambda clips: self._model.video_features(self.processor.clips(clips)),
            chunk_size=max(1, CHUNK_FRAMES[self._kind] // clips_BTHWC.shape[1]),
        )

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (B, D), float32, of texts; too long a text is cut.

        Raises:
            ValueError: there is no text, or one of them is empty.
        """
        if not len(texts) or not all(text.strip() for text in texts):
            raise ValueError("texts must be one or more non-empty strings")
        # texts of like length share a chunk, so that few tokens are padding
        order_B = np.argsort([len(text) for text in texts], kind="stable")

        def run(start: int, stop: int) -> Tensor:
            tokens = self.processor.texts([texts[index] for index in order_B[start:stop]])
            ids_BL, mask_BL = (part.to(self.device, non_blocking=True) for part in tokens)
            return self._model.encode_text(ids_BL, mask_BL)

        with torch.inference_mode(), self._autocast():
            rows_BD = run_in_chunks(run, len(texts), chunk_size=CHUNK_TEXTS[self._kind])
        sorted_BD = _to_numpy(rows_BD)
        embeddings_BD = np.empty_like(sorted_BD)
        embeddings_BD[order_B] = sorted_BD
        return embeddings_BD

    def _run(
        self, items: NDArray[np.generic], forward: Callable[[Tensor], Tensor], *, chunk_size: int
    ) -> Vectors:
        """Rows of `forward` over `items`, chunk by chunk on the device, in order."""
        source = torch.from_numpy(np.ascontiguousarray(items))

        def run(start: int, stop: int) -> Tensor:
            return forward(self._to_device(source[start:stop]))

        with torch.inference_mode(), self._autocast():
            rows = run_in_chunks(run, len(source), chunk_size=chunk_size)
        return _to_numpy(rows)

    def _to_device(self, chunk: Tensor) -> Tensor:
        if self._kind != "cuda":
            return chunk
        # uint8 crosses the bus, and from pinned memory it does so while the GPU still computes
        return chunk.pin_memory().to(self.device, non_blocking=True)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._kind, dtype=self.dtype, enabled=self.dtype is not torch.float32)


class CPDFrameEncoder(CPDEncoder):
    """A CPDEncoder whose video tower sees each frame alone: a FrameEncoder."""

    def encode_frames(self, frames_NHWC: Frames) -> Vectors:
        """Features (N, F), float32, of uint8 frames (N, H, W, 3).

        Raises:
            ValueError: the frames have another shape or dtype than `clip_spec` asks for.
        """
        size = self.clip_spec.frame_size
        _check_frames("frames", frames_NHWC, (size, size, 3))
        if not len(frames_NHWC):
            return np.empty((0, self._tower.num_features), dtype=np.float32)
        return self._run(
            frames_NHWC,
            lambda frames: self._model.encode_frames(self.processor.frames(frames)).float(),
            chunk_size=CHUNK_FRAMES[self._kind],
        )

    def pool_frames(self, features_BTF: Vectors) -> Vectors:
        """Unit vectors (B, D), float32, of clips whose frames' features (B, T, F) are known.

        Raises:
            ValueError: the features have another shape.
        """
        num_features = self._tower.num_features
        if features_BTF.ndim != 3 or features_BTF.shape[2] != num_features:
            raise ValueError(f"features must be (B, T, {num_features}), got {features_BTF.shape}")
        if not len(features_BTF):
            return np.empty((0, self.embed_dim), dtype=np.float32)
        return self._run(
            features_BTF.astype(np.float32, copy=False),
            self._model.pool_frames,
            chunk_size=CHUNK_FRAMES[self._kind],
        )

    @property
    def _tower(self) -> FramesTower:
        tower = self._model.video_tower
        assert isinstance(tower, FramesTower)
        return tower


def make_encoder(
    model: CPDModel,
    processor: CPDProcessor,
    *,
    name: str,
    fingerprint: str,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
) -> CPDEncoder:
    """The encoder that fits the model's video tower.

    Args:
        dtype: what the towers compute with; None: float32 on a CPU, float16 on a GPU. Batch norms
            keep our towers' values far below float16's largest, and a label prior needs its finer
            steps: over 30 real clips bfloat16 turned `cpd-start`'s vectors to a cosine of 0.965 to
            0.999 with float32's.
    """
    kind = CPDFrameEncoder if model.pools_frames else CPDEncoder
    return kind(
        model,
        processor,
        name=name,
        fingerprint=fingerprint,
        device=device,
        dtype=dtype or (torch.float32 if device == "cpu" else torch.float16),
    )


def run_in_chunks(run: Callable[[int, int], Tensor], num_items: int, *, chunk_size: int) -> Tensor:
    """`run(start, stop)` over [0, num_items) in chunks, its rows in order.

    Where the device's memory does not suffice, the chunk is halved for the rest of the call.

    Raises:
        torch.OutOfMemoryError: one item alone does not fit.
    """
    rows: list[Tensor] = []
    start = 0
    while start < num_items:
        stop = min(start + chunk_size, num_items)
        try:
            rows.append(run(start, stop))
        except torch.OutOfMemoryError:
            if stop - start == 1:
                raise
            chunk_size = (stop - start) // 2
        else:
            start = stop
            continue
        # not inside `except`: while the exception lives, its traceback holds the tensors
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return torch.cat(rows)


def _prepare(model: CPDModel, device: str) -> CPDModel:
    model.train(False).requires_grad_(False)
    network: nn.Module = model  # as such its methods are typed
    if isinstance(model.video_tower, FramesTower):
        fold_batch_norms(model.video_tower.backbone)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stub lacks it
    network.to(torch.device(device))
    return model


def _check_frames(what: str, frames: Frames, shape: tuple[int, ...]) -> None:
    if frames.dtype != np.uint8 or frames.shape[1:] != shape:
        raise ValueError(
            f"{what} must be uint8 of shape (any, {', '.join(map(str, shape))}), "
            f"got {frames.dtype} of shape {frames.shape}"
        )


def _to_numpy(rows_BD: Tensor) -> Vectors:
    array: Vectors = rows_BD.float().cpu().numpy()
    return array
