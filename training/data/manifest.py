"""Lists of videos with captions and labels: the one reader of all that names them.

Training, adapting, evaluating and packing read a list through this, so that all of them mean the
same by it.
"""

import math
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from cpd_model.errors import InputError
from cpd_model.zero_shot import spoken_label
from training.data.pair import ManifestRow, Pair, as_captions
from training.data.pair_folders import read_folder
from training.data.tables import Record, read_csv, read_jsonl, read_parquet
from training.data.webdataset import read_shards

__all__ = ["CAPTION", "LABEL", "ManifestRow", "read_manifest", "videos_of"]

CAPTION = "caption"
"""The column that captions come from; `captions`, a list, counts as part of it."""

LABEL = "label"

_JSONL = (".jsonl", ".ndjson")
_PARQUET = (".parquet", ".pq")
_LISTS = (".csv", *_JSONL, *_PARQUET)

_PARTS = {"training": "train", "testing": "test", "-": "", "none": ""}
"""Other words for the parts of a split."""


def read_manifest(
    source: Path,
    *,
    split: str | None = None,
    caption_from: str = CAPTION,
    needs_captions: bool = False,
) -> list[ManifestRow]:
    """The rows of a list or a folder, in its order.

    A list is a CSV, JSONL (.jsonl, .ndjson) or parquet file with the column `path` (relative to the
    list) and perhaps `caption` or `captions`, `label`, `id`, `split` and `group`. A folder holds
    WebDataset shards (a single .tar may be named too), or media with a text of the same name beside
    them, see `training.data.pair_folders`. Media are not looked for: a missing one is the reader's
    to count.

    Of official splits the protocols with training make use: a column `splitN` for each split N says
    train or test. One column `split` stands for all of them: its words, separated by `/`, are the
    parts of splits 1, 2, ..., as in `train/test/train`, and `-` is no part.

    Args:
        split: only the rows whose column `split` is this word; None: all.
        caption_from: another column of a list to take captions from. Class names of a column
            `label` are turned into words: `ApplyEyeMakeup` is `apply eye makeup`.
        needs_captions: whether a list without a column of captions is refused.

    Raises:
        InputError: no such source, nothing in it, no such split, or text that cannot be read; see
            the message.
    """
    rows = list(_rows(source, caption_from, needs_captions=needs_captions))
    if not rows:
        raise InputError(f"{source.name} holds no video; add a row for each")
    return rows if split is None else _of_split(source, rows, split)


AnyPair = TypeVar("AnyPair", bound=Pair)


def videos_of(rows: Iterable[AnyPair]) -> dict[Path, AnyPair]:
    """The first row of every video by its address, in the order of first mention."""
    first: dict[Path, AnyPair] = {}
    for row in rows:
        first.setdefault(row.address, row)
    return first


def _rows(source: Path, caption_from: str, *, needs_captions: bool) -> Iterable[ManifestRow]:
    is_list = source.suffix.lower() in _LISTS and not source.is_dir()
    if caption_from != CAPTION and not is_list:
        raise InputError(
            f"{source.name} has no columns, so captions cannot come from {caption_from}"
        )
    if source.is_dir():
        shards = sorted(source.glob("*.tar"))
        return read_shards(shards) if shards else read_folder(source)
    if not source.is_file():
        raise InputError(
            f"no list of videos at {source}; name a CSV, JSONL, parquet or tar file or a folder"
        )
    if source.suffix.lower() == ".tar":
        return read_shards([source])
    if not is_list:
        raise InputError(
            f"{source.name} is no list of videos: expected .csv, .jsonl, .ndjson, .parquet or .tar"
        )
    records = list(_records(source))
    if needs_captions and records:
        _require_captions(source, records, caption_from)
    return _rows_of_list(source, records, caption_from)


def _records(source: Path) -> Iterable[Record]:
    kind = source.suffix.lower()
    if kind in _JSONL:
        return read_jsonl(source)
    return read_parquet(source) if kind in _PARQUET else read_csv(source)


def _require_captions(source: Path, records: Iterable[Record], caption_from: str) -> None:
    columns = dict.fromkeys(chain.from_iterable(record.fields for record in records))
    wanted = [CAPTION, "captions"] if caption_from == CAPTION else [caption_from]
    if not any(name in columns for name in wanted):
        raise InputError(
            f"{source.name} has no column {' or '.join(wanted)}; "
            f"its columns are {', '.join(columns)}"
        )


def _rows_of_list(
    source: Path, records: Iterable[Record], caption_from: str
) -> Iterator[ManifestRow]:
    folder = str(source.absolute().parent)
    unit = "row" if source.suffix.lower() in _PARQUET else "line"
    paths: dict[str, Path] = {}
    ids: dict[Path, str] = {}
    for record in records:
        where = f"{source.name}, {unit} {record.line}"
        written = _text(record, "path", where)
        path = paths.get(written)  # as many rows as a video has captions name it
        if path is None:
            path = paths[written] = _path(written, folder, where)
        yield ManifestRow(
            where=where,
            id=_text(record, "id", where) or ids.setdefault(path, written),
            path=path,
            written_path=written,
            captions=_captions(record, where, caption_from),
            split=_text(record, "split", where),
            label=_word(record, LABEL),
            group=_word(record, "group"),
            parts=_parts_of(record),
        )


def _path(written: str, folder: str, where: str) -> Path:
    if not written:
        raise InputError(f"{where}: the column path is empty; name a video")
    if "\0" in written:
        raise InputError(f"{where}: the path {written!r} holds a null character; name a file")
    # without `..`, so that one file has one path however its rows write it
    return Path(os.path.normpath(os.path.join(folder, written)))


def _captions(record: Record, where: str, caption_from: str) -> tuple[str, ...]:
    captions = as_captions(record.fields.get(caption_from), where)
    if caption_from == CAPTION:
        captions += as_captions(record.fields.get("captions"), where)
    if caption_from == LABEL:
        captions = tuple(spoken_label(name) for name in captions)
    return captions


def _text(record: Record, column: str, where: str) -> str:
    """A cell that holds a text or a number, as text."""
    value = record.fields.get(column)
    if value is None:
        return ""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip()
    raise InputError(f"{where}: the column {column} must be text, got {value!r}")


def _word(record: Record, column: str) -> str:
    """A cell of a column that not everybody reads: what is no text or number counts as empty."""
    value: Any = record.fields.get(column)
    if isinstance(value, float) and math.isfinite(value):  # a table may lack some of its numbers
        return f"{value:g}"
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip()
    return ""


def _parts_of(record: Record) -> tuple[str, ...]:
    numbers = [
        int(column.removeprefix("split"))
        for column in record.fields
        if column.startswith("split") and column.removeprefix("split").isdecimal()
    ]
    if numbers:
        words = [_word(record, f"split{number}") for number in range(1, max(numbers) + 1)]
    else:
        words = _word(record, "split").split("/")
    parts = [word.strip().lower() for word in words]
    return tuple(_PARTS.get(part, part) for part in parts) if any(parts) else ()


def _of_split(source: Path, rows: list[ManifestRow], split: str) -> list[ManifestRow]:
    chosen = [row for row in rows if row.split == split]
    if chosen:
        return chosen
    splits = sorted({row.split for row in rows} - {""})
    there = f"its splits are {', '.join(splits)}" if splits else "no row names a split"
    raise InputError(f"{source.name} has no row of the split {split}: {there}")
