"""The model that an adaptation starts from, and the parts that it gets to learn with."""

from pathlib import Path
from typing import Any

from cpd_model.bundles.record import is_bundle
from cpd_model.config import CPDConfig, FramesOptions
from cpd_model.errors import InputError
from cpd_model.loading import find_model
from training.config import ModelChoice


def find_start(name: str) -> Path:
    """The folder of the bundle to start from.

    Raises:
        InputError: it is no bundle of cpd, or its tower looks across frames.
        ModelError: it cannot be had.
    """
    folder = find_model(name)
    if not is_bundle(folder):
        raise InputError(
            f"{name} is no model bundle of cpd, so it cannot be adapted; "
            "start from cpd-start or the folder of a bundle"
        )
    if not isinstance(CPDConfig.from_pretrained(folder).video, FramesOptions):
        raise InputError(
            f"{name} looks across frames, and adapt learns from features of single frames; start "
            "from a model with a frames tower, or train this one on: cpd train kinetics210k "
            f"--model {name}"
        )
    return folder


def grown_changes(choice: ModelChoice, start: Path) -> dict[str, Any]:
    """What a start gets to learn with: a residual over frames, a linear map on text."""
    config = CPDConfig.from_pretrained(start)
    video, text = config.video, config.text
    assert isinstance(video, FramesOptions)
    changes: dict[str, Any] = {}
    if video.temporal == "mean":
        changes["video_options"] = {"temporal": "residual", "num_layers": 1}
    if text.projection == "none":
        changes["text_options"] = {"projection": "linear"}
    for key, value in choice.changes.items():
        changes[key] = {**changes.get(key, {}), **value} if isinstance(value, dict) else value
    return changes
