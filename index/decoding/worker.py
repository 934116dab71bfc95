"""What runs inside a decoder process: its limits, its tasks, its errors in our family.

Axes: G gaps.

Only numpy, PyAV, Pillow and light modules of ours are imported here, never torch: a worker starts
in a fraction of a second and stays small.
"""

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Frames
from index.documents import Document
from index.errors import VideoError, VideoMemoryError
from index.video.facts import VideoFacts
from index.video.file import container_document, long_gaps, probe

P = ParamSpec("P")
R = TypeVar("R")

SMALL_BYTES = 1 << 20
"""Results up to this size go through the pipe."""


class HashedFacts(NamedTuple):
    """A file's content hash and what the video in it is."""

    content_hash: str
    """SHA-256 of the file's bytes, 64 hex digits."""

    facts: VideoFacts

    gaps_G2: NDArray[np.float64]
    """Where no new frame appears for long; see `index.video.file.long_gaps`."""

    document: Document
    """What the container says of the video; see `index.video.file.container_document`."""


class FramesFile(NamedTuple):
    """Frames on their way to the parent, as a file that the parent reads and removes."""

    path: Path
    shape: tuple[int, ...]


def start_worker(memory_bytes: int | None, folder: Path) -> None:
    """Set up a decoder process: it dies with its parent, is killed at once, and has a memory cap.

    Should the parent be killed, its workers remove `folder`, where frames wait for it.

    The cap counts from what the process holds now, by RLIMIT_DATA, which Linux checks for every
    private allocation. Other systems do not enforce it, or lack it: there a decoder may take what
    the machine has.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # no Python handler runs in a hung decoder
    threading.Thread(target=_die_with_parent, args=(folder,), daemon=True).start()
    if memory_bytes is not None:
        _limit_memory(memory_bytes)


def run_task(function: Callable[P, R], path: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
    """The function's result; whatever goes wrong becomes a VideoError of this path.

    Foreign exceptions stay here: some of FFmpeg's cannot cross between processes.
    """
    try:
        return function(*args, **kwargs)
    except VideoError:
        raise
    except MemoryError:
        reason = "its decoder wanted more memory than it may have"
        raise VideoMemoryError(path, reason) from None
    except Exception as error:
        raise VideoError(path, f"{type(error).__name__}: {error}") from None


def hash_and_probe(path: Path, *, gap_seconds: float) -> HashedFacts:
    """SHA-256 of a file's content, and what there is to know of the video in it, in one visit.

    Raises:
        NotAVideoError: its content is no video.
        VideoError: it cannot be read.
    """
    facts = probe(path)
    gaps_G2 = long_gaps(path, gap_seconds=gap_seconds)
    try:
        with path.open("rb") as file:
            content_hash = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VideoError(path, (error.strerror or str(error)).lower()) from error
    return HashedFacts(content_hash, facts, gaps_G2, container_document(path))


def frames_to_file(
    folder: Path, function: Callable[P, Frames], /, *args: P.args, **kwargs: P.kwargs
) -> FramesFile | Frames:
    """The frames that a function returns, large ones left in a file in `folder`.

    A pipe would move 50 MB in a quarter of a second, while every other worker waits for it; a file
    takes a third of that and nobody waits. Where the folder is full, the pipe has to do.
    """
    frames = function(*args, **kwargs)
    if frames.nbytes < SMALL_BYTES:
        return frames
    name = None
    try:
        handle, name = tempfile.mkstemp(dir=folder)
        with open(handle, "wb") as file:
            file.write(np.ascontiguousarray(frames).data)
    except OSError:
        if name is not None:
            Path(name).unlink(missing_ok=True)
        return frames
    return FramesFile(Path(name), frames.shape)


def _die_with_parent(folder: Path) -> None:
    # PR_SET_PDEATHSIG would fire when the thread that started us ends, which may be a short one.
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _limit_memory(memory_bytes: int) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        status = Path("/proc/self/status").read_text()
        (held,) = (line for line in status.splitlines() if line.startswith("VmData:"))
        limit = int(held.split()[1]) * 1024 + memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
