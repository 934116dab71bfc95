"""What people pass as paths and models, made into what the packages take."""

import os
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path
from typing import TypeAlias

from cpd_model.encoder import Encoder
from cpd_model.errors import InputError
from cpd_model.loading import load_encoder

AnyPath: TypeAlias = str | os.PathLike[str]
"""A path as people write it: `~` is their home folder."""

AnyModel: TypeAlias = str | os.PathLike[str] | Encoder | None
"""A model's name, its folder, a hub's org/name, or one that is loaded; None: the default model."""


def expanded(path: AnyPath, *, what: str) -> Path:
    """The path with `~` expanded.

    Args:
        what: the name of the argument, for the sentence.

    Raises:
        InputError: no file can have it: it is empty, or holds a null character.
        TypeError: it is no path.
    """
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(name, str):
        raise TypeError(f"{what} is a path, a str or a Path, got {type(path).__name__}")
    if not name:
        # the working folder, had we asked pathlib: `add("")` would index all of it
        raise InputError(f"{what} is an empty path: name one, or '.' for the working folder")
    if "\0" in name:
        raise InputError(f"{what} holds a null character, which no path can: {name!r}")
    return Path(os.path.expanduser(name))


def optional(path: AnyPath | None, *, what: str) -> Path | None:
    """The same of a path that may be left out."""
    return None if path is None else expanded(path, what=what)


def paths_of(paths: AnyPath | Iterable[AnyPath], *, what: str) -> list[Path]:
    """One path, or several, each with `~` expanded.

    Raises:
        TypeError: one of them is no path.
    """
    listed = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else paths
    if not isinstance(listed, Iterable):
        raise TypeError(f"{what} is a path or a list of paths, got {type(paths).__name__}")
    return [expanded(path, what=f"each of {what}") for path in listed]


def texts_of(words: Iterable[str], *, what: str) -> list[str]:
    """A list of texts; one text is refused, for it would be taken for its letters.

    Raises:
        TypeError: it is one text, or not all of it is text.
    """
    if isinstance(words, str):
        raise TypeError(f"{what} is a list of texts, such as [{words!r}], got the text {words!r}")
    listed = list(words) if isinstance(words, Iterable) else [words]
    for word in listed:
        if not isinstance(word, str):
            raise TypeError(f"{what} is a list of texts, got {type(word).__name__} in it")
    return listed


def path_or_texts(given: AnyPath | Iterable[str], *, what: str) -> Path | list[str]:
    """A path with `~` expanded, or a list of texts; one text is a path.

    Raises:
        InputError: no file can have the path.
        TypeError: it is neither.
    """
    if isinstance(given, (str, bytes, os.PathLike)):
        return expanded(given, what=what)
    if not isinstance(given, Iterable):
        raise TypeError(f"{what} is a path or a list of texts, got {type(given).__name__}")
    return texts_of(given, what=what)


def whole_number(number: object, *, what: str) -> int:
    """The same, where it is one.

    Raises:
        TypeError: it is no whole number; True is none.
    """
    if isinstance(number, bool) or not isinstance(number, Integral):
        raise TypeError(f"{what} is a whole number, got {_told(number)}")
    return int(number)


def text(value: object, *, what: str) -> str:
    """The same, where it is one.

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} is a text, got {_told(value)}")
    return value


def _told(value: object) -> str:
    return f"the {type(value).__name__} {value!r}"


def checked_model(model: AnyModel) -> AnyModel:
    """The same.

    Raises:
        TypeError: it is neither a name, a path nor an encoder.
    """
    if not (model is None or isinstance(model, (str, os.PathLike, Encoder))):
        raise TypeError(
            f"model is a name, a folder or what load_encoder gave, got {type(model).__name__}"
        )
    return model


def encoder_of(model: AnyModel, *, device: str) -> Encoder:
    """The model that is meant, ready to answer.

    Raises:
        CPDError: it cannot be had; see cpd_model.loading.
        TypeError: it is neither a name, a path nor an encoder.
    """
    asked = checked_model(model)
    return asked if isinstance(asked, Encoder) else load_encoder(asked, device=device)


def name_of(model: str | os.PathLike[str]) -> str:
    """The name or folder of a model, for what opens its weights anew.

    Raises:
        TypeError: it is neither.
    """
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(
            f"model is the name or the folder of one, for its weights are trained on, "
            f"got {type(model).__name__}"
        )
    return os.fspath(model)
