"""The files of an unpacked data set, found by name wherever they were put."""

import csv
import fnmatch
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from cpd_model.errors import InputError
from index.video.extensions import MEDIA_EXTENSIONS


class Tree:
    """All files below a folder, from one walk; hidden ones are passed over."""

    def __init__(self, root: Path) -> None:
        """
        Raises:
            InputError: there is no such folder, or it cannot be read.
        """
        if not root.is_dir():
            raise InputError(f"no folder {root}; name the folder that holds the unpacked data set")
        self.root = Path(os.path.abspath(root))
        self.files = sorted(_walk(self.root))
        self.media = [path for path in self.files if path.suffix.lower() in MEDIA_EXTENSIONS]
        self._by_name = _first_by(self.files, lambda path: path.name)
        self._media_by_stem = _first_by(self.media, lambda path: path.stem)
        self._media_by_two = _first_by(self.media, lambda path: f"{path.parent.name}/{path.stem}")

    def find(self, *names: str) -> Path | None:
        """The first file that has one of these names, which are tried in order."""
        return next((self._by_name[name] for name in names if name in self._by_name), None)

    def require(self, *names: str, where_from: str) -> Path:
        """`find`, or a sentence about what is missing.

        Raises:
            InputError: there is no such file; says `where_from` it is to be had.
        """
        found = self.find(*names)
        if found is None:
            raise InputError(f"no {' or '.join(names)} below {self.root}; {where_from}")
        return found

    def matching(self, pattern: str) -> list[Path]:
        """The files whose name fits a pattern of the shell, sorted by path."""
        return [path for path in self.files if fnmatch.fnmatchcase(path.name, pattern)]

    def medium(self, name: str) -> Path | None:
        """The medium of a name with or without its folder and extension.

        `Archery/v_1.avi` is looked for in a folder Archery first, then anywhere.
        """
        wanted = Path(name)
        stem = wanted.stem if wanted.suffix.lower() in MEDIA_EXTENSIONS else wanted.name
        inside = self._media_by_two.get(f"{wanted.parent.name}/{stem}")
        return inside or self._media_by_stem.get(stem)


def _first_by(paths: list[Path], key: Callable[[Path], str]) -> dict[str, Path]:
    first: dict[str, Path] = {}
    for path in paths:
        first.setdefault(key(path), path)
    return first


def read_lines(path: Path) -> list[str]:
    """Lines of a text file without their ends; blank ones are left out.

    Raises:
        InputError: it cannot be read as UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path} as UTF-8 text: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_annotations(path: Path, *columns: str) -> list[dict[str, str]]:
    """Rows of a CSV that must have these columns.

    Raises:
        InputError: it cannot be read, or a column is missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="", skipinitialspace=True)
            lacking = [name for name in columns if name not in (reader.fieldnames or [])]
            if lacking:
                raise InputError(
                    f"{path.name} has no column {lacking[0]}; expected {', '.join(columns)}"
                )
            return [dict(row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path} as a UTF-8 CSV file: {error}") from error


def _walk(root: Path) -> Iterator[Path]:
    def stop(error: OSError) -> None:
        raise InputError(f"cannot list {error.filename}: {error.strerror}") from error

    entered: set[str] = set()
    for place, folders, files in os.walk(root, onerror=stop, followlinks=True):
        real = os.path.realpath(place)
        if real in entered:  # a link that leads back up
            folders.clear()
            continue
        entered.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in files if not name.startswith("."))
