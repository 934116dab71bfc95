"""Lists of videos with captions and labels, as CSV files."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from cpd_model.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestRow:
    """One row: a video and what is said about it."""

    path: Path
    """Absolute and without `..`, so that one file has one path however its rows write it."""

    written_path: str
    """The path as the CSV has it."""

    caption: str
    """A sentence about the video; empty where there is none."""

    label: str
    """Its class; empty where there is none."""


def read_manifest(path: Path) -> list[ManifestRow]:
    """Rows of a CSV with the columns `path` (relative to the CSV), `caption`, `label`.

    Other columns are ignored. Files are not looked for: a missing one is the evaluation's to count.

    Raises:
        InputError: no such file, no UTF-8 CSV, no `path` column, no row, or one without a path.
    """
    records = _records(path)
    folder = path.absolute().parent
    rows = []
    for line, record in records:
        written = record.get("path", "")
        if not written:
            raise InputError(f"{path.name}, line {line}: the column path is empty; name a video")
        rows.append(
            ManifestRow(
                path=Path(os.path.normpath(folder / written)),
                written_path=written,
                caption=record.get("caption", ""),
                label=record.get("label", ""),
            )
        )
    if not rows:
        raise InputError(f"{path.name} has no row below its header; add one line for each video")
    return rows


def videos_of(rows: list[ManifestRow]) -> list[Path]:
    """Every video once, in the order of first mention."""
    return list(dict.fromkeys(row.path for row in rows))


def _records(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and stripped fields of each row that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            header = [name.strip() for name in reader.fieldnames or []]
            if "path" not in header:
                raise InputError(
                    f"{path.name} has no column path in its first line; "
                    "expected a CSV with the columns path, caption, label"
                )
            reader.fieldnames = header
            numbered = [
                (reader.line_num, {name: record[name].strip() for name in header})
                for record in reader
            ]
            return [(line, record) for line, record in numbered if any(record.values())]
    except FileNotFoundError:
        raise InputError(f"no manifest {path}; name a CSV file with a column path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path.name} as a UTF-8 CSV file: {error}") from error
