"""From what a person calls a model to an encoder that answers.

    cpd-base         the default, made in the user's cache on first use; so is cpd-start
    a folder         a bundle of cpd, or a dual encoder of transformers
    org/name         the same from a hub, fetched once

A folder wins over a hub name, and a built-in name over both; `./cpd-start` is the folder.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cpd_model.built_in.defaults import DEFAULT_MODEL
from cpd_model.built_in.models import BUILT_INS, ensure_built_in
from cpd_model.bundles.bundle import open_bundle, recorded_fingerprint, verify_bundle
from cpd_model.bundles.hub import cached_models, fetch, is_hub_name
from cpd_model.bundles.record import is_bundle
from cpd_model.bundles.text_alone import open_text_encoder
from cpd_model.devices import choose_device
from cpd_model.encoder import Encoder, TextEncoder
from cpd_model.errors import BundleError, ModelNotFoundError

OnMessage = Callable[[str], None]
"""Told, in one line for a person, about what takes longer than usual."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """A model that can be asked for by name."""

    name: str

    kind: Literal["built in", "hub cache"]

    folder: Path
    """Where it stands, or will stand once it is made."""

    ready: bool
    """Whether it stands there already."""

    default: bool
    """Whether it answers where nobody names a model."""


def load_encoder(
    model: str | os.PathLike[str] | None = None,
    *,
    device: str = "auto",
    on_message: OnMessage | None = None,
) -> Encoder:
    """The encoder that `model` names, ready to answer; seconds, or a minute on a first use.

    Args:
        model: `cpd-base`, `cpd-start`, a folder or `org/name`; None: the default model.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        on_message: told about a model that is made or fetched first.

    Raises:
        DeviceError: that device is not there.
        ModelNotFoundError: no model of that name is within reach.
        BundleError: the model is damaged, incomplete or of a kind that is not supported.
    """
    name = DEFAULT_MODEL if model is None else os.fspath(model)
    chosen = choose_device(device)
    folder = find_model(name, on_message=on_message)
    if is_bundle(folder):
        return open_bundle(folder, device=chosen, name=name)
    from cpd_model.encoders.adapters import open_adapter

    return open_adapter(folder, name=name, device=chosen)


def load_text_encoder(
    model: str | os.PathLike[str] | None = None,
    *,
    device: str = "auto",
    on_message: OnMessage | None = None,
) -> TextEncoder:
    """The same for texts alone: in a fraction of a second, without PyTorch, where that can be.

    It can for bundles of cpd whose text tower is a BERT or DistilBERT. All other models are loaded
    whole. The vectors are those of `load_encoder` but for the last digits of float32, and the
    fingerprint is the same.

    Args:
        device: where a GPU is named the model is loaded whole, onto it; `auto` is the CPU where
            PyTorch is not needed, for a few texts take no longer there.

    Raises:
        as load_encoder.
    """
    name = DEFAULT_MODEL if model is None else os.fspath(model)
    if device in ("auto", "cpu"):
        folder = find_model(name, on_message=on_message)
        if is_bundle(folder) and (encoder := open_text_encoder(folder, name=name)):
            return encoder
    return load_encoder(name, device=device, on_message=on_message)


def find_model(model: str | None = None, *, on_message: OnMessage | None = None) -> Path:
    """The folder of the model that `model` names; made or fetched first where it must be.

    Raises:
        ModelNotFoundError: no model of that name is within reach.
        ModelError: a built-in model cannot be made here.
    """
    name = DEFAULT_MODEL if model is None else model
    if name in BUILT_INS:
        return ensure_built_in(name, on_message=on_message)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder
    if is_hub_name(name):
        return fetch(name, on_message=on_message)
    raise ModelNotFoundError(
        f"no model {name!r}: expected {' or '.join(BUILT_INS)}, the folder of a model, or a hub "
        "name such as openai/clip-vit-base-patch32"
    )


def known_fingerprint(model: str) -> str | None:
    """The fingerprint that the bundle named `model` has on record, read without loading it.

    None where nothing tells it so cheaply: a built-in model that was not made yet, a folder of
    transformers, a name of the hub.

    Raises:
        BundleError: what the bundle has on record is damaged.
    """
    folder = BUILT_INS[model].folder() if model in BUILT_INS else Path(model).expanduser()
    return recorded_fingerprint(folder) if is_bundle(folder) else None


def list_models() -> list[ModelFacts]:
    """The models that have a name here: the built-in ones and those in the cache of the hub.

    Folders are not listed: they have a name wherever they stand.
    """
    built_in = [
        ModelFacts(
            name=model.name,
            kind="built in",
            folder=model.folder(),
            ready=model.folder().is_dir(),
            default=model.name == DEFAULT_MODEL,
        )
        for model in BUILT_INS.values()
    ]
    fetched = [
        ModelFacts(
            name=model.name,
            kind="hub cache",
            folder=model.folder,
            ready=True,
            default=model.name == DEFAULT_MODEL,
        )
        for model in cached_models()
    ]
    return [*built_in, *fetched]


def verify_model(folder: Path, *, name: str) -> list[str]:
    """All that is wrong with the model in `folder`, one sentence each; empty means it is whole.

    A bundle is compared with the fingerprint that it was saved with, to the last byte of its
    weights. A folder of transformers records none: it is opened, which finds what is missing.
    """
    if is_bundle(folder):
        return verify_bundle(folder)
    from cpd_model.encoders.adapters import open_adapter

    try:
        open_adapter(folder, name=name, device="cpu")
    except BundleError as error:
        return [str(error)]
    return []
