"""The end of a run: the best weights as a bundle with its card, and a finished record."""

import shutil
from typing import Any

import torch

from cpd_model.bundles.bundle import save_bundle
from cpd_model.model import CPDModel
from training.run.checkpoint import CheckpointFolder, learned_now
from training.run.folder import RunFolder
from training.run.loop import TrainState
from training.run.model import RunModel
from training.run.model_card import model_card


def write_result(
    state: TrainState,
    built: RunModel,
    *,
    checkpoints: CheckpointFolder,
    folder: RunFolder,
    record: dict[str, Any],
) -> dict[str, Any]:
    """Write DIR/bundle and settle run.json; returns the figures of the weights in the bundle.

    Without held-back pairs the last weights are the result, else the best by their recall.
    """
    best = checkpoints.load_best()
    weights, temperature = best or learned_now(state)
    model = built.model
    model.load_state_dict(weights)
    model.cpd_config.similarity_temperature = temperature
    if record["settings"]["round_weights"]:
        round_weights(model)
    chosen = state.step if best is None else int(state.best["step"])
    recalls = {name: value for name, value in state.best.items() if name != "step"}
    figures = {**folder.last_metrics(), **recalls, "chosen_step": chosen}
    record.update(chosen_step=chosen, figures=figures, finished=True)
    making = folder.bundle.with_name(f"{folder.bundle.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    record["bundle_fingerprint"] = save_bundle(model, built.processor, making)
    (making / "README.md").write_text(model_card(record, recalls), encoding="utf-8")
    folder.publish(making)
    folder.write(record)
    return figures


@torch.no_grad()
def round_weights(model: CPDModel) -> None:
    """Round the weights that learn to half precision; what is frozen stays as it was."""
    for weight in model.parameters():
        if weight.requires_grad:
            weight.copy_(weight.half())
