"""Video/text pairs: what training learns from, one row of the memory bank each."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from cpd_model.errors import InputError
from cpd_model.zero_shot import spoken_label
from training.data.pair import Pair, TarMember, WrittenPair, as_captions
from training.data.pair_folders import read_folder
from training.data.tables import Record, read_csv, read_jsonl, read_parquet
from training.data.webdataset import read_shards

__all__ = ["CAPTION", "Pair", "TarMember", "list_records", "overlap", "read_pairs"]

CAPTION = "caption"
"""The column that captions come from; `captions`, a list, counts as part of it."""

_JSONL = (".jsonl", ".ndjson")
_PARQUET = (".parquet", ".pq")


def read_pairs(
    source: Path, *, split: str | None = None, caption_from: str = CAPTION
) -> list[Pair]:
    """Pairs from a list or a folder, in its order, each with all its captions.

    A list is a CSV, JSONL (.jsonl, .ndjson) or parquet file with the columns `path` (relative to
    the list), `caption` or `captions`, and perhaps `id` and `split`. Rows of a split with one id,
    or without ids one path, are one pair; a video of two splits is two, see `overlap`. A folder
    holds WebDataset shards (a single .tar may be named too), or media with a text of the same name
    beside them, see `training.data.pair_folders`. Rows without a caption are left out. Media are
    not looked for: a missing one is the loader's to count.

    Args:
        split: only the pairs of this split; None: all.
        caption_from: another column of a list to learn from. Class names of a column `label` are
            turned into words: `ApplyEyeMakeup` is `apply eye makeup`.

    Raises:
        InputError: no such source, nothing in it, no caption in it, no such split, one id for two
            videos, one video alone, or text that cannot be read; see the message.
    """
    written = list(_written_pairs(source, caption_from))
    if not written:
        raise InputError(f"{source.name} holds no pair; add a line for each video")
    if split is not None:
        written = _of_split(source, written, split)
    pairs = [pair for pair in _collected(written) if pair.captions]
    if not pairs:
        chosen = "" if split is None else f" of the split {split}"
        raise InputError(
            f"no row{chosen} in {source.name} has a caption; each video needs a sentence about it"
        )
    if len({pair.place for pair in pairs}) == 1:
        raise InputError(
            f"all pairs in {source.name} are of one video, {pairs[0].path.name}: "
            "there is nothing to tell apart; list several videos"
        )
    return pairs


def overlap(train: Iterable[Pair], val: Iterable[Pair]) -> list[Pair]:
    """The pairs of `val` whose video or id is among those of `train` too, in order."""
    known: set[object] = set()
    for pair in train:
        known.update((pair.id, pair.place))
    return [pair for pair in val if pair.id in known or pair.place in known]


def list_records(source: Path) -> list[Record] | None:
    """The rows of a CSV, JSONL or parquet file; None where `source` is something else.

    Raises:
        InputError: the file cannot be read as what its name says.
    """
    kind = source.suffix.lower()
    if kind == ".csv":
        return read_csv(source, expected="path, caption, id, split")
    if kind in _JSONL:
        return list(read_jsonl(source))
    if kind in _PARQUET:
        return list(read_parquet(source))
    return None


def _written_pairs(source: Path, caption_from: str) -> Iterable[WrittenPair]:
    if caption_from != CAPTION and source.suffix.lower() not in (".csv", *_JSONL, *_PARQUET):
        raise InputError(
            f"{source.name} has no columns, so captions cannot come from {caption_from}"
        )
    if source.is_dir():
        shards = sorted(source.glob("*.tar"))
        return read_shards(shards) if shards else read_folder(source)
    if not source.is_file():
        raise InputError(
            f"no pairs at {source}; name a CSV, JSONL, parquet or tar file or a folder"
        )
    if source.suffix.lower() == ".tar":
        return read_shards([source])
    return _rows_of_list(source, caption_from)


def _rows_of_list(source: Path, caption_from: str) -> Iterable[WrittenPair]:
    records = list_records(source)
    if records is None:
        raise InputError(
            f"{source.name} is no list of pairs: expected .csv, .jsonl, .ndjson, .parquet or .tar"
        )
    columns = dict.fromkeys(chain.from_iterable(record.fields for record in records))
    if records and caption_from not in columns and not _has_captions(caption_from, columns):
        wanted = "caption or captions" if caption_from == CAPTION else caption_from
        raise InputError(
            f"{source.name} has no column {wanted}; its columns are {', '.join(columns)}"
        )
    return _rows(source, records, caption_from)


def _has_captions(caption_from: str, columns: Iterable[str]) -> bool:
    return caption_from == CAPTION and "captions" in columns


def _rows(source: Path, records: Iterable[Record], caption_from: str) -> Iterator[WrittenPair]:
    folder = source.absolute().parent
    unit = "row" if source.suffix.lower() in _PARQUET else "line"
    ids: dict[Path, str] = {}
    for record in records:
        where = f"{source.name}, {unit} {record.line}"
        written = _text(record, "path", where)
        if not written:
            raise InputError(f"{where}: the column path is empty; name a video")
        path = Path(os.path.normpath(folder / written))
        pair = Pair(
            id=_text(record, "id", where) or ids.setdefault(path, written),
            path=path,
            captions=_captions(record, where, caption_from),
            split=_text(record, "split", where),
        )
        yield WrittenPair(where, pair)


def _captions(record: Record, where: str, caption_from: str) -> tuple[str, ...]:
    captions = as_captions(record.fields.get(caption_from), where)
    if caption_from == CAPTION:
        captions += as_captions(record.fields.get("captions"), where)
    if caption_from == "label":
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


def _of_split(source: Path, written: list[WrittenPair], split: str) -> list[WrittenPair]:
    chosen = [row for row in written if row.pair.split == split]
    if chosen:
        return chosen
    splits = sorted({row.pair.split for row in written} - {""})
    there = f"its splits are {', '.join(splits)}" if splits else "no row names a split"
    raise InputError(f"{source.name} has no pair of the split {split}: {there}")


def _collected(written: Iterable[WrittenPair]) -> list[Pair]:
    """One pair for each id of a split, with the captions of all its rows."""
    first: dict[tuple[str, str], WrittenPair] = {}
    captions: dict[tuple[str, str], list[str]] = {}
    for row in written:
        key = row.pair.id, row.pair.split
        known = first.setdefault(key, row)
        if known.pair.place != row.pair.place:
            raise InputError(
                f"{row.where}: the id {row.pair.id} is that of another video already "
                f"({known.where}); give each video an id of its own"
            )
        captions.setdefault(key, []).extend(row.pair.captions)
    return [replace(row.pair, captions=tuple(captions[key])) for key, row in first.items()]
