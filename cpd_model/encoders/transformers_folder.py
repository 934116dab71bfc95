"""A folder as transformers' `save_pretrained` writes it: what kind of model, and its parts.

Every part is checked where a wrong one would go on silently: missing weights, a tokenizer of
another model, an image processor that contradicts the tower. Importing this module imports neither
torch nor transformers; `load_parts` does.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

from safetensors import SafetensorError

from cpd_model.encoders.preprocessing import (
    Preprocessing,
    preprocessing_of,
    read_image_config,
    read_transformers_json,
    squashed_to,
)
from cpd_model.encoders.progress_bars import no_progress_bars
from cpd_model.errors import BundleError
from cpd_model.fingerprint import TOKENIZER_FILES, hash_weights

_ARITHMETIC_VERSION = 1
"""Goes into every fingerprint: raise it when adapters.py computes other vectors than before."""

FRAMES_PER_CLIP = 8
"""T of the models that look at frames: as for `cpd-start`, so that their costs compare."""

ALL_TOKENIZER_FILES = tuple(sorted((*TOKENIZER_FILES, "tokenizer.json")))
"""Names that tokenizers of transformers are saved under; a folder has some of them."""

_NOTES_OF_CONFIG = (
    "_name_or_path",
    "architectures",
    "dtype",
    "torch_dtype",
    "transformers_version",
)
"""Entries of config.json that change no embedding."""

_LONGEST_REASON = 300

_LOADING_ERRORS = (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError)
"""What transformers raises for a folder that it cannot use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What the members of one `model_type` have in common."""

    title: str
    """For people."""

    model_class: str
    """Its class in transformers."""

    looks_at_clips: bool = False
    """Whether the tower mixes frames; else it sees each alone."""

    crops: bool
    """Whether frames are cut to the centre square where the settings do not say."""

    any_shape: bool = False
    """Whether the tower takes patches of frames of any shape."""

    fills_text: bool = False
    """Texts were padded to the limit in training and the padding was attended to."""


FAMILIES: dict[str, Family] = {
    "clip": Family(title="CLIP", model_class="CLIPModel", crops=True),
    "siglip": Family(
        title="SigLIP or SigLIP 2", model_class="SiglipModel", crops=False, fills_text=True
    ),
    "siglip2": Family(
        title="SigLIP 2 of any shape",
        model_class="Siglip2Model",
        crops=False,
        any_shape=True,
        fills_text=True,
    ),
    "xclip": Family(title="X-CLIP", model_class="XCLIPModel", crops=True, looks_at_clips=True),
}
"""By the `model_type` in config.json."""


class ModelParts(NamedTuple):
    """What a folder holds, in memory."""

    family: Family

    model: Any
    """The model of transformers: float32, on the CPU, in evaluation mode."""

    tokenizer: Any
    """Its tokenizer, padding on the right."""

    preprocessing: Preprocessing

    num_frames: int
    """T, frames of one clip."""

    fingerprint: str
    """64 hex digits over all of it."""


def family_of(folder: Path, *, name: str) -> Family:
    """The family of the model in `folder`, by its config.json alone.

    Raises:
        BundleError: another kind of model, or none.
    """
    model_type = read_transformers_json(folder / "config.json").get("model_type")
    if model_type in FAMILIES:
        return FAMILIES[model_type]
    if model_type == "cpd":
        raise BundleError(
            f"{name} holds a model of type 'cpd' and no bundle.json, which tells what it was saved "
            "as: make or copy the bundle again"
        )
    supported = ", ".join(family.title for family in FAMILIES.values())
    found = f"a model of type {model_type!r}" if model_type else "no config.json of a model"
    raise BundleError(
        f"{name} holds {found}: supported are bundles of cpd and, from transformers, {supported}"
    )


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads the weights of `folder` from.

    Raises:
        BundleError: there are none, or a shard is missing.
    """
    for stem in ("model.safetensors", "pytorch_model.bin"):
        if (folder / stem).is_file():
            return [folder / stem]
        index = folder / f"{stem}.index.json"
        if index.is_file():
            shards = sorted(set(read_transformers_json(index).get("weight_map", {}).values()))
            for shard in shards:
                if not (folder / shard).is_file():
                    raise BundleError(f"{folder.name} lacks {shard}, one part of its weights")
            return [folder / shard for shard in shards]
    raise BundleError(f"{folder.name} has no weights: expected model.safetensors")


