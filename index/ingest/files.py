"""From the PATH arguments of a command to the video files they mean."""

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cpd_model.errors import InputError

ScanFolder: TypeAlias = Callable[[str], AbstractContextManager[Iterable["os.DirEntry[str]"]]]
"""Lists one folder, as `os.scandir` does."""

_CHUNK_BYTES = 1 << 20


class Unreadable(NamedTuple):
    """A folder or file that was asked for and cannot be looked into."""

    path: Path
    reason: str


@dataclass
class FoundFiles:
    """What some PATH arguments came to; every path is absolute and real (no symlink in it)."""

    videos: list[Path] = field(default_factory=list)
    """Each once; arguments in their order, a folder's files sorted by name."""

    num_ignored: int = 0
    """Files that are no video, by extension or by content."""

    unreadable: list[Unreadable] = field(default_factory=list)
    """What could not be looked into; the rest was found all the same."""


def find_videos(
    paths: Sequence[str | Path],
    *,
    leave_out: Path | None = None,
    is_video: Callable[[Path], bool] | None = None,
    scan_folder: ScanFolder = os.scandir,
) -> FoundFiles:
    """The videos among files, folders (with all below them) and glob patterns.

    Hidden files and folders are passed over unless they are named. A file that is reached twice,
    by symlinks or by overlapping arguments, counts once; loops of symlinks end.

    Args:
        leave_out: a folder that is never entered: the library itself.
        is_video: decides for one file; `index.video.file.looks_like_video` when None.

    Raises:
        InputError: a path does not exist, a pattern matches nothing, or there is no path at all.
    """
    if not paths:
        raise InputError("no PATH was given: name a file, a folder or a pattern such as '*.mp4'")
    if is_video is None:
        from index.video.file import looks_like_video

        is_video = looks_like_video
    walk = _Walk(leave_out, scan_folder)
    seen: set[str] = set()
    for named in expand_patterns(paths):
        for file in walk.files_under(named):
            if file in seen:
                continue
            seen.add(file)
            _sort_out(Path(file), is_video, walk.found)
    return walk.found


def expand_patterns(paths: Sequence[str | Path]) -> Iterator[str]:
    """The named files and folders; patterns such as `clips/**/*.mp4` become what they match.

    A path that exists is taken as it is, even with a star or bracket in its name.

    Raises:
        InputError: a path does not exist or a pattern matches nothing.
    """
    for path in paths:
        expanded = os.path.expanduser(path)
        if os.path.lexists(expanded):
            yield expanded
            continue
        is_pattern = glob.has_magic(expanded)
        matches = sorted(glob.glob(expanded, recursive=True)) if is_pattern else []
        if not matches:
            what = "no file matches the pattern" if is_pattern else "no such file or folder"
            raise InputError(f"{what}: {printable(path)}; check how it is written")
        yield from matches


def printable(path: str | Path) -> str:
    """A path for people: bytes that are no UTF-8 and control characters shown as escapes."""
    text = os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def why_unreadable(path: Path) -> str | None:
    """Why not all bytes of a file can be read; None where they can. Reads them all."""
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(_CHUNK_BYTES):
                pass
    except OSError as error:
        return _reason_of(error)
    return None


def _sort_out(file: Path, is_video: Callable[[Path], bool], found: FoundFiles) -> None:
    try:
        if is_video(file):
            found.videos.append(file)
        else:
            found.num_ignored += 1
    except OSError as error:
        found.unreadable.append(Unreadable(file, _reason_of(error)))


class _Walk:
    """Goes through folders once each, whatever links lead to them."""

    def __init__(self, leave_out: Path | None, scan_folder: ScanFolder) -> None:
        self.found = FoundFiles()
        self._scan_folder = scan_folder
        self._leave_out = None if leave_out is None else os.path.realpath(leave_out)
        self._entered: set[str] = set()

    def files_under(self, named: str) -> Iterator[str]:
        """Real paths of the file itself, or of all regular files below the folder."""
        real = os.path.realpath(named)
        try:
            mode = os.stat(real).st_mode
        except OSError as error:
            self.found.unreadable.append(Unreadable(Path(real), _reason_of(error)))
            return
        if stat.S_ISDIR(mode):
            yield from self._files_in(real)
        elif stat.S_ISREG(mode):
            yield real
        else:  # a pipe, socket or device: opening one might never return
            self.found.num_ignored += 1

    def _files_in(self, folder: str) -> Iterator[str]:
        # A stack of folders, not recursion: trees may be deeper than Python's stack.
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            if current in self._entered or current == self._leave_out:
                continue
            self._entered.add(current)
            folders = []
            for real, mode in self._list(current):
                if stat.S_ISDIR(mode):
                    folders.append(real)
                elif stat.S_ISREG(mode):
                    yield real
                else:
                    self.found.num_ignored += 1
            waiting.extend(reversed(folders))

    def _list(self, folder: str) -> list[tuple[str, int]]:
        """Real path and mode of each entry that is not hidden, sorted by name."""
        try:
            with self._scan_folder(folder) as entries:
                names = sorted(e.name for e in entries if not e.name.startswith("."))
        except OSError as error:
            self.found.unreadable.append(Unreadable(Path(folder), _reason_of(error)))
            return []
        listed = []
        for name in names:
            real = os.path.realpath(os.path.join(folder, name))
            try:
                listed.append((real, os.stat(real).st_mode))
            except OSError:  # a link that points nowhere holds nothing to find
                self.found.num_ignored += 1
        return listed


def _reason_of(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
