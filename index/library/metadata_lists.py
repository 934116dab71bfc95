"""Lists of metadata for many videos: a JSON object a line (.jsonl), or a table (.csv).

    {"path": "clips/a.mp4", "camera": "A7", "gps": {"lat": 48.9}}

    path,camera,gps.lat
    clips/a.mp4,A7,48.9

`path` (relative to the list, or absolute) or `id` names the video; everything else is said of it.
"""

import csv
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from cpd_model.errors import InputError
from index.documents import JsonValue, parse_object
from index.ingest.files import path_text, printable
from index.library.selection import VideoName

_NAMES = ("path", "id")
"""What names a video; all else is said of it."""

_Line: TypeAlias = tuple[int, Callable[[], dict[str, Any]]]
"""Its number, and what reads it or raises InputError."""


def read_metadata_list(path: Path) -> Iterator[tuple[VideoName, dict[str, Any]]]:
    """Each video of a list and what is said of it, in the order of the lines.

    Raises:
        InputError: the list cannot be read, or a line of it is not what it should be; names it.
    """
    readers = {".jsonl": _json_lines, ".csv": _table_lines}
    if path.suffix.lower() not in readers:
        raise InputError(f"{printable(path)} is no list of metadata: name a .jsonl or a .csv file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, read in readers[path.suffix.lower()](file):
                try:
                    yield _named(read(), path.parent)
                except InputError as error:
                    raise InputError(f"line {number} of {printable(path)}: {error}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {printable(path)}: {reason}") from error


def parse_value(text: str) -> JsonValue:
    """A value that a person wrote: as JSON where it is some, else a text as it stands."""
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text
    return value


def _json_lines(file: TextIO) -> Iterator[_Line]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, partial(parse_object, line)


def _table_lines(file: TextIO) -> Iterator[_Line]:
    table = csv.DictReader(file, strict=True)
    header = list(table.fieldnames or [])
    if len(set(header)) < len(header) or not set(_NAMES) & set(header):
        raise InputError("a table of metadata needs a column path or id, and no column twice")
    for row in table:
        yield table.line_num, partial(_of_row, row)


def _of_row(row: dict[Any, Any]) -> dict[str, Any]:
    if None in row:
        raise InputError("it has more cells than the table has columns")
    return {key: text if key in _NAMES else parse_value(text) for key, text in row.items() if text}


def _named(values: dict[str, Any], folder: Path) -> tuple[VideoName, dict[str, Any]]:
    path, video_id = values.pop("path", None), values.pop("id", None)
    if (path is None) == (video_id is None):
        raise InputError("it must name a video by path or by id, by one of them")
    name = video_id if path is None else path
    if not isinstance(name, str) or not name:
        raise InputError("the path or id of a video is a text")
    path_text(name)  # told here, where the line is known
    return (name if path is None else os.path.join(folder, name)), values


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
