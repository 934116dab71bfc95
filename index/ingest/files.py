"""From the PATH arguments of a command to the video files they mean."""

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from cpd_model.errors import InputError
from index.sidecars.finding import SidecarFinder
from index.video.extensions import VIDEO_EXTENSIONS

ScanFolder: TypeAlias = Callable[[str], AbstractContextManager[Iterable["os.DirEntry[str]"]]]
"""Lists one folder, as `os.scandir` does."""

IsVideo: TypeAlias = Callable[[Path], bool]
"""Decides for one file; may raise OSError."""

Selects: TypeAlias = Callable[[Path], bool]
"""Which files are meant, by their absolute and real path."""

_Kind: TypeAlias = Literal["file", "folder", "link", "other"]

_CHUNK_BYTES = 1 << 20


class Unreadable(NamedTuple):
    """A folder or file that was asked for and cannot be looked into."""

    path: Path
    reason: str


class FoundFiles:
    """The videos below some PATH arguments, found while somebody goes through them.

    Every path is absolute and real (no symlink in it), and comes once: arguments in their order, a
    folder's files sorted by name, then the folders in it. The counts tell how it is up to now.
    """

    def __init__(
        self, walk: "_Walk", named: Iterable[str], is_video: IsVideo, only: Selects | None
    ) -> None:
        self.num_videos = 0
        self._walk = walk
        self._is_video = is_video
        self._only = only
        self._videos = self._find(named)

    @property
    def num_ignored(self) -> int:
        """Files that are no video, by extension or by content, and speak of none beside them."""
        return self._walk.num_ignored

    @property
    def unreadable(self) -> list[Unreadable]:
        """What could not be looked into; the rest is found all the same."""
        return self._walk.unreadable

    def __iter__(self) -> Iterator[Path]:
        """Goes on where it was left."""
        return self._videos

    def _find(self, named: Iterable[str]) -> Iterator[Path]:
        seen: set[str] = set()
        for name in named:
            for file in self._walk.files_under(name):
                if file in seen:
                    continue
                seen.add(file)
                path = Path(file)
                if self._only is not None and not self._only(path):
                    continue
                if self._walk.asks(self._is_video, path):
                    self.num_videos += 1
                    yield path


def find_videos(
    paths: Sequence[str | Path],
    *,
    leave_out: Path | None = None,
    is_video: IsVideo | None = None,
    only: Selects | None = None,
    scan_folder: ScanFolder = os.scandir,
) -> FoundFiles:
    """The videos among files, folders (with all below them) and glob patterns, as they are found.

    Hidden files and folders are passed over unless they are named. A file that is reached twice,
    by symlinks or by overlapping arguments, counts once; loops of symlinks end. No folder is listed
    and no file looked at before somebody asks for the next video.

    Args:
        leave_out: a folder that is never entered: the library itself.
        is_video: decides for one file; `index.video.file.looks_like_video` when None.
        only: which files are looked at, by their real path; others count as nothing.

    Raises:
        InputError: a path does not exist, a pattern matches nothing, or there is no path at all.
    """
    if not paths:
        raise InputError("no PATH was given: name a file, a folder or a pattern such as '*.mp4'")
    if is_video is None:
        from index.video.file import looks_like_video

        is_video = looks_like_video
    return FoundFiles(_Walk(leave_out, scan_folder), list(expand_patterns(paths)), is_video, only)


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


def path_text(named: str | os.PathLike[str]) -> str:
    """A path as text that the system can be asked for; the bytes of any file's name can be.

    Raises:
        InputError: a file cannot be named so: it holds a NUL, or half of a character.
    """
    text = os.fspath(named)
    try:
        possible = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise InputError(
            f"no file can be named {printable(text)}: it holds a NUL or half of a character (a "
            f"lone surrogate); check how it is written"
        )
    return text


def why_unreadable(path: Path) -> str | None:
    """Why not all bytes of a file can be read; None where they can. Reads them all."""
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(_CHUNK_BYTES):
                pass
    except OSError as error:
        return _reason_of(error)
    return None


class _Walk:
    """Goes through folders once each, whatever links lead to them, and notes what is no video."""

    def __init__(self, leave_out: Path | None, scan_folder: ScanFolder) -> None:
        self.num_ignored = 0
        self.unreadable: list[Unreadable] = []
        self._scan_folder = scan_folder
        self._leave_out = None if leave_out is None else os.path.realpath(leave_out)
        self._entered: set[str] = set()
        self._sidecars = SidecarFinder()

    def asks(self, is_video: IsVideo, path: Path) -> bool:
        """The answer for one file; what it is not is noted."""
        try:
            if is_video(path):
                return True
        except OSError as error:
            self.unreadable.append(Unreadable(path, _reason_of(error)))
        else:
            self.num_ignored += not self._speaks_of_video(path)
        return False

    def _speaks_of_video(self, path: Path) -> bool:
        owners = self._sidecars.owners_of(path)
        return any(os.path.splitext(owner)[1].lower() in VIDEO_EXTENSIONS for owner in owners)

    def files_under(self, named: str) -> Iterator[str]:
        """Real paths of the file itself, or of all regular files below the folder."""
        real = os.path.realpath(named)
        try:
            kind = _kind_of(os.stat(real).st_mode)
        except OSError as error:
            self.unreadable.append(Unreadable(Path(real), _reason_of(error)))
            return
        if kind == "folder":
            yield from self._files_in(real)
        elif kind == "file":
            yield real
        else:  # a pipe, socket or device: opening one might never return
            self.num_ignored += 1

    def _files_in(self, folder: str) -> Iterator[str]:
        # A stack of folders, not recursion: trees may be deeper than Python's stack.
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            if current in self._entered or current == self._leave_out:
                continue
            self._entered.add(current)
            folders = []
            for real, kind in self._list(current):
                if kind == "folder":
                    folders.append(real)
                elif kind == "file":
                    yield real
                else:
                    self.num_ignored += 1
            waiting.extend(reversed(folders))

    def _list(self, folder: str) -> Iterator[tuple[str, _Kind]]:
        """Real path and kind of each entry that is not hidden, sorted by name.

        A folder's list brings names and kinds; only links are looked at, each when it is its turn.
        """
        try:
            with self._scan_folder(folder) as entries:
                shown = (entry for entry in entries if not entry.name.startswith("."))
                listed = sorted(shown, key=lambda entry: entry.name)
        except OSError as error:
            self.unreadable.append(Unreadable(Path(folder), _reason_of(error)))
            return
        for entry in listed:
            kind = _kind_of_entry(entry)
            if kind != "link":
                yield os.path.join(folder, entry.name), kind
                continue
            real = os.path.realpath(entry.path)
            try:
                yield real, _kind_of(os.stat(real).st_mode)
            except OSError:  # a link that points nowhere holds nothing to find
                self.num_ignored += 1


def _kind_of(mode: int) -> _Kind:
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"


def _kind_of_entry(entry: "os.DirEntry[str]") -> _Kind:
    try:
        if entry.is_symlink():
            return "link"
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "file" if entry.is_file(follow_symlinks=False) else "other"
    except OSError:  # a file system that lists no kinds, and a file that is gone since
        return "other"


def _reason_of(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
