"""Clears away folders of vectors that the catalog does not list: of killed runs, and of before.

A person may keep other things in a library's folder, in `parts` and `snapshots` too: only what
bears a name that this program draws, or drew, is ever deleted.
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path

_PART = re.compile(r"[0-9a-f]{32}(\.partial)?")
_OLD_SNAPSHOTS_NAME = "snapshots"
_OLD_SNAPSHOT = re.compile(r"[0-9]+(\.partial)?")
_OLD_SNAPSHOT_FILES = ("index.faiss", "snapshot.json")


def remove_part(root: Path, name: str) -> None:
    """Delete the files of a part below `root`; a name that is no part's deletes nothing."""
    if _PART.fullmatch(name):  # in a catalog from elsewhere it may be a path that leads anywhere
        shutil.rmtree(root / name, ignore_errors=True)


def remove_unlisted(root: Path, listed: Collection[str]) -> None:
    """Delete the parts below `root` that the catalog does not list and nobody writes."""
    for entry in sorted(root.iterdir()):
        is_ours = _PART.fullmatch(entry.name) is not None
        if is_ours and entry.name not in listed and not _is_written(entry):
            remove_part(root, entry.name)


def remove_old_snapshots(folder: Path) -> None:
    """Delete what took the place of parts in a library of before, and nothing beside it."""
    root = folder / _OLD_SNAPSHOTS_NAME
    with contextlib.suppress(OSError):  # there is none, or other things are in it
        for entry in sorted(root.iterdir()):
            if _OLD_SNAPSHOT.fullmatch(entry.name):
                _remove_old_snapshot(entry)
        root.rmdir()


def _remove_old_snapshot(entry: Path) -> None:
    for name in _OLD_SNAPSHOT_FILES:
        with contextlib.suppress(OSError):
            (entry / name).unlink()
    with contextlib.suppress(OSError):
        entry.rmdir()


def _is_written(entry: Path) -> bool:
    """Whether somebody alive is writing a folder."""
    try:
        descriptor = os.open(entry, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
