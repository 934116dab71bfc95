"""Snapshots of a library: kept, listed, restored and dropped: `library.snapshots`.

Making one holds up nobody: searches and writers go on. A restore takes the lease, and gives the
live catalog the snapshot's content in one transaction: readers see the one or the other, and the
next search of those that are open finds what was restored.
"""

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpd_model.errors import InputError
from index.catalog.connection import CATALOG_NAME, Catalog, Stand
from index.catalog.copying import Marks, raise_marks, read_marks, take_content
from index.catalog.parts import names_of_parts
from index.errors import LibraryBusyError, LibraryCorruptError
from index.library.lock import lease
from index.library.snapshot_files import (
    SNAPSHOTS_NAME,
    Kind,
    Snapshot,
    bring_back_parts,
    find_snapshot,
    free_name,
    list_snapshots,
    make_snapshot,
    remove_snapshot,
    sha256_of,
    snapshots_lock,
    unfinished_folder,
    utc_name,
)
from index.vectors.building import Shelf
from index.vectors.part_files import FACTS_NAME, PARTS_NAME
from index.vectors.publishing import publish

_TRIES = 5
"""Of a restore beside others that write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreReport:
    """What a restore brought back, and where what was there before is."""

    restored: Snapshot
    kept_as: str | None
    """The snapshot of what the library held until then; None where none was asked for."""
    generation: int
    """At which the library goes on."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "restored": self.restored.as_json(),
            "kept_as": self.kept_as,
            "generation": self.generation,
        }


