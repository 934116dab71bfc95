"""Rows of CSV, JSONL and parquet files, each with the place that an error names."""

import csv
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from cpd_model.errors import InputError


class Record(NamedTuple):
    """One row of a table."""

    line: int
    """Where it stands in its file: the line, or for parquet the row; from 1."""

    fields: dict[str, Any]
    """By column; of a CSV all are stripped text, empty where the row has no such cell."""


def read_csv(path: Path) -> list[Record]:
    """Rows of a UTF-8 CSV with a header that has the column `path`; blank rows are left out.

    Raises:
        InputError: no UTF-8 CSV, no column `path`, or two of one name.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            header = [name.strip() for name in reader.fieldnames or []]
            _check_header(header, path)
            reader.fieldnames = header
            records = [
                Record(reader.line_num, {name: record[name].strip() for name in header})
                for record in reader
            ]
            return [record for record in records if any(record.fields.values())]
    except UnicodeDecodeError as error:
        raise InputError(
            f"cannot read {path.name} as a UTF-8 CSV file: {error}; save it as UTF-8"
        ) from error
    except (OSError, csv.Error) as error:
        raise InputError(f"cannot read {path.name} as a UTF-8 CSV file: {error}") from error


def _check_header(header: list[str], path: Path) -> None:
    if "path" not in header:
        raise InputError(
            f"{path.name} has no column path in its first line {','.join(header)[:60]!r}; "
            "expected a CSV with the columns path, caption, label, id, split, separated by commas"
        )
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise InputError(
            f"{path.name} has two columns {twice[0]}; give each column a name of its own"
        )


def read_jsonl(path: Path) -> Iterator[Record]:
    """Rows of a file that holds one JSON object a line; blank lines are left out.

    Raises:
        InputError: the file cannot be read, is not UTF-8, or a line is no JSON object.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line, text in enumerate(file, start=1):
                if text.strip():
                    yield Record(line, _json_object(text, f"{path.name}, line {line}"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path.name} as UTF-8 text: {error}") from error


def read_parquet(path: Path) -> Iterator[Record]:
    """Rows of a parquet file.

    Raises:
        InputError: pyarrow is not installed, or the file is not parquet.
    """
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise InputError(
            f"reading {path.name} needs pyarrow, which is not installed: "
            "run pip install 'cpd[parquet]', or write the list as CSV or JSONL"
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            line = 0
            for batch in file.iter_batches():
                for fields in batch.to_pylist():
                    line += 1
                    yield Record(line, fields)
    except (OSError, arrow.ArrowException) as error:
        raise InputError(f"cannot read {path.name} as a parquet file: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The one JSON object that a small file holds.

    Raises:
        InputError: the file cannot be read, is not UTF-8, or holds something else.
    """
    try:
        return _json_object(path.read_text(encoding="utf-8-sig"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path.name} as UTF-8 text: {error}") from error


def parse_json(content: bytes, place: str) -> dict[str, Any]:
    """The JSON object in some bytes; `place` is what an error names.

    Raises:
        InputError: it is not UTF-8, or not a JSON object.
    """
    try:
        return _json_object(content.decode("utf-8-sig"), place)
    except UnicodeDecodeError as error:
        raise InputError(f"{place} is not UTF-8 text: {error}") from error


def _json_object(text: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f'{place} holds no JSON object; expected one such as {{"path": ...}}')
    return value
