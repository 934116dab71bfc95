"""A library together with the model that it needs to grow."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cpd_model.devices import check_device_word
from cpd_model.encoder import Encoder
from index.catalog.records import LibrarySettings
from index.errors import IndexMismatchError, LibraryNotFoundError
from index.library.library import Library
from index.segments import SHORTEST_SECONDS, Windows

WINDOW_SECONDS = 4.0
"""Of a new library, where nobody says otherwise; the hop is half the window."""

LoadEncoder: TypeAlias = Callable[[str | None, str], Encoder]
"""From a model's name (None for the default) and a device to the model."""


class GrowingLibrary(NamedTuple):
    """A library, and what loads the model that its vectors come from."""

    library: Library

    load_encoder: Callable[[], Encoder]
    """Loads it the first time; an IndexMismatchError where it is not the library's."""


def choose_windows(window_seconds: float | None, hop_seconds: float | None) -> Windows:
    """What was asked for, and where nothing was, 4 s and half the window.

    Raises:
        InputError: a number that is not positive or too small, or a hop that would leave gaps.
    """
    window = WINDOW_SECONDS if window_seconds is None else window_seconds
    hop = max(window / 2, SHORTEST_SECONDS) if hop_seconds is None else hop_seconds
    return Windows(window, hop)


def open_for_adding(
    folder: Path,
    *,
    model: str | None = None,
    window_seconds: float | None = None,
    hop_seconds: float | None = None,
    device: str = "auto",
    load: LoadEncoder | None = None,
) -> GrowingLibrary:
    """Open the library in a folder, or make it there; a library keeps what it was made with.

    The model of a new library is loaded here, that of an old one when it is asked for.

    Args:
        model: None takes the library's own, or the default model for a new library.
        window_seconds: None takes the library's own, or 4.
        hop_seconds: None takes the library's own, or half the window.

    Raises:
        IndexMismatchError: the library was made with another model, window or hop.
        CPDError: no library can be opened or made there, or the model cannot be had.
    """
    load = load or _load_encoder
    check_device_word(device)  # which the loading of the model would tell too late, or never
    try:
        library = Library.open(folder)
    except LibraryNotFoundError:
        windows = choose_windows(window_seconds, hop_seconds)
        encoder = load(None if model is None else absolute_name(model), device)
        settings = LibrarySettings(
            model=absolute_name(encoder.name),
            fingerprint=encoder.fingerprint,
            embed_dim=encoder.embed_dim,
            window_seconds=windows.window_seconds,
            hop_seconds=windows.hop_seconds,
        )
        return GrowingLibrary(Library.create(folder, settings), lambda: encoder)

    @functools.cache
    def load_encoder() -> Encoder:
        encoder = load(library.settings.model if model is None else absolute_name(model), device)
        library.require(fingerprint=encoder.fingerprint, model=encoder.name)
        return encoder

    try:
        _refuse_other_windows(folder, library.settings, window_seconds, hop_seconds)
        if model is not None and not _is_known_to_fit(library, model):
            load_encoder()
    except BaseException:
        library.close()
        raise
    return GrowingLibrary(library, load_encoder)


def _is_known_to_fit(library: Library, model: str) -> bool:
    """Whether it can be told without loading it that a model is the library's.

    Raises:
        IndexMismatchError: it can be told that it is another.
    """
    from cpd_model.loading import known_fingerprint

    fingerprint = known_fingerprint(model)
    if fingerprint is None:
        return absolute_name(model) == library.settings.model
    library.require(fingerprint=fingerprint, model=model)
    return True


def _refuse_other_windows(
    folder: Path, settings: LibrarySettings, window_seconds: float | None, hop_seconds: float | None
) -> None:
    asked = (("window", window_seconds), ("hop", hop_seconds))
    for name, value in asked:
        stored = getattr(settings, f"{name}_seconds")
        if value is not None and value != stored:
            raise IndexMismatchError(
                f"the library in {folder} has a {name} of {stored:g} s, not {value:g} s: "
                f"leave {name} out, or index into another folder"
            )


def absolute_name(model: str) -> str:
    """A model's folder must be found again from any working directory."""
    if Path(model).expanduser().is_dir():
        return str(Path(model).expanduser().resolve())
    return model


def _load_encoder(model: str | None, device: str) -> Encoder:
    from cpd_model.loading import load_encoder

    return load_encoder(model, device=device)
