"""One long run at a time: a lease that the operating system frees when its holder dies.

An add, or whatever else works on a library for longer than a moment, takes the lease, so that no
two of them do the same work twice or clear away what the other one just made. A short change takes
none: it waits for its turn at the catalog, which SQLite gives one transaction at a time, and so it
goes in between the changes of a run that takes hours.

The lease is `flock` on DIR/writer.lock, so `kill -9` or a crash frees it at once and nothing has to
be cleaned up. Who holds it stands in DIR/writer.json, which only serves the sentence that another
process reads when it has to wait; left over from a killed run it misleads nobody, for the lease
itself is free.

On NFS `flock` holds between hosts only where the server and the mount pass locks on (NFSv4, or
lockd), and SQLite's WAL needs shared memory of one host anyway: keep a library on a local disk.
"""

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import Holder, LibraryBusyError, LibraryError

LOCK_NAME = "writer.lock"
HOLDER_NAME = "writer.json"


@contextlib.contextmanager
def lease(folder: Path, *, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lease of a library.

    Args:
        wait_seconds: how long to wait for another run to end; 0 asks once.

    Raises:
        LibraryBusyError: another process, or another run of this one, holds it.
        LibraryError: the folder cannot be written to.
    """
    # thread_local=False: a job may release on another thread than the one that began it.
    lock = FileLock(folder / LOCK_NAME, thread_local=False)
    try:
        lock.acquire(timeout=wait_seconds, poll_interval=0.1)
    except Timeout as error:
        raise _busy(folder) from error
    except OSError as error:
        raise LibraryError(f"cannot write to the library in {folder}: {error.strerror}") from error
    try:
        _write_holder(folder)
        yield
    finally:
        # In a folder made read-only meanwhile the note stays, and the lease is given back still.
        with contextlib.suppress(OSError):
            (folder / HOLDER_NAME).unlink()
        lock.release()


def read_holder(folder: Path) -> Holder | None:
    """Who took the lease last and has not given it back; None when that cannot be read."""
    try:
        return Holder(**json.loads((folder / HOLDER_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _busy(folder: Path) -> LibraryBusyError:
    holder = read_holder(folder)
    who = str(holder) if holder else "another process"
    return LibraryBusyError(
        f"the library in {folder} is being written by {who}: wait until it ends, or end it",
        holder=holder,
    )


def _write_holder(folder: Path) -> None:
    holder = Holder(
        pid=os.getpid(),
        host=socket.gethostname(),
        since=time.time(),
        command=" ".join(sys.argv)[:200].encode("utf-8", "replace").decode(),
    )
    partial = folder / f"{HOLDER_NAME}.partial"
    # The note is a courtesy: on a full disk the lease holds without it.
    with contextlib.suppress(OSError):
        partial.write_text(json.dumps(asdict(holder)))
        partial.replace(folder / HOLDER_NAME)
