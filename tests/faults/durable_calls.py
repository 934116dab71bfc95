"""The calls that make something lasting, wrapped from outside: counted, named, and died at.

A test first records which calls a step makes, then runs it again and again in children that kill
themselves just before or just after one of them. The engine knows nothing of it.
"""

import builtins
import io
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from tests.faults import operations

_RANDOM_NAME = re.compile(r"[0-9a-f]{32}")
_SCHEMA_CHANGE = re.compile(
    r"\s*(CREATE|DROP|ALTER) (?:UNIQUE )?(?:TABLE|INDEX) \"?(\w+)", re.IGNORECASE
)
_PLUMBING = ("index/catalog/connection.py", "index/catalog/file.py")
"""Whoever calls these is who commits."""


class DurableCalls:
    """Counts durable calls by name, and kills this process at one of them.

    Args:
        folder: calls on files outside it are not counted.
        die_at: number of the call to die at, from 0 on; None to only record.
        after: die when it has been done, not before.
    """

    def __init__(self, folder: Path, *, die_at: int | None = None, after: bool = False) -> None:
        self._folder = str(folder)
        self._die_at = die_at
        self._after = after
        self._writing = False
        self.names: list[str] = []

    def install(self) -> None:
        """Wrap them for the rest of this process's life."""
        self._wrap(os, "fsync", lambda fd: self._of_file(_path_of(fd), "synced"))
        self._wrap(os, "rename", lambda old, new, **_: self._of_file(old, "renamed"))
        self._wrap(os, "replace", lambda old, new, **_: self._of_file(old, "replaced"))
        self._wrap(os, "mkdir", self._made)
        self._wrap(os, "unlink", lambda path, **at: self._of_entry(path, at, "deleted"))
        self._wrap(os, "rmdir", lambda path, **at: self._of_entry(path, at, "deleted"))
        self._wrap(io, "open", self._opened)
        self._wrap(builtins, "open", self._opened)
        self._wrap(DefaultDialect, "do_commit", self._committed)
        self._wrap_exchange()
        event.listen(Engine, "before_cursor_execute", self._before_statement)

    def _wrap(self, place: Any, name: str, name_of: Callable[..., str | None]) -> None:
        inner = getattr(place, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            called = name_of(*args, **kwargs)
            if called is None:
                return inner(*args, **kwargs)
            number = self._reach(called)
            done = inner(*args, **kwargs)
            self._leave(number)
            return done

        setattr(place, name, wrapped)

    def _wrap_exchange(self) -> None:
        """SQLite writes a whole catalog in C: one may look on between two steps of it."""
        calls, connect = self, sqlite3.connect

        class WatchedConnection(sqlite3.Connection):
            def backup(self, *args: Any, progress: Any = None, **kwargs: Any) -> None:
                def watched(*told: int) -> None:
                    progress(*told)
                    calls._leave(calls._reach("pages written"))

                super().backup(*args, progress=watched, **kwargs)
                calls._leave(calls._reach("pages exchanged"))

        def connected(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            return connect(*args, **{"factory": WatchedConnection} | kwargs)

        sqlite3.connect = connected

    def _before_statement(
        self, connection: Any, cursor: sqlite3.Cursor, statement: str, *_: object
    ) -> None:
        if statement.startswith("BEGIN"):
            self._writing = statement == "BEGIN IMMEDIATE"
        changes = _SCHEMA_CHANGE.match(statement)
        if changes:
            self._leave(self._reach(f"{changes[1].upper()} {changes[2]}"))

    def _committed(self, *_: object) -> str | None:
        return f"committed by {_who()}" if self._writing else None

    def _made(self, path: Any, *_: object, **__: object) -> str | None:
        return None if os.path.isdir(path) else self._of_file(path, "made")

    def _opened(self, path: Any, mode: str = "r", *_: Any, **__: Any) -> str | None:
        if isinstance(path, int) or not set(mode) & set("wxa+"):
            return None
        return self._of_file(path, "opened")

    def _of_entry(self, path: Any, at: dict[str, int], what: str) -> str | None:
        descriptor = at.get("dir_fd")
        folder = "" if descriptor is None else _path_of(descriptor)
        return self._of_file(os.path.join(folder, os.fspath(path)), what)

    def _of_file(self, path: Any, what: str) -> str | None:
        path = os.path.join(os.getcwd(), os.fspath(path))
        if not path.startswith(self._folder):
            return None
        return f"{_RANDOM_NAME.sub('part', os.path.basename(path))} {what}"

    def _reach(self, name: str) -> int:
        number = len(self.names)
        self.names.append(name)
        if number == self._die_at and not self._after:
            self._die()
        return number

    def _leave(self, number: int) -> None:
        if number == self._die_at and self._after:
            self._die()

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class PowerCut(DurableCalls):
    """Dies as a machine does: bytes and names that were not synced are gone.

    SQLite's own files are left as they are: it syncs them in C, where nobody looks on.
    """

    def install(self) -> None:
        self._unsynced: set[str] = set()
        """Files with bytes that may be lost."""
        self._unnamed: dict[str, str | None] = {}
        """Names that may be lost, each with the name that was there before."""
        self._watch(os, "fsync", lambda descriptor: self._synced(_path_of(descriptor)))
        self._watch(os, "rename", self._renamed)
        self._watch(os, "mkdir", lambda path, *_: self._named(os.fspath(path)))
        self._watch(io, "open", self._written)
        super().install()

    def _watch(self, place: Any, name: str, note: Callable[..., None]) -> None:
        inner = getattr(place, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            done = inner(*args, **kwargs)
            note(*args)
            return done

        setattr(place, name, watched)

    def _written(self, path: Any, mode: str = "r", *_: Any) -> None:
        if not isinstance(path, int) and set(mode) & set("wx"):
            self._unsynced.add(os.fspath(path))
            self._named(os.fspath(path))

    def _named(self, path: str) -> None:
        self._unnamed[path] = None

    def _renamed(self, old: Any, new: Any) -> None:
        self._unnamed.pop(os.fspath(old), None)
        self._unnamed[os.fspath(new)] = os.fspath(old)

    def _synced(self, path: str) -> None:
        self._unsynced.discard(path)
        self._unnamed = {
            name: before for name, before in self._unnamed.items() if os.path.dirname(name) != path
        }

    def _die(self) -> None:
        for path in list(self._unsynced):
            if path.startswith(self._folder) and os.path.exists(path):
                os.truncate(path, 0)
        for name, before in reversed(list(self._unnamed.items())):
            if not name.startswith(self._folder) or not os.path.exists(name):
                continue
            if before is not None:
                os.rename(name, before)
            elif os.path.isdir(name):
                shutil.rmtree(name)
            else:
                os.unlink(name)
        super()._die()


def record(*, operation: str, folder: str) -> None:
    """Run a step whole and print the name of each durable call."""
    calls = DurableCalls(Path(folder))
    calls.install()
    operations.run(operation, Path(folder))
    sys.stdout.write("\n".join(calls.names))


def run_and_die(
    *, operation: str, folder: str, die_at: int, after: bool, power_cut: bool = False
) -> None:
    """Run a step and die at one of its durable calls."""
    kind = PowerCut if power_cut else DurableCalls
    kind(Path(folder), die_at=die_at, after=after).install()
    operations.run(operation, Path(folder))


def _who() -> str:
    """The function of the engine that ends a transaction."""
    frame = sys._getframe(2)
    while frame is not None:
        place = frame.f_code.co_filename
        if "/index/" in place and not place.endswith(_PLUMBING):
            return frame.f_code.co_name
        frame = frame.f_back
    return "nobody"


def _path_of(descriptor: int) -> str:
    return os.readlink(f"/proc/self/fd/{descriptor}")
