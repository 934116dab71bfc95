"""A model bundle: one folder that holds all that must never be mixed up between models.

    config.json             towers, shared space                     CPDConfig
    model.safetensors       weights                                  CPDModel
    processor_config.json   frame size, sampling, mean, std          CPDProcessor
    tokenizer*.json ...     the text tower's tokenizer
    bundle.json             fingerprint and checksums of all of these, see bundles.record

Importing this module does not import torch; opening or saving a bundle does.
"""

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpd_model.bundles.record import (
    BUNDLE_FILE,
    REMEDY,
    BundleRecord,
    changes_since,
    check_unchanged,
    read_record,
    write_record,
)
from cpd_model.encoder import ClipSpec
from cpd_model.encoders.progress_bars import no_progress_bars
from cpd_model.errors import BundleError, ModelNotFoundError
from cpd_model.fingerprint import (
    CONFIG_FILE,
    PROCESSOR_FILE,
    WEIGHTS_FILE,
    read_bundle_json,
    tensors_of,
)

if TYPE_CHECKING:
    import torch

    from cpd_model.encoders.cpd_encoder import CPDEncoder
    from cpd_model.model import CPDModel
    from cpd_model.processor import CPDProcessor


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleFacts:
    """What a person asks of a bundle; read from its small files alone."""

    folder: Path
    fingerprint: str
    video_tower: str
    """`frames` or `resnet3d`."""

    video_options: dict[str, Any]
    text_encoder: str
    """The Hugging Face type of the text encoder, such as `bert`."""

    max_tokens: int
    embed_dim: int
    temperature: float
    clip_spec: ClipSpec
    num_parameters: int
    """Values in the weights file, constants included."""

    size_bytes: int
    """Of all files of the folder."""


def save_bundle(model: "CPDModel", processor: "CPDProcessor", folder: Path) -> str:
    """Write a complete bundle and return its fingerprint; the folder appears whole or not at all.

    Two processes may save the same bundle at once: both end well, one folder stands.

    Raises:
        BundleError: the folder already holds something else.
        ValueError: model and processor contradict each other.
    """
    check_agreement(model.config.to_dict(), processor.settings())

    def write(partial: Path) -> None:
        processor.save_pretrained(partial)
        with no_progress_bars():
            model.save_pretrained(partial, max_shard_size="1TB")
        write_record(partial)
        for path in partial.iterdir():
            path.chmod(0o644)  # weights come as 0600, and who runs the service may be another user

    return write_folder(folder, write)


