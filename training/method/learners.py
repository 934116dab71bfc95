"""Which weights learn, and at which rate.

video tower      always, but for its backbone where that is frozen; a frozen backbone's label
                 prior is frozen with it, for it speaks the backbone's language
projections      always
text encoder     in stage II, at a rate of its own
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cpd_model.model import CPDModel
from cpd_model.towers.frames import FramesTower
from training.config import OptimizerChoice

TEXT_ENCODER = "text_tower.encoder."
"""How the names of the text encoder's weights begin."""


def set_learners(
    model: CPDModel, *, train_backbone: bool, train_text: bool, text_layers: int | None
) -> None:
    """Say by `requires_grad` which weights of the model learn."""
    model.requires_grad_(True)
    tower = model.video_tower
    if not train_backbone:
        frozen = [tower.backbone, tower.prior] if isinstance(tower, FramesTower) else [tower]
        for part in frozen:
            if part is not None:
                part.requires_grad_(False)
    encoder = model.text_tower.encoder
    if not train_text or text_layers is not None:
        encoder.requires_grad_(False)
    if train_text and text_layers is not None:
        for layer in encoder_layers(encoder)[-text_layers:] if text_layers else []:
            layer.requires_grad_(True)


def encoder_layers(encoder: Any) -> list[nn.Module]:
    """The layers of a Hugging Face encoder, first to last.

    Raises:
        ValueError: it keeps them in no list of the length that its configuration says.
    """
    count = encoder.config.num_hidden_layers
    for module in encoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return list(module)
    raise ValueError(f"{type(encoder).__name__} keeps its {count} layers in no list")


def build_optimizer(
    model: CPDModel, others: Iterable[Tensor], choice: OptimizerChoice
) -> Optimizer:
    """An optimizer over all weights that learn now or in stage II; frozen ones it passes over.

    Its groups carry `side`, `text` or `main`, by which `set_rates` gives them their rates.

    Args:
        others: weights of the objective; never decayed.
    """
    groups: list[dict[str, Any]] = []
    for side in ("main", "text"):
        learning = [
            weight
            for name, weight in model.named_parameters()
            if name.startswith(TEXT_ENCODER) == (side == "text")
            and (weight.requires_grad or side == "text")
        ]
        # With SGD everything decays, as in the authors' code.
        flat = [weight for weight in learning if weight.ndim < 2 and choice.kind == "adamw"]
        kept = {id(weight) for weight in flat}
        decayed = [weight for weight in learning if id(weight) not in kept]
        groups += [
            {"params": decayed, "side": side, "weight_decay": choice.weight_decay},
            {"params": flat, "side": side, "weight_decay": 0.0},
        ]
    own = list(others)
    groups.append({"params": own, "side": "main", "weight_decay": 0.0})
    groups = [group for group in groups if group["params"]]
    if choice.kind == "sgd":
        return torch.optim.SGD(groups, lr=choice.learning_rate, momentum=choice.momentum)
    return torch.optim.AdamW(groups, lr=choice.learning_rate, betas=(choice.momentum, 0.999))


def set_rates(optimizer: Optimizer, *, main: float, text: float) -> None:
    """Give both sides their learning rates."""
    for group in optimizer.param_groups:
        group["lr"] = text if group["side"] == "text" else main
