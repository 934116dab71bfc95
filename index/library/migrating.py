"""Brings the catalog of an older program up to date, and keeps what it was as a snapshot first."""

import shutil
from pathlib import Path

from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.tables import SCHEMA_REVISION
from index.errors import LibraryError
from index.library.lock import lease
from index.library.snapshot_files import (
    Snapshot,
    free_name,
    list_snapshots,
    make_snapshot,
    remove_snapshot,
    snapshots_lock,
)

_WAIT_SECONDS = 30
_SPARE_BYTES = 1 << 20


def bring_up_to_date(folder: Path, catalog: Catalog) -> None:
    """Keep the catalog as it is as the snapshot `before-<revision>`, and migrate it.

    Nothing is done where another process did it meanwhile. `cpd index snapshot` lists, restores
    and drops what was kept.

    Raises:
        LibraryBusyError: another run has the lease.
        LibraryError: the library is read-only here, or the disk has no room for the copy; nothing
            was changed.
    """
    _require_writable_once(catalog)
    with lease(folder, wait_seconds=_WAIT_SECONDS):
        if catalog.is_current():
            return
        _require_room(folder, catalog)
        _keep(folder, catalog)
        catalog.migrate()


def _keep(folder: Path, catalog: Catalog) -> None:
    wanted = f"before-{SCHEMA_REVISION}"
    with snapshots_lock(folder) as root:
        made = make_snapshot(folder, catalog, name=free_name(root, wanted), kind="before-migration")
        for other in list_snapshots(folder):
            if other.name != made.name and _is_same(other, made):  # of a run that was killed
                remove_snapshot(folder, made.name)
                return


def _is_same(one: Snapshot, other: Snapshot) -> bool:
    return one.kind == other.kind and one.catalog_sha256 == other.catalog_sha256


def _require_writable_once(catalog: Catalog) -> None:
    try:
        catalog.require_writable()
    except LibraryError as error:
        raise LibraryError(
            f"the library in {catalog.path.parent} was made by an older cpd and is read-only here: "
            f"open it once where it can be written, with `cpd index status`, to bring it up to date"
        ) from error


def _require_room(folder: Path, catalog: Catalog) -> None:
    needed = _SPARE_BYTES + sum(
        file.stat().st_size for file in (catalog.path, Path(f"{catalog.path}-wal")) if file.exists()
    )
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LibraryError(
            f"the library in {folder} was made by an older cpd, and its {CATALOG_NAME} is copied "
            f"before it is brought up to date: that takes {needed:,} bytes and {free:,} are free; "
            f"nothing was changed, make room and open it again"
        )
