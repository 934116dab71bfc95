"""What the foot of a library's table says, read without trust: which model, which names."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpd_model.errors import InputError
from index.catalog.names import checked_name
from index.catalog.records import LibrarySettings
from index.exchange.parquet_table import FORMAT, KEY, Arrow, table_schema
from index.ingest.files import printable

MOST_GROUP_BYTES = 2 << 30
"""Of a group of rows, unpacked; those that an export writes have some 20 MB."""

_NOT_SAID = (
    "it does not say which file and which seconds each row is of, nor which model made it; index "
    "the clips themselves with `cpd index add`"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TableFoot:
    """What a table is of."""

    file: Path
    settings: LibrarySettings
    roots: dict[str, Path]
    """By name."""
    collections: list[str]
    num_rows: int


@contextmanager
def reading(file: Path, modules: Arrow) -> Iterator[Any]:
    """A parquet file, open.

    Raises:
        InputError: it cannot be read, or is none; also within the block.
    """
    try:
        with modules.parquet.ParquetFile(file) as opened:
            yield opened
    except (OSError, modules.arrow.ArrowException) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"cannot read {printable(file)} as a parquet file: {printable(said[0])}"
        ) from error


def read_foot(file: Path, modules: Arrow) -> TableFoot:
    """Look at a table's foot and columns; no row is read.

    Raises:
        InputError: the file is no table of a library, of a newer cpd, or not as one is written.
    """
    with reading(file, modules) as opened:
        names = set(opened.schema_arrow.names)
        metadata = opened.schema_arrow.metadata or {}
        if KEY not in metadata:
            raise InputError(f"{printable(file)} is a table of another program: {_NOT_SAID}")
        facts = opened.metadata
        largest = max(
            (facts.row_group(i).total_byte_size for i in range(facts.num_row_groups)), default=0
        )
        num_rows = facts.num_rows
    lacking = [name for name in table_schema(modules.arrow).names if name not in names]
    if lacking:
        raise InputError(
            f"{printable(file)} lacks the column {lacking[0]}: export the library again, "
            f"with all columns"
        )
    if largest > MOST_GROUP_BYTES:
        raise InputError(
            f"{printable(file)} has a group of rows of {largest >> 20} MB, and at most "
            f"{MOST_GROUP_BYTES >> 20} MB are read at once: write it in smaller groups"
        )
    return _foot(file, metadata[KEY], num_rows)


def _foot(file: Path, content: bytes, num_rows: int) -> TableFoot:
    try:
        said = json.loads(content)
        if said["format"] != FORMAT:
            raise InputError(
                f"{printable(file)} was written by another cpd (format {said['format']!r}, this "
                f"one reads {FORMAT}): update cpd, or export again with this one"
            )
        settings = LibrarySettings(
            model=str(said["model"]),
            fingerprint=str(said["fingerprint"]),
            embed_dim=int(said["embed_dim"]),
            window_seconds=float(said["window_seconds"]),
            hop_seconds=float(said["hop_seconds"]),
        )
        roots = {
            checked_name(name, what="root"): Path(path) for name, path in said["roots"].items()
        }
        if not all(path.is_absolute() and path != path.parent for path in roots.values()):
            raise ValueError("a root is no folder")
        names = [checked_name(name, what="collection") for name in said["collections"]]
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InputError(
            f"what the foot of {printable(file)} says of its library cannot be read: "
            f"export it again"
        ) from error
    return TableFoot(
        file=file, settings=settings, roots=roots, collections=names, num_rows=num_rows
    )
