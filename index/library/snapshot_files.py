"""Snapshots as folders: each is complete or absent, and takes little room.

    DIR/snapshots/<name>/catalog.sqlite3    a whole catalog, without a log
    DIR/snapshots/<name>/parts/<part>/      hard links to the files of the parts that it lists
    DIR/snapshots/<name>/manifest.json      what it is, with checksums; written last

The catalog is all that a snapshot needs: a part that could not be linked is left out, and made anew
from the catalog after a restore. Files of parts are never written again, so a link holds what it
held. Folders in the making begin with a dot, and are removed by whoever comes next.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from filelock import FileLock, Timeout

from cpd_model.errors import InputError
from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.copying import CopiedPart, CopyFacts, copy_catalog, describe_copy
from index.catalog.names import told
from index.catalog.parts import names_of_parts
from index.errors import (
    LibraryBusyError,
    LibraryCorruptError,
    LibraryError,
    UnknownSnapshotError,
)
from index.filters.scanner import shorten
from index.vectors.checked_file import sync_folder
from index.vectors.part_files import PARTS_NAME

SNAPSHOTS_NAME = "snapshots"
MANIFEST_NAME = "manifest.json"
_LOCK_NAME = "snapshots.lock"
_FORMAT = 1

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.partial")
_TRIES = 10
"""Of taking catalog and parts while others merge these."""
_WAIT_SECONDS = 60

Kind: TypeAlias = Literal["named", "automatic", "before-restore", "before-migration"]
"""Who asked for it; `keep` drops automatic ones alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptPart:
    """A part that a snapshot lists."""

    name: str
    checksum: str
    """SHA-256 of its part.json, which holds those of its other files."""
    num_rows: int
    linked: bool
    """Whether its files are in the snapshot; otherwise a restore makes them anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What a library held at one moment, kept in a folder."""

    name: str
    kind: Kind
    created_at: float
    """Seconds since 1970."""
    made_by: str
    """The version of the program."""
    revision: str
    """Of the catalog's schema."""
    library_id: str | None
    generation: int
    epoch: str | None
    videos: int
    segments: int
    catalog_bytes: int
    catalog_sha256: str
    parts: tuple[KeptPart, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, the time as text too."""
        created = datetime.fromtimestamp(self.created_at, UTC).isoformat("T", "seconds")
        return {**asdict(self), "created": created}


@contextlib.contextmanager
def snapshots_lock(folder: Path) -> Iterator[Path]:
    """The folder of a library's snapshots, in which nobody else makes or drops one meanwhile.

    Raises:
        LibraryBusyError: another process has been making one for a minute.
        LibraryError: the folder cannot be written to, or the disk is full.
    """
    root = folder / SNAPSHOTS_NAME
    lock = FileLock(folder / _LOCK_NAME, thread_local=False)
    try:
        lock.acquire(timeout=_WAIT_SECONDS, poll_interval=0.05)
    except Timeout as error:
        raise LibraryBusyError(
            f"another process is making a snapshot of the library in {folder}, or restores one: "
            f"wait until it ends"
        ) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _remove_unfinished(root)
        yield root
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        lock.release()


def list_snapshots(folder: Path) -> list[Snapshot]:
    """Those that are there, oldest first; a folder without a manifest of ours is none."""
    root = folder / SNAPSHOTS_NAME
    names = os.listdir(root) if root.is_dir() else []
    found = (read_manifest(root / name) for name in names if _NAME.fullmatch(name))
    there = [snapshot for snapshot in found if snapshot is not None]
    return sorted(there, key=lambda snapshot: (snapshot.created_at, snapshot.name))


def find_snapshot(folder: Path, name: str) -> Snapshot:
    """One snapshot by its name.

    Raises:
        UnknownSnapshotError: there is none of that name.
    """
    listed = list_snapshots(folder)
    for snapshot in listed:
        if snapshot.name == name:
            return snapshot
    has = told(snapshot.name for snapshot in listed)
    raise UnknownSnapshotError(
        f"the library in {folder} has no snapshot {shorten(name)}; it has: {has}"
    )


def make_snapshot(folder: Path, catalog: Catalog, *, name: str | None, kind: Kind) -> Snapshot:
    """Keep what the library holds now; the caller holds `snapshots_lock`.

    Args:
        name: of the folder; None takes the time, in UTC.

    Raises:
        InputError: the name cannot be one, or is taken.
        LibraryError: the disk is full; nothing was made.
        OSError: likewise.
    """
    from importlib.metadata import version  # here: no search should wait for its import

    root = folder / SNAPSHOTS_NAME
    name = free_name(root, utc_name()) if name is None else _checked_name(root, name)
    with unfinished_folder(root) as partial:
        facts, linked = _copy_with_parts(folder, catalog, partial)
        content = partial / CATALOG_NAME
        snapshot = Snapshot(
            name=name,
            kind=kind,
            created_at=time.time(),
            made_by=version("cpd"),
            revision=facts.revision,
            library_id=facts.library_id,
            generation=facts.generation,
            epoch=facts.epoch,
            videos=facts.num_videos,
            segments=facts.num_segments,
            catalog_bytes=content.stat().st_size,
            catalog_sha256=sha256_of(content),
            parts=tuple(
                KeptPart(**part._asdict(), linked=part.name in linked) for part in facts.parts
            ),
        )
        _write_manifest(partial, snapshot)
        sync_folder(partial)
        os.rename(partial, root / name)
        sync_folder(root)
    return snapshot


def remove_snapshot(folder: Path, name: str) -> None:
    """Delete a snapshot, at once as others see it; the caller holds `snapshots_lock`."""
    root = folder / SNAPSHOTS_NAME
    gone = root / f".{uuid.uuid4().hex}.partial"
    os.rename(root / name, gone)
    sync_folder(root)
    shutil.rmtree(gone, ignore_errors=True)
    _remove_if_empty(root)


def bring_back_parts(folder: Path, snapshot: Snapshot) -> None:
    """Link the files of a snapshot's parts to where the library has its parts.

    Until the catalog lists them they are leftovers; of parts that are still there nothing changes.
    """
    for part in snapshot.parts:
        kept = folder / SNAPSHOTS_NAME / snapshot.name / PARTS_NAME / part.name
        if kept.is_dir():
            _link_files(kept, folder / PARTS_NAME / part.name)


@contextlib.contextmanager
def unfinished_folder(root: Path) -> Iterator[Path]:
    """A new folder that is removed at the end, unless it was renamed by then."""
    partial = root / f".{uuid.uuid4().hex}.partial"
    while True:
        try:
            root.mkdir(exist_ok=True)
            partial.mkdir()
            sync_folder(root.parent)
            break
        except FileNotFoundError:  # a publish removed the empty folder above it meanwhile
            continue
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        _remove_if_empty(root)


def utc_name() -> str:
    """The time as a name: 2026-11-25T02-30-00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")


def free_name(root: Path, wanted: str) -> str:
    """The name, or with a number behind it if it is taken."""
    name, number = wanted, 1
    while (root / name).exists():
        number += 1
        name = f"{wanted}-{number}"
    return name


def read_manifest(entry: Path) -> Snapshot | None:
    """What a folder says of itself; None where it is no snapshot."""
    try:
        told = json.loads((entry / MANIFEST_NAME).read_bytes())
        if told.pop("format") != _FORMAT:
            return None
        parts = tuple(KeptPart(**part) for part in told.pop("parts"))
        snapshot = Snapshot(**told, parts=parts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return snapshot if snapshot.name == entry.name else None


def sha256_of(path: Path) -> str:
    """Of a file, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy_with_parts(folder: Path, catalog: Catalog, partial: Path) -> tuple[CopyFacts, set[str]]:
    """Copy the catalog and link the parts that it lists; what it is, and which were linked."""
    copy = partial / CATALOG_NAME
    for tries_left in reversed(range(_TRIES)):
        copy_catalog(catalog, copy)
        _sync(copy)
        try:
            facts = describe_copy(copy)
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            raise LibraryCorruptError(
                f"the catalog of the library in {folder} cannot be copied ({error}): "
                f"run `cpd index verify`"
            ) from error
        linked = {part.name for part in facts.parts if _link_part(folder, partial, part)}
        # Files of a part are deleted after it is listed no more: one that still is was whole.
        listed = _listed(catalog) if facts.parts else set()
        merged_away = [part.name for part in facts.parts if part.name not in listed]
        if not merged_away:
            break
        for name in merged_away:
            shutil.rmtree(partial / PARTS_NAME / name, ignore_errors=True)
        linked.difference_update(merged_away)
        if tries_left:
            copy.unlink()
    return facts, linked


def _listed(catalog: Catalog) -> set[str]:
    with catalog.read_transaction() as connection:
        return names_of_parts(connection)


def _link_part(folder: Path, partial: Path, part: CopiedPart) -> bool:
    """Link the files of a part into a snapshot; whether that could be done."""
    target = partial / PARTS_NAME / part.name
    try:
        _link_files(folder / PARTS_NAME / part.name, target)
    except OSError:  # damaged or merged away, or a file system without hard links
        shutil.rmtree(target, ignore_errors=True)
        return False
    return True


def _link_files(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    target.mkdir(exist_ok=True)
    for file in source.iterdir():
        with contextlib.suppress(FileExistsError):
            os.link(file, target / file.name)
    sync_folder(target)
    sync_folder(target.parent)


def _write_manifest(folder: Path, snapshot: Snapshot) -> None:
    with (folder / MANIFEST_NAME).open("xb") as file:
        file.write(json.dumps({"format": _FORMAT, **asdict(snapshot)}, indent=1).encode())
        file.flush()
        os.fsync(file.fileno())


def _checked_name(root: Path, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:100]!r} cannot be a snapshot's name: take up to 100 letters and digits, "
            f"also with - . _ between them"
        )
    if (root / name).exists():
        raise InputError(f"there is a snapshot {name} already: take another name, or drop it")
    return name


def _remove_unfinished(root: Path) -> None:
    """Delete what killed runs left; the caller holds the lock, so nobody makes one now."""
    names = os.listdir(root) if root.is_dir() else []
    for name in names:
        if _UNFINISHED.fullmatch(name):
            shutil.rmtree(root / name, ignore_errors=True)


def _remove_if_empty(root: Path) -> None:
    with contextlib.suppress(OSError):  # somebody begins one now
        if not os.listdir(root):
            root.rmdir()


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _unwritable(folder: Path, error: OSError) -> LibraryError:
    return LibraryError(
        f"cannot write a snapshot of the library in {folder}: {error.strerror or error}; the "
        f"library itself is as before; make room or mend the disk, and run again"
    )
