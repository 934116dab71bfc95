"""The model that a run begins with: a start or a preset, what a run changes of it, new weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from cpd_model.bundles.bundle import open_model, recorded_fingerprint
from cpd_model.bundles.record import is_bundle
from cpd_model.config import CPDConfig
from cpd_model.errors import InputError
from cpd_model.loading import find_model
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from training.config import ModelChoice

if TYPE_CHECKING:
    from transformers import PreTrainedModel

OnMessage: TypeAlias = Callable[[str], None]
"""Takes a sentence for a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunModel:
    """What training starts from."""

    model: CPDModel
    processor: CPDProcessor
    start_fingerprint: str
    """Of the start's bundle; empty where there is none."""

    new_weights: list[str]
    """Names of the weights that the start lacks, drawn at random; empty where there is no start."""


def build_model(
    choice: ModelChoice,
    *,
    seed: int,
    tokenizer: Callable[[], Any] | None = None,
    on_message: OnMessage = lambda message: None,
) -> RunModel:
    """Find the start, merge the changes, draw what is missing.

    Args:
        tokenizer: makes that of a preset where `text_start` brings none.

    Raises:
        InputError: the choice contradicts itself or the start.
        ModelError: the start cannot be had.
    """
    if choice.start:
        return _from_start(choice, seed=seed, on_message=on_message)
    return _from_preset(choice, seed=seed, words=tokenizer, on_message=on_message)


def merged_config(config: CPDConfig, changes: dict[str, Any]) -> CPDConfig:
    """The configuration with some values changed; options of the towers merge.

    Raises:
        InputError: there is no such value, or it does not fit.
    """
    settings = config.to_diff_dict() | {
        name: getattr(config, name) for name in ("video_options", "text_options")
    }
    for key, value in changes.items():
        if not hasattr(config, key):
            raise InputError(f"model.changes.{key}: a model's configuration has no such value")
        merges = isinstance(value, dict) and isinstance(getattr(config, key), dict)
        settings[key] = {**getattr(config, key), **value} if merges else value
    settings.pop("model_type", None)
    try:
        return CPDConfig(**settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"model.changes do not fit the model: {error}") from error


def _from_start(choice: ModelChoice, *, seed: int, on_message: OnMessage) -> RunModel:
    folder = find_model(choice.start, on_message=on_message)
    if not is_bundle(folder):
        raise InputError(
            f"{choice.start} is no model bundle of cpd, so it cannot be trained here; "
            "start from cpd-start or the folder of a bundle"
        )
    start, processor = open_model(folder)
    config = merged_config(start.cpd_config, choice.changes)
    model = _new_model(config, seed=seed)
    weights = start.state_dict()
    own = model.state_dict()
    fitting = {
        name: weight
        for name, weight in weights.items()
        if name in own and own[name].shape == weight.shape
    }
    model.load_state_dict(fitting, strict=False)
    return RunModel(
        model=model,
        processor=CPDProcessor.for_config(config, processor.tokenizer),
        start_fingerprint=recorded_fingerprint(folder),
        new_weights=sorted(own.keys() - fitting.keys()),
    )


def _from_preset(
    choice: ModelChoice,
    *,
    seed: int,
    words: Callable[[], Any] | None,
    on_message: OnMessage,
) -> RunModel:
    from cpd_model.config import PRESETS

    if choice.preset not in PRESETS:
        raise InputError(
            f"model.preset {choice.preset!r} is unknown: expected {', '.join(PRESETS)}"
        )
    config = merged_config(CPDConfig.preset(choice.preset), choice.changes)
    encoder, tokenizer = None, None
    if choice.text_start:
        encoder, tokenizer = _text_encoder(choice.text_start, on_message=on_message)
        from cpd_model.towers.text import encoder_settings

        config = merged_config(
            config, {"text_options": {"encoder": encoder_settings(encoder.config)}}
        )
    elif words is not None:
        tokenizer = words()
    if tokenizer is None:
        raise InputError(
            "a new model needs a tokenizer: set model.text_start to the folder or hub name of a "
            "text encoder, such as distilbert-base-uncased"
        )
    model = _new_model(config, seed=seed)
    if encoder is not None:
        names = model.text_tower.encoder.state_dict().keys()
        weights = encoder.state_dict()
        model.text_tower.encoder.load_state_dict({name: weights[name] for name in names})
    if choice.video_start:
        _inflate(choice.video_start, model)
    return RunModel(
        model=model,
        processor=CPDProcessor.for_config(config, tokenizer),
        start_fingerprint="",
        new_weights=[],
    )


def _new_model(config: CPDConfig, *, seed: int) -> CPDModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CPDModel(config)


def _text_encoder(name: str, *, on_message: OnMessage) -> "tuple[PreTrainedModel, Any]":
    """A Hugging Face text encoder and its tokenizer, from a folder or a hub."""
    from transformers import AutoModel, AutoTokenizer

    from cpd_model.encoders.progress_bars import no_progress_bars

    local = Path(name).expanduser().is_dir()
    if not local:
        on_message(f"asking the hub for the text encoder {name}, once")
    try:
        with no_progress_bars():
            encoder: PreTrainedModel = AutoModel.from_pretrained(name, dtype="float32")
            return encoder, AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise InputError(
            f"model.text_start {name} cannot be had ({reason}); give the folder of a text encoder"
        ) from error


def _inflate(source: str, model: CPDModel) -> None:
    from cpd_model.towers.inflate import load_inflated
    from cpd_model.towers.resnet3d import ResNet3D

    if not isinstance(model.video_tower, ResNet3D):
        raise InputError("model.video_start is for a resnet3d tower alone; leave it empty")
    load_inflated(Path(source).expanduser(), model.video_tower)