class Snapshots:
    """The snapshots of a library.

    Args:
        catalog: of the library in `folder`.
    """

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._folder = folder
        self._catalog = catalog

    def create(self, name: str | None = None, *, keep: int | None = None) -> Snapshot:
        """Keep what the library holds now.

        Args:
            name: letters, digits, and `-._` between them; None takes the time, in UTC.
            keep: how many of those that were made without a name stay; the oldest go.

        Raises:
            InputError: the name cannot be one, or is taken; keep is below 1.
            LibraryError: the disk is full, or the library is read-only here; nothing was made.
        """
        self._catalog.require_writable()
        if keep is not None and keep < 1:
            raise InputError(f"keep at least 1 snapshot, not {keep}: name those to drop instead")
        kind: Kind = "automatic" if name is None else "named"
        with snapshots_lock(self._folder):
            made = make_snapshot(self._folder, self._catalog, name=name, kind=kind)
            for snapshot in self._beyond(keep):
                remove_snapshot(self._folder, snapshot.name)
        return made

    def list(self) -> Sequence[Snapshot]:
        """Those that are there, oldest first."""
        return list_snapshots(self._folder)

    def get(self, name: str) -> Snapshot:
        """One of them.

        Raises:
            UnknownSnapshotError: there is none of that name.
        """
        return find_snapshot(self._folder, name)

    def drop(self, name: str, *, dry_run: bool = False) -> Snapshot:
        """Delete a snapshot; what it was.

        Args:
            dry_run: change nothing, only tell which one it would be.

        Raises:
            UnknownSnapshotError: there is none of that name.
            LibraryError: the library is read-only here.
        """
        if dry_run:
            return self.get(name)
        self._catalog.require_writable()
        with snapshots_lock(self._folder):
            snapshot = find_snapshot(self._folder, name)
            remove_snapshot(self._folder, name)
        return snapshot

    def restore(self, name: str, *, backup: bool = True, wait_seconds: float = 0) -> RestoreReport:
        """Give the library what a snapshot holds, in one step; no id is ever given out twice.

        Readers find it with their next search. Whoever writes meanwhile is told to run again. A
        library that was opened with a model that the snapshot does not have is to be opened again.

        Args:
            backup: keep what the library holds now as a snapshot `before-restore-...`.
            wait_seconds: how long to wait for an add, or another long run, to end.

        Raises:
            UnknownSnapshotError: there is none of that name.
            InputError: it is of another library.
            LibraryBusyError: another run has the lease, or others keep writing.
            LibraryError: the disk is full, or a newer program made the snapshot; nothing was
                changed.
        """
        self._catalog.require_writable()
        with (
            lease(self._folder, wait_seconds=wait_seconds),
            snapshots_lock(self._folder) as root,
            contextlib.closing(Catalog(self._folder / CATALOG_NAME)) as live,
        ):
            snapshot = find_snapshot(self._folder, name)
            with unfinished_folder(root) as partial:
                report = self._restore(snapshot, live, partial, backup=backup)
            self._make_missing_parts(live)
        return report

    def _beyond(self, keep: int | None) -> Sequence[Snapshot]:
        """The automatic ones that are too many, oldest first."""
        automatic = [snapshot for snapshot in self.list() if snapshot.kind == "automatic"]
        return [] if keep is None else automatic[:-keep]

    def _restore(
        self, snapshot: Snapshot, live: Catalog, partial: Path, *, backup: bool
    ) -> RestoreReport:
        prepared = partial / CATALOG_NAME
        self._prepare(snapshot, live, prepared)
        bring_back_parts(self._folder, snapshot)
        for _ in range(_TRIES):
            marks = _marks_of(live)
            kept_as = self._keep(live, marks.stand) if backup else None
            stand = _raise(prepared, marks)
            if not (backup and kept_as is None) and take_content(live, prepared, after=marks.stand):
                return RestoreReport(
                    restored=snapshot, kept_as=kept_as, generation=stand.generation
                )
            if kept_as is not None:
                remove_snapshot(self._folder, kept_as)
        raise LibraryBusyError(
            f"the library in {self._folder} is written to all the time: restore it when the "
            f"programs that do so have ended"
        )

    def _keep(self, live: Catalog, stand: Stand) -> str | None:
        """Keep what is there, if that still stands where it did; the snapshot's name."""
        root = self._folder / SNAPSHOTS_NAME
        name = free_name(root, f"before-restore-{utc_name()}")
        kept = make_snapshot(self._folder, live, name=name, kind="before-restore")
        if (kept.generation, kept.epoch) == (stand.generation, stand.epoch):
            return name
        remove_snapshot(self._folder, name)
        return None

    def _prepare(self, snapshot: Snapshot, live: Catalog, prepared: Path) -> None:
        """A copy of the snapshot's catalog, checked, and of this program's revision."""
        own_id = _marks_of(live).stand.library_id
        if snapshot.library_id not in (None, own_id):
            raise InputError(
                f"the snapshot {snapshot.name} is of another library: copy its folder's "
                f"{CATALOG_NAME} and parts into an empty folder to have that library there"
            )
        kept = self._folder / SNAPSHOTS_NAME / snapshot.name / CATALOG_NAME
        try:
            shutil.copyfile(kept, prepared)
            is_whole = sha256_of(prepared) == snapshot.catalog_sha256
        except FileNotFoundError:
            is_whole = False
        if not is_whole:
            raise LibraryCorruptError(
                f"the snapshot {snapshot.name} of the library in {self._folder} is damaged: its "
                f"catalog is not what was written; take another one"
            )
        with contextlib.closing(Catalog(prepared)) as copy:
            if not copy.is_current():
                copy.migrate()

    def _make_missing_parts(self, live: Catalog) -> None:
        """Make those anew that the snapshot could not keep; the others are as they were."""
        with live.read_transaction() as connection:
            names = names_of_parts(connection)
            facts = live.read_library(connection)
        parts = self._folder / PARTS_NAME
        if facts is not None and not all((parts / name / FACTS_NAME).is_file() for name in names):
            publish(Shelf(folder=self._folder, catalog=live, settings=facts.settings))


def _marks_of(catalog: Catalog) -> Marks:
    with catalog.read_transaction() as connection:
        return read_marks(connection)


def _raise(prepared: Path, marks: Marks) -> Stand:
    """Bring a prepared copy above what was given out; where it stands then."""
    with contextlib.closing(Catalog(prepared)) as copy:
        with copy.maintenance_transaction() as connection:
            raise_marks(connection, marks)
        return _marks_of(copy).stand
