"""Lists of videos with captions and labels, as CSV files."""

import os
from dataclasses import dataclass
from pathlib import Path

from cpd_model.errors import InputError
from training.data.tables import read_csv


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

    group: str = ""
    """Rows of one group come from one recording; empty where there is none."""

    parts: tuple[str, ...] = ()
    """Its part of split 1, 2, ...: `train`, `test`, another word, or empty where it has none."""


_PARTS = {"training": "train", "testing": "test", "-": "", "none": ""}
"""Other words for the parts of a split."""


def read_manifest(path: Path) -> list[ManifestRow]:
    """Rows of a CSV with the columns `path` (relative to the CSV), `caption`, `label`.

    Of three more columns the protocols with training make use: `group`, and for each official split
    N a column `splitN` that says train or test. One column `split` stands for all of them: its
    words, separated by `/`, are the parts of splits 1, 2, ..., as in `train/test/train`, and `-` is
    no part. Other columns are ignored. Files are not looked for: a missing one is the evaluation's
    to count.

    Raises:
        InputError: no such file, no UTF-8 CSV, no `path` column, no row, or one without a path.
    """
    records = read_csv(path, expected="path, caption, label")
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
                group=record.get("group", ""),
                parts=_parts_of(record),
            )
        )
    if not rows:
        raise InputError(f"{path.name} has no row below its header; add one line for each video")
    return rows


def videos_of(rows: list[ManifestRow]) -> list[Path]:
    """Every video once, in the order of first mention."""
    return list(dict.fromkeys(row.path for row in rows))


def _parts_of(record: dict[str, str]) -> tuple[str, ...]:
    numbers = [
        int(column.removeprefix("split"))
        for column in record
        if column.startswith("split") and column.removeprefix("split").isdecimal()
    ]
    if numbers:
        words = [record.get(f"split{number}", "") for number in range(1, max(numbers) + 1)]
    else:
        words = record.get("split", "").split("/")
    parts = [word.strip().lower() for word in words]
    return tuple(_PARTS.get(part, part) for part in parts) if any(parts) else ()
