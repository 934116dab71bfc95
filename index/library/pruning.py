"""Videos whose files are gone, found and forgotten: `cpd index prune` and `cpd index add --prune`.

A disk that is away looks like a folder that somebody emptied. So a root whose folder is gone, or
holds nothing, is refused as a whole; and a file that cannot be looked at is not gone.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from index.catalog.connection import Catalog, stand_of
from index.catalog.places import files_of
from index.catalog.roots import all_roots, root_named
from index.errors import RootGoneError
from index.ingest.files import printable
from index.library.file_selection import find_files
from index.library.lock import lease
from index.library.removal import Removal, RemovalReport


class Unreachable(NamedTuple):
    """A file that cannot be looked at, so that nobody can tell whether it is gone."""

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneReport:
    """What a prune found."""

    files: int
    """Videos and failures whose files were looked for."""

    removal: RemovalReport
    """Those whose files are gone."""

    unreachable: list[Unreachable]
    """Files that cannot be looked at; their videos stay."""

    def __repr__(self) -> str:
        told = repr(self.removal).removeprefix("RemovalReport(").removesuffix(")")
        unreachable = f", {len(self.unreachable)} unreachable" if self.unreachable else ""
        return f"PruneReport({self.files} files, {told}{unreachable})"

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields of the removal, `files`, and each unreachable one."""
        listed = [{"path": str(path), "reason": reason} for path, reason in self.unreachable]
        return {"files": self.files, **self.removal.as_json(), "unreachable": listed}


class Prune(NamedTuple):
    """What is to be removed, not done yet."""

    files: int
    removal: Removal
    unreachable: list[Unreachable]

    def report(self, *, dry_run: bool) -> PruneReport:
        """Carry it out, or tell what it would do."""
        return PruneReport(
            files=self.files,
            removal=self.removal.report() if dry_run else self.removal.carry_out(),
            unreachable=self.unreachable,
        )


def prune_videos(
    catalog: Catalog,
    roots: Sequence[str] = (),
    *,
    dry_run: bool = False,
    even_if_gone: bool = False,
    wait_seconds: float = 0,
) -> PruneReport:
    """Remove the videos and failures whose files are gone, of some roots or of all.

    Args:
        roots: their names; none means all, and videos that lie in no root.
        even_if_gone: also where the folder of a whole root is gone or empty.
        wait_seconds: how long to wait for an add, or the like, to end: it may find a moved file.

    Raises:
        RootGoneError: the folder of a root is gone or empty; nothing was removed.
        UnknownRootError: there is no root of a name.
        LibraryError: another run holds the library, or it is read-only here.
    """
    if dry_run:
        return plan_prune(catalog, roots, even_if_gone=even_if_gone).report(dry_run=True)
    catalog.require_writable()
    with lease(catalog.path.parent, wait_seconds=wait_seconds):
        return plan_prune(catalog, roots, even_if_gone=even_if_gone).report(dry_run=False)


def plan_prune(
    catalog: Catalog,
    roots: Sequence[str] = (),
    *,
    named: Sequence[str | Path] | None = None,
    even_if_gone: bool = False,
) -> Prune:
    """Look for the files of some roots, or of what is named, or of all.

    Args:
        named: as an add takes them: files, folders and patterns; None for all.

    Raises:
        RootGoneError: the folder of a root is gone or empty.
        UnknownRootError: there is no root of a name.
    """
    with catalog.read_transaction() as connection:
        stand = stand_of(connection)
        folders = {root.path for root in all_roots(connection)}
        asked = {root_named(connection, name).path for name in roots}
        files = files_of(connection, _numbers(connection, named))
    homes = _Homes(folders)
    if asked:
        files = [file for file in files if homes.of(file.path) in asked]
    away = [home for home in dict.fromkeys(homes.of(file.path) for file in files) if _is_away(home)]
    if away and not even_if_gone:
        raise _gone(away, is_root=away[0] in folders)
    gone, unreachable = [], []
    for file in files:
        found = _look(file.path)
        if found is None:
            gone.append(file)
        elif isinstance(found, Unreachable):
            unreachable.append(found)
    return Prune(len(files), Removal(catalog, stand, gone), unreachable)


def _numbers(
    connection: Connection, named: Sequence[str | Path] | None
) -> NDArray[np.int64] | None:
    if named is None:
        return None
    # Absolute, so that none is taken for an id.
    paths = (os.path.abspath(os.path.expanduser(name)) for name in named)
    return np.unique(np.concatenate([find_files(connection, path) for path in paths]))


class _Homes:
    """Where files are at home: in their innermost root, or else in the folder that they are in."""

    def __init__(self, roots: set[Path]) -> None:
        self._roots = roots
        self._known: dict[str, Path] = {}
        """By folder: many files are in one."""

    def of(self, path: str) -> Path:
        folder = os.path.dirname(path)
        if folder not in self._known:
            parent = Path(folder)
            around = (each for each in (parent, *parent.parents) if each in self._roots)
            self._known[folder] = next(around, parent)
        return self._known[folder]


def _is_away(folder: Path) -> bool:
    """Whether a folder is gone, or holds nothing but hidden entries, as where no disk is."""
    try:
        with os.scandir(folder) as entries:
            return all(entry.name.startswith(".") for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # it is there; what is in it cannot be looked at


def _look(path: str) -> bool | Unreachable | None:
    """Whether something is at a path; None where nothing is."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Unreachable(Path(path), (error.strerror or str(error)).lower())
    return True


def _gone(folders: Sequence[Path], *, is_root: bool) -> RootGoneError:
    more = f" (and {len(folders) - 1} more)" if len(folders) > 1 else ""
    what = "root" if is_root else "folder"
    return RootGoneError(
        f"the {what} {printable(folders[0])}{more} is gone or empty, as it is while its disk is "
        f"away, so nothing was removed: bring it back, prune other roots by name, or say "
        f"--even-if-gone to forget its videos"
    )
