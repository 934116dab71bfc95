"""EfficientNet-Lite 0 to 4: the 2D image backbone of the `frames` tower.

EfficientNet without squeeze-and-excitation, with ReLU6, and with a stem and head that the width
multiplier leaves alone (Tan and Le 2019; google "efficientnet/lite", 2020). The attribute names
with a leading underscore are those of the pip package `efficientnet_lite_pytorch`, so that the
weights which pip packages carry load without renaming a key; tests compare both networks.

Axes: N frames, H height, W width, C channels, F features.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

BATCH_NORM_EPS = 1e-3
BATCH_NORM_MOMENTUM = 0.01
"""PyTorch's convention; TensorFlow writes the same as 0.99."""


class Variant(NamedTuple):
    """How a member of the family is scaled."""

    width: float
    """Multiplies channels; the result is rounded to a multiple of 8."""

    depth: float
    """Multiplies the blocks of a stage, except of the first and last; rounded up."""

    native_size: int
    """Height and width that it was trained at, in pixels."""

    stem_channels: int = 32
    num_features: int = 1280
    """F, channels after the head convolution: one value of each frame's feature vector."""


VARIANTS = {
    "efficientnet-lite0": Variant(1.0, 1.0, 224),
    "efficientnet-lite1": Variant(1.0, 1.1, 240),
    "efficientnet-lite2": Variant(1.1, 1.2, 260),
    "efficientnet-lite3": Variant(1.2, 1.4, 280),
    "efficientnet-lite4": Variant(1.4, 1.8, 300),
    "efficientnet-lite-tiny": Variant(0.1, 0.3, 32, stem_channels=8, num_features=32),
}
"""By name; `tiny` exists for tests and has no trained weights anywhere."""


