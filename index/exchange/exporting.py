"""Writes what a library holds into files that other tools read: `cpd index export`.

Whatever the format, the catalog is read in one transaction, so that the files are of one moment,
and written in pieces, so that a library of any size goes through a bounded memory. A file is
written beside its place and renamed when it is whole.
"""

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cpd_model.errors import InputError
from index.catalog.records import LibrarySettings
from index.catalog.whole_videos import WholeVideo, WholeVideos
from index.exchange.embedding_atlas import write_embedding_atlas
from index.exchange.fiftyone import write_fiftyone
from index.exchange.parquet_table import write_table
from index.filters.filter import Filter
from index.ingest.files import printable
from index.library.library import Library

Format: TypeAlias = Literal["parquet", "fiftyone", "embedding-atlas"]

Write: TypeAlias = Callable[[WholeVideos, LibrarySettings, Path], None]
"""Writes videos, with vectors of the model of these settings, to a file or into an empty folder."""


class _Kind:
    """How a format is written, and what it is called where a folder is named."""

    def __init__(self, write: Write, *, file_name: str | None) -> None:
        self.write = write
        self.file_name = file_name


_KINDS: Mapping[Format, _Kind] = {
    "parquet": _Kind(write_table, file_name="library.parquet"),
    "fiftyone": _Kind(write_fiftyone, file_name=None),  # a folder
    "embedding-atlas": _Kind(write_embedding_atlas, file_name="atlas.parquet"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportReport:
    """What was written."""

    path: Path
    """The file, or the folder of a format that has several."""

    videos: int
    segments: int
    bytes: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "path": str(self.path), "seconds": round(self.seconds, 3)}


def export_library(
    library: Library, to: Path | str, *, where: Filter | None = None, format: Format = "parquet"
) -> ExportReport:
    """Write the videos of a library, with the vectors of the model that answers.

    Files that failed are not among them: there is nothing to search of them.

    Args:
        to: a file that is not there yet, or for `fiftyone` a folder; of the other formats a folder
            gets a file `library.parquet` or `atlas.parquet`.

    Raises:
        InputError: the file is there already or cannot be written, or pyarrow is not installed.
        FilterError: the filter names what the library does not have.
        LibraryError: the library cannot be read.
    """
    started = time.monotonic()
    kind = _KINDS[format]
    target = Path(os.path.abspath(os.path.expanduser(to)))
    if kind.file_name is not None and target.is_dir():
        target /= kind.file_name
    _require_free(target)
    counted = _Counted()
    with library.whole_videos(where=where) as whole, _beside(target) as partial:
        of_moment = whole._replace(videos=counted.through(whole.videos))
        kind.write(of_moment, library.settings, partial)
    return ExportReport(
        path=target,
        videos=counted.num_videos,
        segments=counted.num_segments,
        bytes=_size_of(target),
        seconds=time.monotonic() - started,
    )


class _Counted:
    """Counts the indexed videos that pass, and lets no failure through."""

    def __init__(self) -> None:
        self.num_videos = self.num_segments = 0

    def through(self, videos: Iterator[WholeVideo]) -> Iterator[WholeVideo]:
        for video in videos:
            for vectors in video.vectors.values():  # of the one model that was asked for
                self.num_videos += 1
                self.num_segments += len(vectors.ids_S)
                yield video


def _require_free(target: Path) -> None:
    is_empty_folder = target.is_dir() and not any(target.iterdir())
    if target.exists() and not is_empty_folder:
        raise InputError(
            f"{printable(target)} is there already: remove it, or name another place to export to"
        )


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A place to write to, which becomes the target when the block ends well."""
    partial = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        for file in [*partial.iterdir(), partial] if partial.is_dir() else [partial]:
            _sync(file)
        os.replace(partial, target)
        _sync(target.parent)
    except OSError as error:
        raise InputError(f"cannot write {printable(target)}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()


def _sync(file: Path) -> None:
    opened = os.open(file, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _size_of(target: Path) -> int:
    files = target.iterdir() if target.is_dir() else [target]
    return sum(file.stat().st_size for file in files)
