"""From what a person calls a model to an encoder that answers.

    cpd-start        the embedded default, made in the user's cache on first use
    a folder         a bundle of cpd, or a dual encoder of transformers
    org/name         the same from a hub, fetched once

A folder wins over a hub name, and a built-in name over both; `./cpd-start` is the folder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock

from cpd_model.bundle import is_bundle, open_bundle, verify_bundle
from cpd_model.defaults import DEFAULT_MODEL
from cpd_model.devices import choose_device
from cpd_model.encoder import Encoder
from cpd_model.errors import BundleError, ModelError, ModelNotFoundError
from cpd_model.hub import cached_models, fetch, is_hub_name
from cpd_model.start import START_NAME, make_start, start_folder

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
    model: str | None = None, *, device: str = "auto", on_message: OnMessage | None = None
) -> Encoder:
    """The encoder that `model` names, ready to answer; seconds, or a minute on a first use.

    Args:
        model: `cpd-start`, a folder or `org/name`; None: the default model.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        on_message: told about a model that is made or fetched first.

    Raises:
        DeviceError: that device is not there.
        ModelNotFoundError: no model of that name is within reach.
        BundleError: the model is damaged, incomplete or of a kind that is not supported.
    """
    name = DEFAULT_MODEL if model is None else model
    chosen = choose_device(device)
    folder = find_model(name, on_message=on_message)
    if is_bundle(folder):
        return open_bundle(folder, device=chosen, name=name)
    from cpd_model.adapters import open_adapter

    return open_adapter(folder, name=name, device=chosen)


def find_model(model: str | None = None, *, on_message: OnMessage | None = None) -> Path:
    """The folder of the model that `model` names; made or fetched first where it must be.

    Raises:
        ModelNotFoundError: no model of that name is within reach.
        ModelError: `cpd-start` cannot be made here.
    """
    name = DEFAULT_MODEL if model is None else model
    if name == START_NAME:
        return ensure_start(on_message=on_message)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder
    if is_hub_name(name):
        return fetch(name, on_message=on_message)
    raise ModelNotFoundError(
        f"no model {name!r}: expected {START_NAME}, the folder of a model, or a hub name such as "
        "openai/clip-vit-base-patch32"
    )


def ensure_start(*, on_message: OnMessage | None = None) -> Path:
    """The folder of `cpd-start` in the user's cache; made now if this is its first use.

    Several processes may ask at once: one makes it and the others wait.

    Raises:
        ModelError: the cache cannot be written.
    """
    folder = start_folder()
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not folder.is_dir():
                if on_message:
                    on_message(f"making {START_NAME} in {folder}, once (under a minute)")
                make_start(folder)
    except OSError as error:
        raise ModelError(
            f"cannot make {START_NAME} in {folder.parent} ({error.strerror or error}): "
            "set CPD_CACHE to a folder that can be written"
        ) from error
    return folder


def list_models() -> list[ModelFacts]:
    """The models that have a name here: the built-in one and those in the cache of the hub.

    Folders are not listed: they have a name wherever they stand.
    """
    start = start_folder()
    built_in = ModelFacts(
        name=START_NAME,
        kind="built in",
        folder=start,
        ready=start.is_dir(),
        default=DEFAULT_MODEL == START_NAME,
    )
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
    return [built_in, *fetched]


def verify_model(folder: Path, *, name: str) -> list[str]:
    """All that is wrong with the model in `folder`, one sentence each; empty means it is whole.

    A bundle is compared with the fingerprint that it was saved with, to the last byte of its
    weights. A folder of transformers records none: it is opened, which finds what is missing.
    """
    if is_bundle(folder):
        return verify_bundle(folder)
    from cpd_model.adapters import open_adapter

    try:
        open_adapter(folder, name=name, device="cpu")
    except BundleError as error:
        return [str(error)]
    return []
