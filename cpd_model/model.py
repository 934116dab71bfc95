"""CPDModel: a video tower and a text tower that end in one space.

Axes: B batch, C channels, T frames, H height, W width, L tokens, F features, D shared space.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from cpd_model.config import CPDConfig, FramesOptions, ResNet3DOptions
from cpd_model.towers.frames import FramesTower, LabelPrior, TemporalTransformer
from cpd_model.towers.resnet3d import ResNet3D, init_resnet3d
from cpd_model.towers.text import TextTower


class PairEmbeddings(NamedTuple):
    """Unit vectors: row i of each side describes the same pair."""

    video_BD: Tensor
    text_BD: Tensor


class CPDModel(PreTrainedModel):
    """The dual encoder; `from_pretrained` and `save_pretrained` are Hugging Face's."""

    config_class = CPDConfig
    base_model_prefix = "cpd"
    main_input_name = "clips_BCTHW"

    def __init__(self, config: CPDConfig) -> None:
        super().__init__(config)
        options = config.video
        self.video_tower: ResNet3D | FramesTower
        self.video_projection: nn.Module = nn.Identity()
        if isinstance(options, ResNet3DOptions):
            self.video_tower = ResNet3D(options)
            self.video_projection = nn.Linear(self.video_tower.num_features, config.embed_dim)
        else:
            self.video_tower = FramesTower(
                options, embed_dim=config.embed_dim, num_frames=config.num_frames
            )
        self.text_tower = TextTower(config.text, embed_dim=config.embed_dim)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers leaves it untyped

    @property
    def cpd_config(self) -> CPDConfig:
        """The configuration, typed: Hugging Face declares only its own base class."""
        assert isinstance(self.config, CPDConfig)
        return self.config

    @property
    def pools_frames(self) -> bool:
        """Whether each frame is seen alone, so that clips may share frames' features."""
        return isinstance(self.cpd_config.video, FramesOptions)

    def encode_video(self, clips_BCTHW: Tensor) -> Tensor:
        """Unit vectors (B, D), float32, of normalised clips (B, 3, T, H, W).

        Raises:
            ValueError: the clips have another shape than the configuration's.
        """
        config = self.cpd_config
        expected = (3, config.num_frames, config.frame_size, config.frame_size)
        if clips_BCTHW.ndim != 5 or clips_BCTHW.shape[1:] != expected:
            raise ValueError(f"clips must be (B, {expected}), got {tuple(clips_BCTHW.shape)}")
        return _unit(self.video_projection(self.video_tower(clips_BCTHW)))

    def video_features(self, clips_BCTHW: Tensor) -> Tensor:
        """What the projection sees of normalised clips (B, 3, T, H, W): float32 (B, F).

        Any height and width; any T where the tower has no time embeddings.
        """
        tower = self.video_tower
        if isinstance(tower, FramesTower):
            return tower.clip_features(clips_BCTHW)
        features_BF: Tensor = tower(clips_BCTHW)
        return features_BF.float()

    def encode_frames(self, frames_NCHW: Tensor) -> Tensor:
        """Features (N, F) of normalised frames (N, 3, H, W), each on its own.

        Raises:
            ValueError: the video tower looks across frames.
        """
        return self._frames_tower().frame_features(frames_NCHW)

    def pool_frames(self, features_BTF: Tensor) -> Tensor:
        """Unit vectors (B, D), float32, of clips whose frames' features (B, T, F) are known.

        Raises:
            ValueError: the video tower looks across frames.
        """
        return _unit(self._frames_tower().pool(features_BTF))

    def encode_text(self, input_ids_BL: Tensor, attention_mask_BL: Tensor) -> Tensor:
        """Unit vectors (B, D), float32, of token ids; the mask is 0 where a text is padded."""
        return _unit(self.text_tower(input_ids_BL, attention_mask_BL))

    def pool_text(self, input_ids_BL: Tensor, attention_mask_BL: Tensor) -> Tensor:
        """The text encoder's mean tokens (B, E), float32: what a frozen encoder need give once."""
        return self.text_tower.pool(input_ids_BL, attention_mask_BL)

    def project_text(self, pooled_BE: Tensor) -> Tensor:
        """Unit vectors (B, D), float32, of texts whose mean tokens are known."""
        return _unit(self.text_tower.project(pooled_BE))

    def forward(
        self, clips_BCTHW: Tensor, input_ids_BL: Tensor, attention_mask_BL: Tensor
    ) -> PairEmbeddings:
        """Both sides of B pairs."""
        return PairEmbeddings(
            self.encode_video(clips_BCTHW), self.encode_text(input_ids_BL, attention_mask_BL)
        )

    def _frames_tower(self) -> FramesTower:
        if not isinstance(self.video_tower, FramesTower):
            raise ValueError(
                f"a {self.cpd_config.video_tower} tower looks across frames; give it whole clips"
            )
        return self.video_tower

    @torch.no_grad()
    def _init_weights(self, module: Any) -> None:
        """Random weights of a new model; transformers calls it for what a checkpoint lacks."""
        init_resnet3d(module)
        if isinstance(module, LabelPrior):
            nn.init.normal_(module.embeddings_LD)
        elif isinstance(module, TemporalTransformer):
            nn.init.normal_(module.positions_TF, std=0.02)


def _unit(embeddings_BD: Tensor) -> Tensor:
    return F.normalize(embeddings_BD.float(), dim=-1)
