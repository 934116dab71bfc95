"""Both towers as training runs them: a batch in, embeddings out, and what is frozen stays frozen.

Axes: B pairs, T frames, H height, W width, C channels, F features, L tokens, E encoder width,
D shared space.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, Self, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cpd_model.frames import FramesTower
from cpd_model.model import CPDModel, PairEmbeddings
from cpd_model.processor import CPDProcessor, Tokens
from training.batch import Batch
from training.config import Precision
from training.learners import set_learners

Stage: TypeAlias = Literal["I", "II"]
"""Of the curriculum: text encoder frozen, or learning."""


class PairTowers(nn.Module):
    """Batch -> PairEmbeddings, on the model's device.

    What does not learn computes as when it is used: without dropout and with the batch norms'
    stored statistics. (The authors' code left the frozen text encoder's dropout on.)
    """

    def __init__(
        self,
        model: CPDModel,
        processor: CPDProcessor,
        *,
        train_backbone: bool,
        text_layers: int | None = None,
        precision: Precision = "float32",
    ) -> None:
        """Stage I, see `set_stage`.

        Args:
            text_layers: how many of the text encoder's last layers stage II unfreezes; None: all.
            precision: of what runs on a GPU; a CPU computes in float32.
        """
        super().__init__()
        self.model = model
        self.processor = processor
        self.train_backbone = train_backbone
        self.text_layers = text_layers
        self.precision = precision
        self.stage: Stage = "I"
        self.set_stage("I")

    def set_stage(self, stage: Stage) -> None:
        """Freeze or unfreeze the text encoder; the mode (train or eval) stays."""
        self.stage = stage
        set_learners(
            self.model,
            train_backbone=self.train_backbone,
            train_text=stage == "II",
            text_layers=self.text_layers,
        )
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Train mode, but for the parts that do not learn."""
        super().train(mode)
        if mode and self.stage == "I":
            self.model.text_tower.encoder.eval()
        if mode and not self.train_backbone:
            self._backbone().eval()
        return self

    def forward(self, batch: Batch) -> PairEmbeddings:
        """Unit vectors of both sides, float32."""
        with self._autocast():
            return PairEmbeddings(self.embed_video(batch.video), self.embed_text(batch.text))

    def embed_video(self, video: Tensor) -> Tensor:
        """Unit vectors (B, D) of uint8 clips (B, T, H, W, C) or features (B, T, F)."""
        video = self._here(video)
        if video.dtype != torch.uint8:
            return self.model.pool_frames(video.float())
        clips_BCTHW = self.processor.clips(video)
        if video.device.type == "cuda" and not self.model.pools_frames:
            clips_BCTHW = clips_BCTHW.contiguous(memory_format=torch.channels_last_3d)
        return self.model.encode_video(clips_BCTHW)

    def embed_text(self, text: Tokens | Tensor) -> Tensor:
        """Unit vectors (B, D) of tokens, or of outputs (B, E) of the frozen encoder."""
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
        enabled = self.precision == "bfloat16" and device == "cuda"
        return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)

    def _backbone(self) -> nn.Module:
        tower = self.model.video_tower
        return tower.backbone if isinstance(tower, FramesTower) else tower


def keep_few_activations(model: CPDModel) -> None:
    """Let the blocks of both towers compute their activations again in the backward pass."""
    tower = model.video_tower
    stages = ("layer1", "layer2", "layer3", "layer4")
    if isinstance(tower, FramesTower):
        blocks = [tower.backbone]
    else:
        blocks = [block for name in stages for block in tower.get_submodule(name).children()]
    for block in blocks:
        # the instance's own forward, so that the names of the weights stay
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)  # type: ignore[method-assign]
    encoder: Any = model.text_tower.encoder
    if encoder.supports_gradient_checkpointing:
        encoder.gradient_checkpointing_enable({"use_reentrant": False})


@contextmanager
def unchanged_statistics(module: nn.Module) -> Iterator[None]:
    """Whatever is computed again inside the block, batch norms count it only once."""
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        yield
    finally:
        for name, buffer in module.named_buffers():
            buffer.copy_(before[name])
