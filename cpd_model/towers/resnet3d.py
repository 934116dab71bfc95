"""The paper's video tower: a 3D ResNet after SlowOnly (Feichtenhofer et al. 2019).

    conv1   (1,7,7) / (1,2,2)      frames alone
    pool    (1,3,3) / (1,2,2)
    res2    no temporal kernel     x1/4 in space
    res3    no temporal kernel     x1/8
    res4    temporal kernel 3      x1/16    first convolution of every block
    res5    temporal kernel 3      x1/32
    mean over time and space       time is never strided

Module names are those of the authors' code (MCG-NJU/CPD-Video, models/resnet.py), so that converted
checkpoints keep their keys.

Axes: B batch, C channels, T frames, H height, W width, F features.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cpd_model.config import ResNet3DOptions, Shortcut


class _Layout(NamedTuple):
    block: type["BasicBlock"] | type["Bottleneck"]
    num_blocks: tuple[int, int, int, int]


class SubsampleAndPad(nn.Module):
    """Shortcut A: every `stride`-th pixel, the missing channels zero; no parameter."""

    def __init__(self, out_channels: int, stride: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.stride = stride

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        sampled_BCTHW = x_BCTHW[..., :: self.stride, :: self.stride]
        missing = self.out_channels - sampled_BCTHW.shape[1]
        return F.pad(sampled_BCTHW, (0, 0, 0, 0, 0, 0, 0, missing))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions; the first looks across time where `temporal`."""

    expansion = 1

    def __init__(
        self, in_channels: int, channels: int, *, stride: int, temporal: bool, shortcut: Shortcut
    ) -> None:
        super().__init__()
        depth = 3 if temporal else 1
        self.conv1 = _conv(in_channels, channels, (depth, 3, 3), stride=stride)
        self.bn1 = nn.BatchNorm3d(channels)
        self.conv2 = _conv(channels, channels, (1, 3, 3))
        self.bn2 = nn.BatchNorm3d(channels)
        self.downsample = _shortcut(in_channels, channels, stride=stride, shortcut=shortcut)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        out_BCTHW = F.relu(self.bn1(self.conv1(x_BCTHW)), inplace=True)
        out_BCTHW = self.bn2(self.conv2(out_BCTHW))
        return F.relu(out_BCTHW + self.downsample(x_BCTHW), inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions; the first looks across time where `temporal`."""

    expansion = 4

    def __init__(
        self, in_channels: int, channels: int, *, stride: int, temporal: bool, shortcut: Shortcut
    ) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = _conv(in_channels, channels, (3 if temporal else 1, 1, 1))
        self.bn1 = nn.BatchNorm3d(channels)
        self.conv2 = _conv(channels, channels, (1, 3, 3), stride=stride)
        self.bn2 = nn.BatchNorm3d(channels)
        self.conv3 = _conv(channels, out_channels, (1, 1, 1))
        self.bn3 = nn.BatchNorm3d(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride=stride, shortcut=shortcut)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        out_BCTHW = F.relu(self.bn1(self.conv1(x_BCTHW)), inplace=True)
        out_BCTHW = F.relu(self.bn2(self.conv2(out_BCTHW)), inplace=True)
        out_BCTHW = self.bn3(self.conv3(out_BCTHW))
        return F.relu(out_BCTHW + self.downsample(x_BCTHW), inplace=True)


LAYOUTS = {
    10: _Layout(BasicBlock, (1, 1, 1, 1)),
    18: _Layout(BasicBlock, (2, 2, 2, 2)),
    34: _Layout(BasicBlock, (3, 4, 6, 3)),
    50: _Layout(Bottleneck, (3, 4, 6, 3)),
    101: _Layout(Bottleneck, (3, 4, 23, 3)),
}
"""Kind and number of blocks in res2, res3, res4, res5, by depth."""


class ResNet3D(nn.Module):
    """Clips (B, 3, T, H, W) -> features (B, F); any T, H and W."""

    def __init__(self, options: ResNet3DOptions) -> None:
        super().__init__()
        layout = LAYOUTS[options.depth]
        base = options.base_channels
        self.conv1 = nn.Conv3d(3, base, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(base)
        in_channels = base
        for index, num_blocks in enumerate(layout.num_blocks):
            channels = base * 2**index
            blocks = []
            for block_index in range(num_blocks):
                stride = 2 if index > 0 and block_index == 0 else 1
                blocks.append(
                    layout.block(
                        in_channels,
                        channels,
                        stride=stride,
                        temporal=index >= 2,
                        shortcut=options.shortcut,
                    )
                )
                in_channels = channels * layout.block.expansion
            self.add_module(f"layer{index + 1}", nn.Sequential(*blocks))
        self.num_features = in_channels
        """F, length of a clip's feature vector."""

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        x_BCTHW = F.relu(self.bn1(self.conv1(clips_BCTHW)), inplace=True)
        x_BCTHW = F.max_pool3d(x_BCTHW, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x_BCTHW = self.get_submodule(name)(x_BCTHW)
        return x_BCTHW.mean(dim=(2, 3, 4))


def init_resnet3d(module: nn.Module) -> None:
    """Random weights as the authors draw them: He normal over fan-out, batch norms the identity."""
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.BatchNorm3d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
        nn.init.zeros_(torch.as_tensor(module.running_mean))
        nn.init.ones_(torch.as_tensor(module.running_var))


def _conv(
    in_channels: int, out_channels: int, kernel: tuple[int, int, int], *, stride: int = 1
) -> nn.Conv3d:
    return nn.Conv3d(
        in_channels,
        out_channels,
        kernel,
        stride=(1, stride, stride),
        padding=(kernel[0] // 2, kernel[1] // 2, kernel[2] // 2),
        bias=False,
    )


def _shortcut(in_channels: int, out_channels: int, *, stride: int, shortcut: Shortcut) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if shortcut == "A":
        return SubsampleAndPad(out_channels, stride)
    return nn.Sequential(
        _conv(in_channels, out_channels, (1, 1, 1), stride=stride), nn.BatchNorm3d(out_channels)
    )
