"""What the system tells of changes below some folders and files, as paths that are worth a look."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import psutil

from cpd_model.errors import InputError
from index.ingest.files import printable
from index.sidecars.finding import SIDECAR_EXTENSIONS
from index.video.extensions import OTHER_EXTENSIONS, PICTURE_EXTENSIONS

if TYPE_CHECKING:
    from watchfiles import Change

Tell: TypeAlias = Callable[[str], None]

_PASSED_OVER = OTHER_EXTENSIONS - PICTURE_EXTENSIONS

_REMOTE = frozenset(
    {"9p", "afs", "ceph", "cifs", "davfs", "nfs", "nfs4", "smb2", "smb3", "smbfs", "vboxsf"}
    | {"virtiofs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
)
"""File systems on which others change files, of which inotify hears nothing."""

_STEP_MS = 50
_POLL_MS = 1000


def watched_folders(paths: Sequence[str | Path]) -> list[Path]:
    """The real paths of what is to be watched.

    Raises:
        InputError: one is neither a file nor a folder that is there; patterns are none.
    """
    real = []
    for named in paths:
        path = Path(os.path.realpath(os.path.expanduser(named)))
        if not path.exists():
            raise InputError(
                f"no such file or folder: {printable(named)}; watch takes files and folders that "
                f"are there, and no patterns"
            )
        real.append(path)
    return list(dict.fromkeys(real))


def changes_below(
    watched: Sequence[Path], *, leave_out: Path, poll: bool, tick_seconds: float, tell: Tell
) -> Iterator[set[Path]]:
    """Paths to which something happened, a set each time that something did or a tick passed.

    The system is listened to from the first set on, which comes at once or after a tick.

    Args:
        leave_out: a folder of which nothing is told: the library.
        poll: look at all files again and again, rather than ask the system.
        tell: told in a sentence where files are looked at although nobody asked for that.

    Raises:
        InputError: what is watched is gone or was replaced, or cannot be listened to.
    """
    poll = poll or _must_poll(watched, tell)
    while True:
        try:
            yield from _listen(watched, leave_out, poll=poll, tick_seconds=tick_seconds)
        except FileNotFoundError:
            continue  # a folder below went while the system was asked for all of them
        except OSError as error:
            if poll:
                raise InputError(
                    f"cannot watch {printable(watched[0])}: {error.strerror or error}"
                ) from error
            tell(
                f"the system cannot watch so many folders ({error.strerror or error}): looking at "
                f"all files each second instead; a higher fs.inotify.max_user_watches mends that"
            )
            poll = True
        except RuntimeError as error:  # so watchfiles tells of links in a circle, while it polls
            reason = str(error).removeprefix("error in underlying watcher: ")
            raise InputError(f"cannot watch {printable(watched[0])}: {reason}") from error


def _listen(
    watched: Sequence[Path], leave_out: Path, *, poll: bool, tick_seconds: float
) -> Iterator[set[Path]]:
    from watchfiles import Change, watch

    files = {path for path in watched if path.is_file()}
    folders = [path for path in watched if path not in files]
    # The folder of a file is listened to: a file that is replaced by another is a new one.
    listened = list(dict.fromkeys([*folders, *(path.parent for path in files)]))
    identities = {folder: _identity(folder, poll=poll) for folder in listened}
    _require(watched, identities, poll=poll)
    for told in watch(
        *listened,
        watch_filter=None,
        step=_STEP_MS,
        debounce=int(tick_seconds * 1000),
        rust_timeout=int(tick_seconds * 1000),
        yield_on_timeout=True,
        force_polling=poll,
        poll_delay_ms=_POLL_MS,
        ignore_permission_denied=True,
    ):
        _require(watched, identities, poll=poll)
        found: set[Path] = set()
        for change, name in told:
            path = Path(name)
            if change is Change.deleted and path in identities and not poll:
                raise _gone(path)  # also where the next one there got its number
            if leave_out not in (path, *path.parents) and _is_watched(path, folders, files):
                found |= _worth_a_look(change, path)
        yield found


def _require(
    watched: Sequence[Path], identities: Mapping[Path, tuple[int, ...] | None], *, poll: bool
) -> None:
    """Refuse to go on where the system listens to something else than is named, or to nothing."""
    for folder, identity in identities.items():
        if identity is None or _identity(folder, poll=poll) != identity:
            raise _gone(folder)
    for path in watched:
        if not path.exists():
            raise _gone(path)


def _identity(folder: Path, *, poll: bool) -> tuple[int, ...] | None:
    """What tells a folder from one that takes its place; None where no folder is.

    The system listens to a folder whatever its name; who looks for himself goes by the name.
    """
    try:
        found = folder.stat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    return () if poll else (found.st_dev, found.st_ino)


def _gone(path: Path) -> InputError:
    return InputError(
        f"{printable(path)} is gone or was replaced, so it cannot be watched: nothing of it was "
        f"removed from the library; bring it back and watch it again"
    )


def _is_watched(path: Path, folders: Sequence[Path], files: set[Path]) -> bool:
    """Whether a path was named, or lies below what was and is not hidden there."""
    if path in files:
        return True
    for folder in folders:
        if path.is_relative_to(folder):
            return not any(part.startswith(".") for part in path.relative_to(folder).parts)
    return (
        path.parent in {file.parent for file in files} and path.suffix.lower() in SIDECAR_EXTENSIONS
    )


def _worth_a_look(change: "Change", path: Path) -> set[Path]:
    """The files that an add should look at after a change; none where it concerns no video."""
    from watchfiles import Change

    suffix = path.suffix.lower()
    if suffix in SIDECAR_EXTENSIONS:
        return _beside(path)
    if suffix in _PASSED_OVER:
        return set()
    if change is Change.modified and path.is_dir():
        return set()  # of what changed in it the system tells too
    return {path}


def _beside(sidecar: Path) -> set[Path]:
    """The files of which a sidecar may speak; one more costs an add a look at its time."""
    start = sidecar.name.partition(".")[0]
    try:
        names = os.listdir(sidecar.parent)
    except OSError:
        return set()
    alike = (name for name in names if name.startswith(start) and not name.startswith("."))
    return {
        sidecar.parent / name
        for name in alike
        if os.path.splitext(name)[1].lower() not in _PASSED_OVER
    }


def _must_poll(watched: Sequence[Path], tell: Tell) -> bool:
    for path in watched:
        kind = _file_system_of(path)
        if kind in _REMOTE:
            tell(
                f"{printable(path)} is on {kind}, where changes by others are not told: looking at "
                f"all files each second instead"
            )
            return True
    return False


def _file_system_of(path: Path) -> str:
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    return next((mounts[folder] for folder in (path, *path.parents) if folder in mounts), "")
