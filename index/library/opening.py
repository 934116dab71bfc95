"""A library together with the model that it needs: for adding to it, and for searching it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cpd_model.encoder import Encoder, TextEncoder
from index.catalog.records import LibrarySettings
from index.errors import IndexMismatchError, LibraryNotFoundError
from index.library.library import Library
from index.segments import SHORTEST_SECONDS, Windows

WINDOW_SECONDS = 4.0
"""Of a new library, where nobody says otherwise; the hop is half the window."""

LoadEncoder: TypeAlias = Callable[[str | None, str], Encoder]
"""From a model's name (None for the default) and a device to the model."""

LoadTextEncoder: TypeAlias = Callable[[str | None, str], TextEncoder]
"""The same where texts are all that it will be asked for."""


class OpenLibrary(NamedTuple):
    """A library, and the model that its vectors come from."""

    library: Library
    encoder: Encoder


class SearchableLibrary(NamedTuple):
    """A library, and what makes its queries of texts."""

    library: Library
    encoder: TextEncoder


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
) -> OpenLibrary:
    """Open the library in a folder, or make it there; a library keeps what it was made with.

    Args:
        model: None takes the library's own, or the default model for a new library.
        window_seconds: None takes the library's own, or 4.
        hop_seconds: None takes the library's own, or half the window.

    Raises:
        IndexMismatchError: the library was made with another model, window or hop.
        CPDError: no library can be opened or made there, or the model cannot be had.
    """
    load = load or _load_encoder
    try:
        library = Library.open(folder)
    except LibraryNotFoundError:
        windows = choose_windows(window_seconds, hop_seconds)
        encoder = load(_absolute(model), device)
        settings = LibrarySettings(
            model=_absolute(encoder.name) or encoder.name,
            fingerprint=encoder.fingerprint,
            embed_dim=encoder.embed_dim,
            window_seconds=windows.window_seconds,
            hop_seconds=windows.hop_seconds,
        )
        return OpenLibrary(Library.create(folder, settings), encoder)
    try:
        _refuse_other_windows(folder, library.settings, window_seconds, hop_seconds)
        encoder = load(_absolute(model) or library.settings.model, device)
        library.require(fingerprint=encoder.fingerprint, model=encoder.name)
    except BaseException:
        library.close()
        raise
    return OpenLibrary(library, encoder)


def open_for_search(
    folder: Path, *, device: str = "auto", load: LoadTextEncoder | None = None
) -> SearchableLibrary:
    """Open a library and, for texts alone, the model that made it.

    Raises:
        LibraryNotFoundError: there is no library in that folder.
        IndexMismatchError: the model of that name is not the one that made it any more.
    """
    load = load or _load_text_encoder
    library = Library.open(folder, device=device)
    try:
        encoder = load(library.settings.model, device)
        library.require(fingerprint=encoder.fingerprint, model=encoder.name)
    except BaseException:
        library.close()
        raise
    return SearchableLibrary(library, encoder)


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


def _absolute(model: str | None) -> str | None:
    """A model's folder must be found again from any working directory."""
    if model is not None and Path(model).expanduser().is_dir():
        return str(Path(model).expanduser().resolve())
    return model


def _load_encoder(model: str | None, device: str) -> Encoder:
    from cpd_model.loading import load_encoder

    return load_encoder(model, device=device)


def _load_text_encoder(model: str | None, device: str) -> TextEncoder:
    from cpd_model.loading import load_text_encoder

    return load_text_encoder(model, device=device)
