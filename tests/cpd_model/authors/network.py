"""The authors' network, written again from its description: a twin to compare with.

The names are those of their checkpoints. Nothing here uses our model. One thing is mended: their
shortcut B strides time as well, so that its shapes do not meet on clips of several frames.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DistilBertConfig, DistilBertModel


class EmptyChannels(nn.Module):
    """Shortcut A: average over single pixels at the stride, then channels of zeros."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x: Tensor) -> Tensor:
        small = nn.functional.avg_pool3d(x, 1, stride=(1, self.stride, self.stride))
        zeros = small.new_zeros(len(x), self.channels - x.shape[1], *small.shape[2:])
        return torch.cat((small, zeros), dim=1)


class Block(nn.Module):
    """Two convolutions, or three with a bottleneck; the first sees three frames if `temporal`."""

    def __init__(
        self, enters: int, width: int, *, stride: int, temporal: bool, wide: bool, shortcut: str
    ) -> None:
        super().__init__()
        frames, around = (3, 1) if temporal else (1, 0)
        leaves = 4 * width if wide else width
        step = (1, stride, stride)
        space: dict[str, Any] = {"kernel_size": (1, 3, 3), "padding": (0, 1, 1), "bias": False}
        if wide:
            self.conv1 = nn.Conv3d(enters, width, (frames, 1, 1), 1, (around, 0, 0), bias=False)
            self.conv2 = nn.Conv3d(width, width, stride=step, **space)
            self.conv3 = nn.Conv3d(width, leaves, 1, bias=False)
            self.bn3 = nn.BatchNorm3d(leaves)
        else:
            self.conv1 = nn.Conv3d(enters, width, (frames, 3, 3), step, (around, 1, 1), bias=False)
            self.conv2 = nn.Conv3d(width, width, **space)
        self.bn1, self.bn2 = nn.BatchNorm3d(width), nn.BatchNorm3d(width)
        self.wide = wide
        if stride > 1 or enters != leaves:
            self.downsample: nn.Module = (
                EmptyChannels(leaves, stride)
                if shortcut == "A"
                else nn.Sequential(
                    nn.Conv3d(enters, leaves, 1, stride=step, bias=False), nn.BatchNorm3d(leaves)
                )
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if self.wide:
            y = self.bn3(self.conv3(y.relu()))
        return (y + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()


class Visual(nn.Module):
    """SlowOnly: space is halved five times, time never; frames meet in the last two stages."""

    def __init__(self, blocks: Sequence[int], *, wide: bool, width: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        enters = width
        for stage, number in enumerate(blocks):
            made = nn.Sequential()
            for index in range(number):
                block = Block(
                    enters,
                    width << stage,
                    stride=2 if stage and not index else 1,
                    temporal=stage > 1,
                    wide=wide,
                    shortcut=shortcut,
                )
                enters = (width << stage) * (4 if wide else 1)
                made.append(block)
            setattr(self, f"layer{stage + 1}", made)
        self.num_features = enters

    def forward(self, clips: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(clips)).relu())
        for stage in (1, 2, 3, 4):
            x = getattr(self, f"layer{stage}")(x)
        # a window over all of it
        return nn.functional.avg_pool3d(x, tuple(x.shape[2:]), stride=1).flatten(1)


class Authors(nn.Module):
    """Both towers and their heads, with the banks of `num_pairs` training pairs."""

    def __init__(
        self, visual: Visual, text: DistilBertConfig, *, embed_dim: int, num_pairs: int = 5
    ) -> None:
        super().__init__()
        self.visual_encoder = visual
        self.textual_encoder = DistilBertModel(text)
        self.vis_emb = nn.Linear(visual.num_features, embed_dim)
        self.text_emb = nn.Sequential(
            nn.Linear(text.dim, 2 * embed_dim),
            nn.BatchNorm1d(2 * embed_dim),
            nn.ReLU(),
            nn.Linear(2 * embed_dim, embed_dim),
        )
        for name in ("Z_v", "Z_t"):
            self.register_buffer(name, torch.tensor([-1.0]))
        for name in ("vis_memory", "text_memory"):
            self.register_buffer(name, torch.randn(num_pairs, embed_dim))

    def forward(self, clips: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        video = self.vis_emb(self.visual_encoder(clips))
        kept = (ids != 0).float()[..., None]
        tokens = self.textual_encoder(ids)[0]  # no attention mask
        text = self.text_emb((tokens * kept).sum(1) / kept.sum(1))
        return video / video.norm(dim=1, keepdim=True), text / text.norm(dim=1, keepdim=True)


LAYERS = {
    10: ((1, 1, 1, 1), False),
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
}


def small_authors(depth: int = 50, shortcut: str = "A") -> Authors:
    """Narrow, with statistics in the batch norms as if it had been trained; evaluation mode."""
    torch.manual_seed(1)
    blocks, wide = LAYERS[depth]
    text = DistilBertConfig(
        vocab_size=64, max_position_embeddings=70, n_layers=2, n_heads=2, dim=128, hidden_dim=96
    )
    visual = Visual(blocks, wide=wide, width=4, shortcut=shortcut)
    network = Authors(visual, text, embed_dim=16)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d | nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
            nn.init.normal_(torch.as_tensor(module.running_mean), 0, 0.1)
            nn.init.uniform_(torch.as_tensor(module.running_var), 0.5, 1.5)
    return network.eval()


def real_authors() -> Authors:
    """Of the published sizes, with shapes and no numbers."""
    with torch.device("meta"):
        visual = Visual((3, 4, 6, 3), wide=True, width=64, shortcut="A")
        return Authors(visual, DistilBertConfig(), embed_dim=256)


def saved_as_by_the_authors(network: Authors) -> dict[str, Any]:
    """The contents of a `save_<epoch>.pth`: they train under DistributedDataParallel."""
    weights = {f"module.{name}": value for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9).state_dict()
    return {"epoch": 301, "arch": "resnet-50", "state_dict": weights, "optimizer": optimizer}
