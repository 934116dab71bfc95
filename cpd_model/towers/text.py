"""The text tower: a Hugging Face encoder, the masked mean of its tokens, and a projection.

Axes: B batch, L tokens, E encoder width, D dimensions of the shared space.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel

from cpd_model.config import TextOptions


class TextTower(nn.Module):
    """Token ids (B, L) and their mask (B, L) -> embeddings (B, D), not yet normalised."""

    def __init__(self, options: TextOptions, *, embed_dim: int) -> None:
        """Random weights.

        Raises:
            ValueError: the encoder is of an unknown type, or without a projection its width is
                not `embed_dim`.
        """
        super().__init__()
        settings = dict(options.encoder)
        self.encoder = AutoModel.from_config(
            AutoConfig.for_model(settings.pop("model_type"), **settings)
        )
        if hasattr(self.encoder, "pooler"):
            # it reads [CLS] alone: unused here, and DDP minds unused weights
            self.encoder.pooler = None
        width = self.encoder.config.hidden_size
        if options.projection == "none" and width != embed_dim:
            raise ValueError(
                f"without a text projection embed_dim must be the encoder's width {width}, "
                f"got {embed_dim}"
            )
        self.pad_to = options.max_tokens if options.attends_padding else 0
        self.projection = _projection(options, width, embed_dim)

    def pool(self, input_ids_BL: Tensor, attention_mask_BL: Tensor) -> Tensor:
        """The encoder's masked mean token (B, E), float32, before the projection."""
        attended_BL = attention_mask_BL
        if missing := max(0, self.pad_to - input_ids_BL.shape[1]):
            # whatever stood where a text was padded, the authors' code has 0 there
            input_ids_BL = F.pad(input_ids_BL * attention_mask_BL, (0, missing))
            attention_mask_BL = F.pad(attention_mask_BL, (0, missing))
        if self.pad_to:
            attended_BL = torch.ones_like(attention_mask_BL)
        tokens_BLE = self.encoder(
            input_ids=input_ids_BL, attention_mask=attended_BL
        ).last_hidden_state
        return masked_mean(tokens_BLE, attention_mask_BL)

    def project(self, pooled_BE: Tensor) -> Tensor:
        """Embeddings (B, D), not yet normalised, of mean tokens."""
        embeddings_BD: Tensor = self.projection(pooled_BE)
        return embeddings_BD

    def forward(self, input_ids_BL: Tensor, attention_mask_BL: Tensor) -> Tensor:
        return self.project(self.pool(input_ids_BL, attention_mask_BL))


def masked_mean(tokens_BLE: Tensor, mask_BL: Tensor) -> Tensor:
    """Mean (B, E), float32, of the tokens whose mask is not 0; each row must keep one or more."""
    weights_BL1 = mask_BL.to(torch.float32).unsqueeze(-1)
    return (tokens_BLE.float() * weights_BL1).sum(dim=1) / weights_BL1.sum(dim=1)


def projection_mlp(in_dim: int, hidden_dim: int, out_dim: int) -> nn.Sequential:
    """Linear, BatchNorm, ReLU, Linear: the authors' head (768, 512, 256) on its text encoder."""
    return nn.Sequential(
        nn.Linear(in_dim, hidden_dim),
        nn.BatchNorm1d(hidden_dim),
        nn.ReLU(),
        nn.Linear(hidden_dim, out_dim),
    )


class IdentityLinear(nn.Linear):
    """A linear map that starts as the identity, or at random where the widths differ."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.in_features == self.out_features:
            nn.init.eye_(self.weight)
        nn.init.zeros_(self.bias)


def _projection(options: TextOptions, width: int, embed_dim: int) -> nn.Module:
    if options.projection == "none":
        return nn.Identity()
    if options.projection == "linear":
        return IdentityLinear(width, embed_dim)
    return projection_mlp(width, options.hidden_dim, embed_dim)


def encoder_settings(config: Any) -> dict[str, Any]:
    """What TextOptions.encoder stores of a Hugging Face configuration: all but the defaults."""
    settings: dict[str, Any] = config.to_diff_dict()
    for name in ("architectures", "transformers_version", "dtype", "torch_dtype"):
        settings.pop(name, None)
    return {**settings, "model_type": config.model_type}
