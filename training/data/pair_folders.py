"""Folders of media with texts of the same name beside them.

    a/dog.mp4  a/dog.txt              one caption a line
    a/cat.mp4  a/cat.json             {"caption": ...}, {"captions": [...]} or {"title": ...}
    a/bird.mp4 a/bird.info.json       what yt-dlp writes: {"title": ...}
    a/walk/    a/walk.txt             a folder of frames

Of several texts the first that says something counts, in the order of `captions_of_texts`.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from cpd_model.errors import InputError
from index.video.extensions import MEDIA_EXTENSIONS
from training.data.pair import ManifestRow, as_captions
from training.data.tables import parse_json

TEXT_EXTENSIONS = (".txt", ".json", ".info.json")
"""Names of texts beside a medium, in lower case with the dot."""


def read_folder(folder: Path) -> list[ManifestRow]:
    """The pairs of a folder, see `texts_below`.

    Raises:
        InputError: as there, or nothing in the folder is a medium with a text.
    """
    found = list(texts_below(folder))
    if not found:
        raise InputError(
            f"no video or picture in {folder.name} has a text beside it; "
            "expected clip.mp4 with clip.txt, clip.json or clip.info.json, or .tar shards"
        )
    return found


def texts_below(folder: Path) -> Iterator[ManifestRow]:
    """The media below a folder that have a text, folder by folder; ids are paths below it.

    A folder counts as one of frames where a text of its name stands beside it. Hidden files and
    media without a text are passed over.

    Raises:
        InputError: a folder cannot be listed, or a text cannot be read.
    """
    for medium in _media_below(folder):
        texts = _texts_beside(medium)
        if texts:
            yield _row(medium, texts, medium.relative_to(folder).as_posix())


def captions_of_texts(
    texts: Iterable[str], read: Callable[[str], bytes], where: Callable[[str], str]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Captions from the texts about one medium, and the JSON beside it, which may hold more.

    The first of these that says something: `captions` and `caption` of .json, the lines of .txt,
    `title` of .json, `title` of .info.json.

    Args:
        texts: which of TEXT_EXTENSIONS there are.
        read: the content behind one of them.
        where: what an error names.
    """
    contents = {extension: read(extension) for extension in texts}
    jsons = {
        extension: parse_json(content, where(extension))
        for extension, content in contents.items()
        if extension != ".txt"
    }
    own = jsons.get(".json", {})
    place = where(".json")
    captions = as_captions(own.get("caption"), place)
    captions = as_captions(own.get("captions"), place) or captions
    captions = captions or _lines(contents.get(".txt", b""), where(".txt"))
    for extension in (".json", ".info.json"):
        title = jsons.get(extension, {}).get("title")
        captions = captions or as_captions(title, where(extension))
    return captions, own


def word_in(more: dict[str, Any], name: str) -> str:
    """A text of the JSON beside a medium; empty where it is none."""
    word = more.get(name)
    return word.strip() if isinstance(word, str) else ""


def _row(medium: Path, texts: dict[str, Path], name: str) -> ManifestRow:
    captions, more = captions_of_texts(
        texts,
        read=lambda extension: _read(texts[extension]),
        where=lambda extension: texts.get(extension, medium).name,
    )
    return ManifestRow(
        where=name,
        id=name,
        path=Path(os.path.abspath(medium)),
        written_path=name,
        captions=captions,
        split=word_in(more, "split"),
        label=word_in(more, "label"),
        group=word_in(more, "group"),
    )


def _media_below(folder: Path) -> Iterator[Path]:
    """Media files and folders of frames, sorted; folders of frames are not walked."""

    def stop(error: OSError) -> None:
        raise InputError(f"cannot list {error.filename}: {error.strerror}") from error

    entered: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=stop, followlinks=True):
        here, real = Path(place), os.path.realpath(place)
        if real in entered:  # a link that leads back up
            folders.clear()
            continue
        entered.add(real)
        names = sorted([name for name in files if Path(name).suffix.lower() in MEDIA_EXTENSIONS])
        frames = [name for name in folders if _texts_beside(here / name, is_folder=True)]
        folders[:] = sorted(
            name for name in folders if name not in frames and not name.startswith(".")
        )
        for name in sorted([*names, *frames]):
            if not name.startswith("."):
                yield here / name


def _texts_beside(medium: Path, *, is_folder: bool | None = None) -> dict[str, Path]:
    folder = medium.is_dir() if is_folder is None else is_folder
    stem = medium.name if folder else medium.stem
    texts = {extension: medium.with_name(stem + extension) for extension in TEXT_EXTENSIONS}
    return {extension: path for extension, path in texts.items() if path.is_file()}


def _lines(content: bytes, where: str) -> tuple[str, ...]:
    try:
        return as_captions(content.decode("utf-8-sig").splitlines(), where)
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 text: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
