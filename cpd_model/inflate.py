"""A 2D ResNet checkpoint as the start of a 3D one: each kernel is spread over time.

A kernel of temporal depth T becomes T copies divided by T (Carreira and Zisserman 2017, I3D), so
that a clip of identical frames gives, away from the ends, what the image gave.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from cpd_model.resnet3d import ResNet3D


def inflate_weights(image_weights: Mapping[str, Tensor], network: ResNet3D) -> dict[str, Tensor]:
    """The state dict for `network`, made from a 2D ResNet's of the same depth (torchvision's keys).

    The classifier (`fc.*`) is left out. A network with shortcut A has no use for the 2D network's
    `downsample` convolutions: they are left out too, which costs accuracy until it is trained.

    Raises:
        ValueError: a weight is missing or has another shape: another depth or width.
    """
    inflated = {}
    for name, target in network.state_dict().items():
        if name not in image_weights:
            raise ValueError(f"the 2D checkpoint has no {name}: it is not a ResNet of this depth")
        source = image_weights[name]
        if isinstance(_owner(network, name), nn.Conv3d):
            depth = target.shape[2]
            source = source.unsqueeze(2).repeat(1, 1, depth, 1, 1) / depth
        if source.shape != target.shape:
            raise ValueError(
                f"{name} of the 2D checkpoint has shape {tuple(image_weights[name].shape)}, "
                f"which does not inflate to {tuple(target.shape)}"
            )
        inflated[name] = source.to(target.dtype)
    return inflated


def _owner(network: nn.Module, name: str) -> nn.Module:
    return network.get_submodule(name.rpartition(".")[0])