class Stage(NamedTuple):
    """A run of blocks of one width, before scaling."""

    num_blocks: int
    kernel_size: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: ceil(size / stride) outputs, odd pixel last."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel, stride=stride, groups=groups, bias=False
        )

    def forward(self, images_NCHW: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        top, bottom = _same_padding(images_NCHW.shape[2], kernel, stride)
        left, right = _same_padding(images_NCHW.shape[3], kernel, stride)
        padding = (top, left)
        if top != bottom or left != right:  # conv2d itself can only pad both ends alike
            images_NCHW = F.pad(images_NCHW, (left, right, top, bottom))
            padding = (0, 0)
        return F.conv2d(
            images_NCHW, self.weight, self.bias, self.stride, padding, groups=self.groups
        )


class Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise kxk, project 1x1; plus its input if shapes agree."""

    def __init__(self, in_channels: int, stage: Stage) -> None:
        super().__init__()
        hidden = in_channels * stage.expansion
        self.out_channels = stage.channels
        self.expands = stage.expansion != 1
        if self.expands:
            self._expand_conv: nn.Module = SameConv2d(in_channels, hidden, 1)
            self._bn0: nn.Module = _batch_norm(hidden)
        self._depthwise_conv: nn.Module = SameConv2d(
            hidden, hidden, stage.kernel_size, stride=stage.stride, groups=hidden
        )
        self._bn1: nn.Module = _batch_norm(hidden)
        self._project_conv: nn.Module = SameConv2d(hidden, stage.channels, 1)
        self._bn2: nn.Module = _batch_norm(stage.channels)
        self.adds_input = stage.stride == 1 and in_channels == stage.channels

    def forward(self, input_NCHW: Tensor) -> Tensor:
        x_NCHW = input_NCHW
        if self.expands:
            x_NCHW = F.relu6(self._bn0(self._expand_conv(x_NCHW)), inplace=True)
        x_NCHW = F.relu6(self._bn1(self._depthwise_conv(x_NCHW)), inplace=True)
        output_NCHW: Tensor = self._bn2(self._project_conv(x_NCHW))
        return output_NCHW + input_NCHW if self.adds_input else output_NCHW


class EfficientNetLite(nn.Module):
    """Frames (N, 3, H, W) of any size -> features (N, F) after global average pooling.

    The last convolution's means come first, then those of `feature_blocks`' outputs, which cost
    nothing more: what the classifier has no use for was thrown away by the end (who acts, and
    where), and earlier blocks still have it.

    The classifier over `num_classes` is a separate step (`classify`), so that a caller may keep the
    features and classify later, or not at all.
    """

    def __init__(
        self, variant: str, *, num_classes: int = 1000, feature_blocks: Sequence[int] = ()
    ) -> None:
        """Random weights.

        Raises:
            ValueError: there is no block of one of these numbers, or one comes twice.
        """
        super().__init__()
        self.variant = VARIANTS[variant]
        channels = self.variant.stem_channels
        self._conv_stem: nn.Module = SameConv2d(3, channels, 3, stride=2)
        self._bn0: nn.Module = _batch_norm(channels)
        blocks: list[Block] = []
        for stage in _scaled_stages(self.variant):
            blocks.append(Block(channels, stage))
            channels = stage.channels
            blocks.extend(
                Block(channels, stage._replace(stride=1)) for _ in range(stage.num_blocks - 1)
            )
        self._blocks = nn.ModuleList(blocks)
        self._conv_head: nn.Module = SameConv2d(channels, self.variant.num_features, 1)
        self._bn1: nn.Module = _batch_norm(self.variant.num_features)
        self._fc = nn.Linear(self.variant.num_features, num_classes)
        if len(set(feature_blocks) & set(range(len(blocks)))) != len(feature_blocks):
            raise ValueError(
                f"feature_blocks must be different numbers from 0 to {len(blocks) - 1}, "
                f"got {list(feature_blocks)}"
            )
        self.feature_blocks = tuple(feature_blocks)
        self.num_features = self.variant.num_features + sum(
            blocks[index].out_channels for index in feature_blocks
        )
        """F, features of a frame."""

    def forward(self, images_NCHW: Tensor) -> Tensor:
        x_NCHW = F.relu6(self._bn0(self._conv_stem(images_NCHW)), inplace=True)
        means = {}
        for index, block in enumerate(self._blocks):
            x_NCHW = block(x_NCHW)
            if index in self.feature_blocks:
                means[index] = x_NCHW.mean(dim=(2, 3))
        x_NCHW = F.relu6(self._bn1(self._conv_head(x_NCHW)), inplace=True)
        return torch.cat(
            [x_NCHW.mean(dim=(2, 3)), *(means[index] for index in self.feature_blocks)], dim=1
        )

    def feature_weights(self) -> dict[str, Tensor]:
        """All tensors that a feature depends on, by name: what the classifier has is left out."""
        return {
            name: weight
            for name, weight in self.state_dict().items()
            if not name.startswith("_fc.") and not name.endswith("num_batches_tracked")
        }

    def classify(self, features_NF: Tensor) -> Tensor:
        """Logits (..., num_classes) of features (..., F)."""
        logits: Tensor = self._fc(features_NF[..., : self.variant.num_features])
        return logits


def fold_batch_norms(network: EfficientNetLite) -> None:
    """Fold every batch norm into the convolution before it, in place: same outputs, less work.

    For inference only: the folded network has other parameters than its checkpoint.

    Raises:
        ValueError: the network is in training mode, where batch statistics are not constants.
    """
    if network.training:
        raise ValueError("batch norms can only be folded in eval mode; call network.eval() first")
    _fold_pair(network, "_conv_stem", "_bn0")
    _fold_pair(network, "_conv_head", "_bn1")
    for block in network._blocks:
        if getattr(block, "expands", False):
            _fold_pair(block, "_expand_conv", "_bn0")
        _fold_pair(block, "_depthwise_conv", "_bn1")
        _fold_pair(block, "_project_conv", "_bn2")


def _fold_pair(module: nn.Module, conv: str, norm: str) -> None:
    folded = fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm))
    setattr(module, conv, folded)
    setattr(module, norm, nn.Identity())


def _scaled_stages(variant: Variant) -> list[Stage]:
    last = len(STAGES) - 1
    return [
        stage._replace(
            channels=_round_channels(stage.channels * variant.width),
            num_blocks=stage.num_blocks
            if index in (0, last)
            else math.ceil(stage.num_blocks * variant.depth),
        )
        for index, stage in enumerate(STAGES)
    ]


def _round_channels(channels: float) -> int:
    """The nearest multiple of 8, at least 8, and never more than 10 % below what was asked for."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS, momentum=BATCH_NORM_MOMENTUM)


def load_weights(path: str) -> dict[str, Tensor]:
    """The state dict in a `.pth` file of a pip package; tensors only, no code is run."""
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
