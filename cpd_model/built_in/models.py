"""The models that a fresh machine has by name, made in the user's cache from what is installed.

cpd-base     the default: cpd-start's towers with a head trained on real captions (shipped.py)
cpd-start    no video and no caption of ours: weights that pip packages carry (start.py)
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from cpd_model.built_in.shipped import BASE_NAME, BASE_NOTES, BASE_TERMS, base_folder, make_base
from cpd_model.built_in.start import START_NAME, START_NOTES, START_TERMS, make_start, start_folder
from cpd_model.errors import ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltIn:
    """A model that has a name everywhere."""

    name: str

    folder: Callable[[], Path]
    """Where it stands, or will stand once it was made."""

    make: Callable[[Path], None]
    """Makes it in a folder: seconds, no network, whole or not at all."""

    terms: tuple[str, ...]
    """Whose the weights are, and under which licence."""

    notes: tuple[str, ...]
    """What to expect of it."""

    label_weakness: str
    """What to know before trusting its labels, as one sentence."""


BUILT_INS = {
    BASE_NAME: BuiltIn(
        name=BASE_NAME,
        folder=base_folder,
        make=make_base,
        terms=BASE_TERMS,
        notes=BASE_NOTES,
        label_weakness=(
            f"{BASE_NAME} learned from captions, not from labels: with the 101 actions of UCF101 "
            "to choose from it names the right one for about one clip in four (118 clips, 108 of "
            "them of three actions), so take labels as a hint"
        ),
    ),
    START_NAME: BuiltIn(
        name=START_NAME,
        folder=start_folder,
        make=make_start,
        terms=START_TERMS,
        notes=START_NOTES,
        label_weakness=(
            f"{START_NAME} never saw a video with its action named, so its labels are weak; "
            "a model trained on captioned video does better"
        ),
    ),
}
"""By name, the default first."""


def ensure_built_in(name: str, *, on_message: Callable[[str], None] | None = None) -> Path:
    """The folder of a built-in model in the user's cache; made now if this is its first use.

    Several processes may ask at once: one makes it and the others wait.

    Raises:
        ModelError: the cache cannot be written.
        ModelNotFoundError: a pip package that carries weights is not installed.
    """
    model = BUILT_INS[name]
    folder = model.folder()
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not folder.is_dir():
                if on_message:
                    on_message(f"making {name} in {folder}, once (under a minute)")
                model.make(folder)
    except OSError as error:
        raise ModelError(
            f"cannot make {name} in {folder.parent} ({error.strerror or error}): "
            "set CPD_CACHE to a folder that can be written"
        ) from error
    return folder


def built_in_of(name: str, folder: Path) -> BuiltIn | None:
    """The built-in model that was asked for by this name, or that stands in this folder."""
    if name in BUILT_INS:
        return BUILT_INS[name]
    for model in BUILT_INS.values():
        if model.folder().resolve() == folder.resolve():
            return model
    return None
