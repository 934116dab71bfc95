"""A 2D ResNet checkpoint as the start of a 3D one: each kernel is spread over time.

A kernel of temporal depth T becomes T copies divided by T (Carreira and Zisserman 2017, I3D), so
that a clip of identical frames gives, away from the ends, what the image gave.

torchvision's ResNets and timm's plain ones (resnet18, resnet34, resnet50, resnet101 and their
retrained variants) have the same names. Their images were normalised with ImageNet's mean and
deviation; the authors' clips with .45 and .225, which is near enough to train on from there.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from cpd_model.errors import ModelError
from cpd_model.towers.checkpoint_file import read_tensors
from cpd_model.towers.resnet3d import ResNet3D

_CLASSIFIERS = ("fc.", "classifier.", "head.")
_COUNTER = ".num_batches_tracked"
"""Of a batch norm; checkpoints from before PyTorch 0.4.1 lack it, and it changes no output."""


def read_image_checkpoint(path: Path) -> dict[str, Tensor]:
    """The weights of a plain 2D ResNet by torchvision's names, without its classifier.

    The file is `.safetensors`, or what `torch.save` wrote; the weights may stand under
    `state_dict` or `model`, and every name may begin with `module.`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelError: it cannot be read, or is of another kind of network.
    """
    weights = {
        name: weight
        for name, weight in read_tensors(path).items()
        if not name.startswith(_CLASSIFIERS)
    }
    if "conv1.0.weight" in weights:
        raise ModelError(
            f"{path} is a ResNet with a deep stem (three convolutions in conv1, as timm's "
            "resnet50d): expected a plain one, such as torchvision's or timm's resnet50"
        )
    if "conv1.weight" not in weights:
        first = next(iter(weights), "nothing")
        raise ModelError(
            f"{path} is no 2D ResNet by the names of torchvision or timm: it has no conv1.weight "
            f"but {first}"
        )
    return weights


def load_inflated(path: Path, network: ResNet3D) -> None:
    """Start `network` from the 2D ResNet checkpoint in `path`, which must be of the same depth.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelError: it cannot be read, or is of another kind, depth or width.
    """
    weights = read_image_checkpoint(path)
    try:
        network.load_state_dict(inflate_weights(weights, network))
    except ValueError as error:
        raise ModelError(f"cannot start from {path}: {error}") from error


def inflate_weights(image_weights: Mapping[str, Tensor], network: ResNet3D) -> dict[str, Tensor]:
    """The state dict for `network`, made from a 2D ResNet's of the same depth (torchvision's keys).

    The classifier (`fc.*`) is left out. A network with shortcut A has no use for the 2D network's
    `downsample` convolutions: they are left out too, which costs accuracy until it is trained.

    Raises:
        ValueError: a weight is missing, unknown or has another shape: another depth or width.
    """
    targets = network.state_dict()
    _check_unknown(image_weights, targets)
    inflated = {}
    for name, target in targets.items():
        if name not in image_weights:
            if name.endswith(_COUNTER):
                inflated[name] = torch.zeros_like(target)
                continue
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


def _check_unknown(image_weights: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> None:
    """Raise ValueError where the 2D network does more than the 3D one: it would be cut short."""
    unknown = [
        name
        for name in image_weights
        if name not in targets
        and ".downsample." not in name
        and not name.startswith(_CLASSIFIERS)
        and not name.endswith(_COUNTER)
    ]
    if unknown:
        raise ValueError(
            f"the 2D checkpoint has {len(unknown)} weights that this network has no place for, "
            f"such as {unknown[0]}: it is not a plain ResNet of this depth"
        )


def _owner(network: nn.Module, name: str) -> nn.Module:
    return network.get_submodule(name.rpartition(".")[0])
