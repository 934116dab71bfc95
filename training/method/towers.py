"""Both towers as training runs them: a batch in, embeddings out, and what is frozen stays frozen.

Axes: B pairs, T frames, H height, W width, C channels, F features, L tokens, E encoder width,
D shared space.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cpd_model.errors import InputError
from cpd_model.model import CPDModel, PairEmbeddings
from cpd_model.processor import CPDProcessor, Tokens
from cpd_model.towers.frames import FramesTower
from training.config import RunConfig
from training.data.batch import Batch
from training.method.learners import encoder_layers, set_learners
from training.method.schedule import Stage


class PairTowers(nn.Module):
    """Batch -> PairEmbeddings, on the model's device.

    What does not learn computes as when it is used: without dropout and with the batch norms'
    stored statistics. (The authors' code left the frozen text encoder's dropout on.)
    """

    def __init__(self, model: CPDModel, processor: CPDProcessor, *, config: RunConfig) -> None:
        """Stage I, see `set_stage`; the model becomes this object's own."""
        super().__init__()
        self.model = model
        self.processor = processor
        self.recomputes = config.activation_checkpointing
        """Whether the forward pass runs again during the backward pass."""
        self._train_backbone = config.model.train_backbone
        self._text_layers = config.curriculum.text_layers
        self._precision = config.precision
        self.stage: Stage = "I"
        if config.activation_checkpointing:
            _recompute_activations(model)
        self.set_stage("I")

    def set_stage(self, stage: Stage) -> None:
        """Freeze or unfreeze the text encoder; the mode (train or eval) stays."""
        self.stage = stage
        set_learners(
            self.model,
            train_backbone=self._train_backbone,
            train_text=stage == "II",
            text_layers=self._text_layers,
        )
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Train mode, but for the parts that do not learn."""
        super().train(mode)
        for module in self.model.modules() if mode else ():
            weights = list(module.parameters())
            if weights and not any(weight.requires_grad for weight in weights):
                module.eval()
        return self

    def check_part(self, num_pairs: int) -> None:
        """Whether a part of a batch is large enough to learn from.

        Raises:
            InputError: it is one pair, and a batch norm over pairs has no deviation of one.
        """
        if num_pairs == 1 and any(
            isinstance(module, nn.BatchNorm1d) and module.weight.requires_grad
            for module in self.model.modules()
        ):
            raise InputError(
                "a step's part of one pair cannot pass the text head's batch norm, which needs "
                "two: raise data.batch_size, or lower accumulate or the number of processes"
            )

    def forward(self, batch: Batch) -> PairEmbeddings:
        """Unit vectors of both sides, float32."""
        return PairEmbeddings(self.embed_video(batch.video), self.embed_text(batch.text))

    def embed_video(self, video: Tensor) -> Tensor:
        """Unit vectors (B, D) of uint8 clips (B, T, H, W, C) or features (B, T, F)."""
        with self._autocast():
            return self._embed_video(video)

    def embed_text(self, text: Tokens | Tensor) -> Tensor:
        """Unit vectors (B, D) of tokens, or of outputs (B, E) of the frozen encoder."""
        with self._autocast():
            return self._embed_text(text)

    def _embed_video(self, video: Tensor) -> Tensor:
        video = self._here(video)
        if video.dtype != torch.uint8:
            return self.model.pool_frames(video.float())
        clips_BCTHW = self.processor.clips(video)
        if video.device.type == "cuda" and not self.model.pools_frames:
            clips_BCTHW = clips_BCTHW.contiguous(memory_format=torch.channels_last_3d)
        return self.model.encode_video(clips_BCTHW)

    def _embed_text(self, text: Tokens | Tensor) -> Tensor:
        if isinstance(text, Tensor):
            return self.model.project_text(self._here(text).float())
        ids_BL, mask_BL = (self._here(part) for part in text)
        if self.stage == "II":
            return self.model.encode_text(ids_BL, mask_BL)
        with torch.no_grad():
            pooled_BE = self.model.pool_text(ids_BL, mask_BL)
        return self.model.project_text(pooled_BE)

    def _here(self, tensor: Tensor) -> Tensor:
        device = self.model.device
        if device.type == "cuda" and tensor.device.type == "cpu":
            tensor = tensor.pin_memory()  # only from pinned memory does the copy not wait
        return tensor.to(device, non_blocking=True)

    def _autocast(self) -> torch.autocast:
        device = self.model.device.type
        enabled = self._precision == "bfloat16" and device == "cuda"
        return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)


def _recompute_activations(model: CPDModel) -> None:
    """Let the blocks of both towers compute their activations again in the backward pass."""
    tower = model.video_tower
    stages = ("layer1", "layer2", "layer3", "layer4")
    blocks: list[nn.Module] = [tower]
    if not isinstance(tower, FramesTower):
        blocks = [block for name in stages for block in tower.get_submodule(name).children()]
    for block in [*blocks, *encoder_layers(model.text_tower.encoder)]:
        # the instance's own forward, so that the names of the weights stay
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


@contextmanager
def unchanged_statistics(module: nn.Module) -> Iterator[None]:
    """Whatever is computed again inside the block, batch norms count it only once."""
    buffers = [
        buffer
        for part in module.modules()
        if part.training
        for buffer in part.buffers(recurse=False)
    ]
    before = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
