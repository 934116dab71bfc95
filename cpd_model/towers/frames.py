"""The `frames` tower: a 2D backbone looks at each frame alone, then a head joins a clip's frames.

The head is a label prior, a learned projection, a temporal residual, or a sum of them:

    features (B, T, F) -> classifier -> softmax -> mean over T -> the K likeliest -> x prior (L, D)
    features (B, T, F) -> mean over T -> linear, or linear GELU linear (D)
    features (B, T, F) -> linear -> transformer over T -> mean -> linear that starts at zero (D)

The label prior is ConSE (Norouzi et al. 2014; for actions Objects2action, Jain et al. 2015): a clip
is embedded as the mixture of the text embeddings of the classes that its frames show. It needs no
video to learn from, and every step of it has a gradient.

Axes: N frames of any clip, B clips, T frames of a clip, F features, L classes, D shared space.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cpd_model.config import FramesOptions
from cpd_model.towers.efficientnet_lite import EfficientNetLite


class FramesTower(nn.Module):
    """Frames -> features (`frame_features`), features of a clip -> embedding (`pool`)."""

    def __init__(self, options: FramesOptions, *, embed_dim: int, num_frames: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite(
            options.backbone,
            num_classes=options.num_classes,
            feature_blocks=options.feature_blocks,
        )
        self.num_features = self.backbone.num_features
        self.prior = (
            LabelPrior(
                options.num_classes,
                embed_dim,
                kept_classes=options.kept_classes,
                temperature=options.class_temperature,
            )
            if options.label_prior
            else None
        )
        self.scale = FeatureScale(self.num_features) if options.standardized else None
        self.projection = (
            _projection(self.num_features, embed_dim, options) if options.projection else None
        )
        self.residual = (
            TemporalResidual(
                self.num_features,
                embed_dim,
                num_frames=num_frames,
                num_layers=options.num_layers,
                num_heads=options.num_heads,
            )
            if options.temporal == "residual"
            else None
        )

    def frame_features(self, frames_NCHW: Tensor) -> Tensor:
        """Features (N, F) of normalised frames (N, 3, H, W)."""
        features_NF: Tensor = self.backbone(frames_NCHW)
        return features_NF

    def pool(self, features_BTF: Tensor) -> Tensor:
        """Embeddings (B, D) of clips, not yet normalised; float32, whatever autocast says."""
        with torch.autocast(features_BTF.device.type, enabled=False):
            features_BTF = features_BTF.float()
            parts_BD = []
            if self.prior is not None:
                parts_BD.append(self.prior(self.backbone.classify(features_BTF)))
            if self.projection is not None:
                parts_BD.append(self.projection(self._join(features_BTF)))
            if self.residual is not None:
                parts_BD.append(self.residual(self._scaled(features_BTF)))
            return torch.stack(parts_BD).sum(dim=0)

    def clip_features(self, clips_BCTHW: Tensor) -> Tensor:
        """Features (B, F) of clips, their frames joined as the projection gets them; float32."""
        features_BTF = self._features_of(clips_BCTHW)
        with torch.autocast(features_BTF.device.type, enabled=False):
            return self._join(features_BTF.float())

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        return self.pool(self._features_of(clips_BCTHW))

    def _features_of(self, clips_BCTHW: Tensor) -> Tensor:
        batch, _, frames = clips_BCTHW.shape[:3]
        frames_NCHW = clips_BCTHW.transpose(1, 2).flatten(0, 1)
        features_BTF: Tensor = self.frame_features(frames_NCHW).unflatten(0, (batch, frames))
        return features_BTF

    def _scaled(self, features_BTF: Tensor) -> Tensor:
        if self.scale is None:
            return features_BTF
        scaled_BTF: Tensor = self.scale(features_BTF)
        return scaled_BTF

    def _join(self, features_BTF: Tensor) -> Tensor:
        return self._scaled(features_BTF).mean(dim=1)


def _projection(num_features: int, embed_dim: int, options: FramesOptions) -> nn.Module:
    """(B, F) -> (B, D); dropout keeps a head on frozen features from learning pairs by heart."""
    if not options.hidden_dim:
        return nn.Sequential(nn.Dropout(options.input_dropout), nn.Linear(num_features, embed_dim))
    return nn.Sequential(
        nn.Dropout(options.input_dropout),
        nn.Linear(num_features, options.hidden_dim),
        nn.GELU(),
        nn.Dropout(options.hidden_dropout),
        nn.Linear(options.hidden_dim, embed_dim),
    )


class FeatureScale(nn.Module):
    """Each feature (..., F) to mean 0 and deviation 1, as `measure` found them; no weights."""

    SMALLEST_DEVIATION = 1e-3

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("mean_F", torch.zeros(num_features))
        self.register_buffer("deviation_F", torch.ones(num_features))

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.get_buffer("mean_F")) / self.get_buffer("deviation_F")

    @torch.no_grad()
    def measure(self, features_NF: Tensor) -> None:
        """Take mean and deviation of these features (N, F); N >= 2.

        They are rounded to half precision, so that a bundle may be stored in it.
        """
        mean_F, deviation_F = features_NF.double().mean(dim=0), features_NF.double().std(dim=0)
        smallest = self.SMALLEST_DEVIATION
        self.get_buffer("mean_F").copy_(mean_F.half())
        self.get_buffer("deviation_F").copy_(deviation_F.clamp(min=smallest).half())


class LabelPrior(nn.Module):
    """Logits of clips' frames (B, T, L) -> mixtures (B, D) of the likeliest classes' embeddings."""

    def __init__(
        self, num_classes: int, embed_dim: int, *, kept_classes: int, temperature: float
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.kept_classes = kept_classes
        self.embeddings_LD = nn.Parameter(torch.empty(num_classes, embed_dim))

    def forward(self, logits_BTL: Tensor) -> Tensor:
        clip_BL = (logits_BTL / self.temperature).softmax(dim=-1).mean(dim=1)
        kept = clip_BL.topk(self.kept_classes, dim=-1)
        weights_BK = kept.values / kept.values.sum(dim=-1, keepdim=True)
        mixture_BD = torch.einsum("bk,bkd->bd", weights_BK, self.embeddings_LD[kept.indices])
        return F.normalize(mixture_BD, dim=-1)


class TemporalTransformer(nn.Module):
    """Frame features (B, T, F) -> (B, F): their mean plus what attention over the frames adds."""

    def __init__(
        self, num_features: int, *, num_frames: int, num_layers: int, num_heads: int
    ) -> None:
        super().__init__()
        self.positions_TF = nn.Parameter(torch.zeros(num_frames, num_features))
        layer = nn.TransformerEncoderLayer(
            num_features,
            num_heads,
            dim_feedforward=2 * num_features,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)

    def forward(self, features_BTF: Tensor) -> Tensor:
        """Raises ValueError where a clip has another number of frames than there are positions."""
        if features_BTF.shape[1] != len(self.positions_TF):
            raise ValueError(
                f"clips must have {len(self.positions_TF)} frames, got {features_BTF.shape[1]}"
            )
        joined_BTF: Tensor = self.layers(features_BTF + self.positions_TF)
        return joined_BTF.mean(dim=1)


class ZeroLinear(nn.Linear):
    """A linear map that starts at zero: what it is added to is at first unchanged."""

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


class TemporalResidual(nn.Module):
    """Frame features (B, T, F) -> what a few captioned clips add to an embedding (B, D).

    Small, with half of everything left out while it learns, and at first exactly 0: a start whose
    head it joins is the same model until the first step.
    """

    WIDTH = 64
    DROPOUT = 0.5

    def __init__(
        self,
        num_features: int,
        embed_dim: int,
        *,
        num_frames: int,
        num_layers: int,
        num_heads: int,
    ) -> None:
        super().__init__()
        self.narrow = nn.Sequential(
            nn.LayerNorm(num_features, elementwise_affine=False),
            nn.Dropout(self.DROPOUT),
            nn.Linear(num_features, self.WIDTH),
        )
        self.joined = TemporalTransformer(
            self.WIDTH, num_frames=num_frames, num_layers=num_layers, num_heads=num_heads
        )
        self.widen = nn.Sequential(nn.Dropout(self.DROPOUT), ZeroLinear(self.WIDTH, embed_dim))

    def forward(self, features_BTF: Tensor) -> Tensor:
        """See TemporalTransformer for what it raises."""
        added_BD: Tensor = self.widen(self.joined(self.narrow(features_BTF)))
        return added_BD