def write_folder(folder: Path, write: "Callable[[Path], None]") -> str:
    """Let `write` fill a folder beside `folder`, then rename it: complete or absent.

    Returns:
        The fingerprint of the bundle that stands in `folder` now.

    Raises:
        BundleError: `folder` already holds another bundle, or something else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
    partial.mkdir()
    try:
        write(partial)
        made = read_record(partial)
        try:
            partial.rename(folder)
        except OSError as error:  # it exists and is not empty: somebody was faster, or it is in use
            if not folder.exists():
                raise
            _accept_equal(folder, made, error)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return made.fingerprint


def open_bundle(
    folder: Path,
    *,
    device: str = "cpu",
    name: str | None = None,
    dtype: "torch.dtype | None" = None,
) -> "CPDEncoder":
    """The encoder in a folder, ready to answer.

    All that changes an answer is checked, weights included: a bundle whose files were exchanged
    would search a library of another space without a word, or label by another temperature.
    Hashing costs about a tenth of a second for 100 MB, little beside loading them.

    Args:
        device: `cpu` or `cuda:N`, as cpd_model.devices.choose_device gives it.
        name: what the encoder calls itself; None: the folder.
        dtype: what the towers compute with; None: float32 on a CPU, half precision on a GPU.

    Raises:
        ModelNotFoundError: there is no such folder, or no bundle in it.
        BundleError: the bundle is incomplete, damaged, changed or of another format.
    """
    from cpd_model.encoders.cpd_encoder import make_encoder

    fingerprint = recorded_fingerprint(folder)
    model, processor = open_model(folder)
    return make_encoder(
        model,
        processor,
        name=name or str(folder),
        fingerprint=fingerprint,
        device=device,
        dtype=dtype,
    )


def open_model(folder: Path) -> "tuple[CPDModel, CPDProcessor]":
    """The model in a folder as it was saved, to train on: in evaluation mode, on the CPU.

    Raises:
        ModelNotFoundError: there is no such folder, or no bundle in it.
        BundleError: the bundle is incomplete, damaged, changed or of another format.
    """
    from cpd_model.processor import CPDProcessor

    check_unchanged(folder)
    try:
        model, wrong = _load_model(folder)
        processor = CPDProcessor.from_pretrained(folder)
        check_agreement(model.config.to_dict(), processor.settings())
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise BundleError(f"cannot open the bundle {folder}: {error}; {REMEDY}") from error
    if wrong:
        raise BundleError(
            f"the weights of the bundle {folder} do not fit its configuration: {wrong[0]} "
            f"and {len(wrong) - 1} others are missing, unknown or of another shape; {REMEDY}"
        )
    return model, processor


def recorded_fingerprint(folder: Path) -> str:
    """The fingerprint that the bundle says it has.

    Raises:
        ModelNotFoundError: there is no such folder, or no bundle in it.
        BundleError: bundle.json is damaged or of another format.
    """
    return read_record(folder).fingerprint


def verify_bundle(folder: Path) -> list[str]:
    """All that is wrong with a bundle, one sentence each; an empty list means it is whole.

    Raises:
        ModelNotFoundError: there is no such folder, or no bundle in it.
    """
    try:
        record = read_record(folder)
    except BundleError as error:
        return [str(error)]
    problems = [
        f"{name} is missing"
        for name in dict.fromkeys([CONFIG_FILE, WEIGHTS_FILE, PROCESSOR_FILE, *record.beside])
        if not (folder / name).is_file()
    ]
    if problems:
        return problems
    try:
        changed = changes_since(record, folder)
        if not changed:  # else a number to compare may be gone
            check_agreement(
                read_bundle_json(folder / CONFIG_FILE), read_bundle_json(folder / PROCESSOR_FILE)
            )
    except (OSError, ValueError) as error:
        return [str(error)]
    problems = [f"the {part} changed after the bundle was made" for part in changed]
    if not problems and record.fingerprint != record.parts.fingerprint():
        problems.append(f"{BUNDLE_FILE} records another fingerprint than its parts give")
    return problems


def describe_bundle(folder: Path) -> BundleFacts:
    """Facts of a bundle, without loading its weights.

    Raises:
        ModelNotFoundError: there is no such folder, or no bundle in it.
        BundleError: a file is missing or damaged.
    """
    fingerprint = recorded_fingerprint(folder)
    try:
        config = read_bundle_json(folder / CONFIG_FILE)
        processor = read_bundle_json(folder / PROCESSOR_FILE)
        return BundleFacts(
            folder=folder,
            fingerprint=fingerprint,
            video_tower=config["video_tower"],
            video_options=config["video_options"],
            text_encoder=config["text_options"]["encoder"]["model_type"],
            max_tokens=processor["max_tokens"],
            embed_dim=config["embed_dim"],
            temperature=config["similarity_temperature"],
            clip_spec=ClipSpec(**processor["clip_spec"]),
            num_parameters=sum(_size(facts.shape) for facts in tensors_of(folder / WEIGHTS_FILE)),
            size_bytes=sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"the bundle {folder} is damaged: {error}; {REMEDY}") from error


def check_agreement(config: dict[str, Any], processor: dict[str, Any]) -> None:
    """Refuse a config.json and a processor_config.json that name different numbers.

    Raises:
        ValueError: they do.
        KeyError: one of them lacks a number.
    """
    flat = {**processor["clip_spec"], **processor}
    wanted = {**config, "max_tokens": config["text_options"]["max_tokens"]}
    for name in (
        *("num_frames", "frame_size", "resize", "short_side", "span_seconds"),
        *("image_mean", "image_std", "max_tokens"),
    ):
        if flat[name] != wanted[name]:
            raise ValueError(
                f"configuration and processor disagree on {name}: {wanted[name]} and {flat[name]}"
            )


def _load_model(folder: Path) -> "tuple[CPDModel, list[str]]":
    """The model in the folder, and the names of weights that do not fit it."""
    from cpd_model.model import CPDModel

    load: Any = CPDModel.from_pretrained  # its result depends on output_loading_info: untyped
    with no_progress_bars():
        model, loading = load(
            str(folder),
            local_files_only=True,
            output_loading_info=True,
            dtype="float32",  # half precision is for storing weights; autocast decides on computing
        )
    kinds = ("missing_keys", "unexpected_keys", "mismatched_keys")
    return model, [str(name) for kind in kinds for name in loading[kind]]


def _accept_equal(folder: Path, made: BundleRecord, error: OSError) -> None:
    try:
        standing = read_record(folder)
    except (BundleError, ModelNotFoundError):
        standing = None
    if standing != made:
        raise BundleError(
            f"the folder {folder} already holds something else; choose another folder, or remove it"
        ) from error


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
