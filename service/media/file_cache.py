"""Small files that are costly to make: a folder of bounded size, least recently used out first."""

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

KEEP_SHARE = 0.9
"""Pruning goes down to this share of the limit, so that it does not run for every new file."""


class FileCache:
    """Files by key, made on first use; several processes may share the folder.

    A caller that asks for what is being made waits for it. What fails is not remembered. Use from
    one event loop; files are written and deleted on threads.

    Args:
        folder: is created; holds nothing but the cache.
        max_bytes: the folder stays under this, save for the file that was just made.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes
        self._num_bytes = sum(size for _, size, _ in files_in(folder))
        self._being_made: dict[str, asyncio.Task[Path]] = {}

    async def get(self, key: str, suffix: str, make: Callable[[], Awaitable[bytes]]) -> Path:
        """The file of `key`, with the bytes that `make` gave when it was first asked for."""
        name = hashlib.sha256(key.encode()).hexdigest()[:40] + suffix
        task = self._being_made.get(name)
        if task is None:  # no await between this and the next line but one: nobody comes between
            task = asyncio.create_task(self._find_or_make(self._folder / name, make))
            self._being_made[name] = task
            task.add_done_callback(lambda task: self._made(name, task))
        return await asyncio.shield(task)  # one caller that leaves does not take it from the others

    def _made(self, name: str, task: asyncio.Task[Path]) -> None:
        del self._being_made[name]
        if not task.cancelled():
            task.exception()  # its callers were told; when all have left, nobody needs to be

    async def close(self) -> None:
        """Give up what is being made."""
        tasks = list(self._being_made.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find_or_make(self, path: Path, make: Callable[[], Awaitable[bytes]]) -> Path:
        if await asyncio.to_thread(_touch, path):
            return path
        content = await make()
        await asyncio.to_thread(_write, path, content)
        self._num_bytes += len(content)
        if self._num_bytes > self._max_bytes:
            self._num_bytes = await asyncio.to_thread(self._prune, path)
        return path

    def _prune(self, newest: Path) -> int:
        """Delete the least recently used files; the bytes that stay."""
        files = sorted(files_in(self._folder))
        num_bytes = sum(size for _, size, _ in files)
        for _, size, path in files:
            if num_bytes <= self._max_bytes * KEEP_SHARE:
                break
            if path != newest:
                path.unlink(missing_ok=True)
                num_bytes -= size
        return num_bytes


def files_in(folder: Path) -> list[tuple[float, int, Path]]:
    """(last use, size in bytes, path) of each file; another process may delete some meanwhile."""
    found = []
    for path in folder.iterdir():
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        found.append((stat.st_atime, stat.st_size, path))
    return found


def _touch(path: Path) -> bool:
    """Note the use of a file, if it is there; its time of change, hence its ETag, stays."""
    try:
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    except FileNotFoundError:
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    handle, partial = tempfile.mkstemp(prefix="partial-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