def load_parts(folder: Path, *, name: str) -> ModelParts:
    """Everything that the folder holds, checked and in memory; takes seconds.

    Args:
        name: what the person called it, for messages.

    Raises:
        BundleError: another kind of model, or something is missing or damaged.
    """
    family = family_of(folder, name=name)
    weights = weight_files(folder)
    model = _load_model(folder, family, name=name)
    preprocessing = _read_preprocessing(folder, family, model.config, name=name)
    num_frames = FRAMES_PER_CLIP
    if family.looks_at_clips:
        num_frames = int(model.config.vision_config.num_frames)
    return ModelParts(
        family=family,
        model=model,
        tokenizer=_load_tokenizer(folder, family, model.config.text_config, name=name),
        preprocessing=preprocessing,
        num_frames=num_frames,
        fingerprint=_fingerprint(folder, weights, preprocessing, num_frames=num_frames),
    )


def _load_model(folder: Path, family: Family, *, name: str) -> Any:
    import torch
    import transformers

    model_class = getattr(transformers, family.model_class)
    try:
        with no_progress_bars():
            # float32 first, whatever the folder says: the towers' dtype is the device's choice.
            model, report = model_class.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
            )
    except (*_LOADING_ERRORS, SafetensorError, UnpicklingError) as error:
        raise BundleError(f"cannot load the weights of {name}: {_in_one_line(error)}") from error
    if absent := sorted(report["missing_keys"]):
        # transformers would go on with random numbers in their place.
        raise BundleError(
            f"the weights of {name} are incomplete: {len(absent)} of its tensors are missing, "
            f"such as {absent[0]}"
        )
    return model.eval()


def _load_tokenizer(folder: Path, family: Family, text_config: Any, *, name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except _LOADING_ERRORS as error:
        raise BundleError(f"cannot load the tokenizer of {name}: {_in_one_line(error)}") from error
    if tokenizer.pad_token is None:
        raise BundleError(f"the tokenizer of {name} has no padding token, which batches need")
    tokenizer.padding_side = "right"  # as every family was trained; some folders do not say
    end_of_text = text_config.eos_token_id
    # CLIP reads a text's features where its end token stands, and silently at 0 where it is not.
    # (2 stands in older configurations that were wrong, and is read as "the largest id".)
    if not family.fills_text and end_of_text not in (2, tokenizer("text")["input_ids"][-1]):
        raise BundleError(
            f"the tokenizer of {name} does not end a text with token {end_of_text}, "
            "where its text tower reads the features: the two do not belong together"
        )
    return tokenizer


def _in_one_line(error: BaseException) -> str:
    words = " ".join(str(error).split()).rstrip(" .:") or type(error).__name__
    return words if len(words) <= _LONGEST_REASON else f"{words[:_LONGEST_REASON]} ..."


def _read_preprocessing(
    folder: Path, family: Family, model_config: Any, *, name: str
) -> Preprocessing:
    config = read_image_config(folder)
    tower = model_config.vision_config
    if family.any_shape:
        max_patches = int(config.get("max_num_patches", tower.num_patches))
        frame_size = math.isqrt(max_patches) * int(tower.patch_size)
        return squashed_to(config, model=name, frame_size=frame_size)
    return preprocessing_of(
        config, model=name, crops=family.crops, tower_size=int(tower.image_size)
    )


def _fingerprint(
    folder: Path, weights: list[Path], preprocessing: Preprocessing, *, num_frames: int
) -> str:
    """64 hex digits over the weights, the configuration, the tokenizer and the preprocessing."""
    config = read_transformers_json(folder / "config.json")
    facts = {
        "arithmetic": _ARITHMETIC_VERSION,
        "config": {key: config[key] for key in config if key not in _NOTES_OF_CONFIG},
        "preprocessing": asdict(preprocessing),
        "num_frames": num_frames,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in weights:
        contents = hash_weights(path) if path.suffix == ".safetensors" else _hash_file(path)
        digest.update(f"{path.name} {contents}\n".encode())
    for path in (folder / file_name for file_name in ALL_TOKENIZER_FILES):
        if path.is_file():
            digest.update(f"{path.name} {_hash_file(path)}\n".encode())
    return digest.hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
