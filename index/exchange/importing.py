"""Takes tables that `cpd index export` wrote into a library: `cpd index import`.

The rules are those of a merge: each video is one short transaction, ids are kept, what is there
already is not taken twice, and the same command goes on where it was stopped. The foot and the
columns of all files are looked at before anything is written.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from cpd_model.errors import InputError
from index.catalog.records import LibrarySettings
from index.catalog.whole_videos import meaning_of
from index.errors import IndexMismatchError, LibraryNotFoundError
from index.exchange.intake import Intake, IntakeListener, IntakeReport, SilentIntakeListener
from index.exchange.parquet_table import load_pyarrow
from index.exchange.table_foot import TableFoot, read_foot
from index.exchange.table_rows import read_videos
from index.ingest.files import expand_patterns, printable
from index.library.library import Library
from index.library.model_building import require_answering


def import_tables(
    paths: Sequence[Path | str],
    folder: Path | str,
    *,
    wait_seconds: float = 0,
    listener: IntakeListener | None = None,
) -> IntakeReport:
    """Take the videos of tables into a library, which is made where there is none.

    Segments get numbers of this library. A model is not needed.

    Args:
        paths: files, folders (their `*.parquet` files) and patterns.
        wait_seconds: how long to wait for another run on the library.
        listener: told how many rows there are, and of each video when it is done.

    Raises:
        InputError: a file is no table of a library, or a row of it is not as an export writes it;
            the videos before that row are in the library.
        IndexMismatchError: the tables are of another model, window or hop than the library.
        LibraryError: the library cannot be written to.
    """
    modules = load_pyarrow("importing parquet files")
    feet = [read_foot(file, modules) for file in _files(paths)]
    library = _open_or_create(folder, feet)
    with library:
        intake = Intake(library, listener or SilentIntakeListener())
        with library.lease(wait_seconds=wait_seconds) as writer:
            require_answering(library.catalog, library.settings)
            for foot in feet:
                writer.take_in_names(roots=foot.roots, collections=foot.collections)
                for video in read_videos(foot, modules):
                    intake.expect(1)
                    intake.take(writer, video)
            intake.finish(writer)
        return intake.report()


def _files(paths: Sequence[Path | str]) -> list[Path]:
    if not paths:
        raise InputError("no file was named to import: name what `cpd index export` wrote")
    files = []
    for name in expand_patterns(paths):
        path = Path(os.path.abspath(name))
        found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not found:
            raise InputError(f"{printable(path)} has no *.parquet file: name one")
        files += found
    return files


def _open_or_create(folder: Path | str, feet: Sequence[TableFoot]) -> Library:
    try:
        library = Library.open(folder)
    except LibraryNotFoundError:
        settings = feet[0].settings
        _require_fitting(feet, settings)
        return Library.create(folder, settings)
    try:
        _require_fitting(feet, library.settings)
    except IndexMismatchError:
        library.close()
        raise
    return library


def _require_fitting(feet: Sequence[TableFoot], asked: LibrarySettings) -> None:
    """Refuse tables of other vectors."""
    for foot in feet:
        if meaning_of(foot.settings) != meaning_of(asked):
            raise IndexMismatchError(
                f"{printable(foot.file)} is of {foot.settings.told()}, the library of "
                f"{asked.told()}: their vectors cannot be compared; import it into another library"
            )
