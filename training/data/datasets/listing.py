"""A data set's rows, and the CSV that `cpd evaluate` and `cpd train` read."""

import csv
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cpd_model.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a manifest: a medium and one thing that is said about it."""

    path: Path
    id: str
    label: str = ""
    caption: str = ""
    split: str = ""
    """`train`, `val` or `test`; of several official splits, the first's."""

    splits: tuple[str, ...] = ()
    """`train`, `test` or nothing for each of several official splits."""

    group: str = ""
    """What clips of one origin share, so that they are never torn between train and test."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What was found of a data set."""

    rows: list[Row]
    missing: list[str] = field(default_factory=list)
    """Media that the annotations name and that are not there, each once."""

    @property
    def num_media(self) -> int:
        """Different media among the rows."""
        return len({row.path for row in self.rows})

    def counts(self) -> dict[str, int]:
        """Media of each split, in order of the splits' first mention; `` is no split."""
        media: dict[str, set[Path]] = {}
        for row in self.rows:
            media.setdefault(row.split, set()).add(row.path)
        return {split: len(paths) for split, paths in media.items()}


def write_manifest(listing: Listing, path: Path) -> None:
    """Write the rows as a CSV whose paths are relative to it; whole or not at all.

    Columns: path, label, caption, id, split, then split1 ... and group where some row has them.

    Raises:
        InputError: it cannot be written.
    """
    num_splits = max((len(row.splits) for row in listing.rows), default=0)
    split_columns = [f"split{number + 1}" for number in range(num_splits)]
    group_column = ["group"] if any(row.group for row in listing.rows) else []
    folder = Path(os.path.abspath(path.parent))
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            header = ["path", "label", "caption", "id", "split", *split_columns, *group_column]
            writer.writerow(header)
            for row in listing.rows:
                splits = [*row.splits, *[""] * (num_splits - len(row.splits))]
                writer.writerow(
                    [_relative(row.path, folder), row.label, row.caption, row.id, row.split]
                    + splits
                    + ([row.group] if group_column else [])
                )
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def require_found(name: str, rows: Sequence[Row], missing: Sequence[str], where_from: str) -> None:
    """Stop where the annotations are there and not one of their media is.

    Raises:
        InputError: there is no row.
    """
    if not rows:
        example = f", such as {missing[0]}" if missing else ""
        raise InputError(
            f"none of the {len(missing)} media that {name}'s annotations name is there{example}; "
            f"{where_from}"
        )


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
