"""Failures of video files and libraries; see cpd_model.errors for the whole family.

InputError
  - VideoError                a file that cannot be decoded; carries `path` and `reason`
      - NotAVideoError        its content is no video: passed over, unless its name promised one
      - NoFrameError          a video that was read to its end, and no frame came out
      - VideoTimeoutError     its decoder hung and was killed
      - VideoCrashError       its decoder process died
      - VideoMemoryError      its decoder wanted more memory than it may have
  - UnknownVideoError         no video of that id in the library
  - UnknownModelError         no model of that name or number has vectors in the library
  - ModelIncompleteError      a model lacks vectors that what was asked for needs
  - UnknownCollectionError    no collection of that name in the library
  - UnknownRootError          no root of that name in the library
  - UnknownSnapshotError      no snapshot of that name of the library
  - RootGoneError             the folder of a root is gone or empty: its disk may just be away
  - FilterError               a filter that cannot be read, or names what the library does not have
LibraryError
  - LibraryNotFoundError      there is no library in that folder
  - LibraryBusyError          another process is writing to it; carries who
  - LibraryReplacedError      another one took its place while it was written to
  - IndexMismatchError        it was built by another model or with another window
  - LibraryCorruptError       catalog and vectors disagree
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cpd_model.errors import CPDError, InputError


class VideoError(InputError):
    """A video file cannot be decoded."""

    code = "video"

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"cannot read {Path(path).name}: {reason}")
        self.path = Path(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Path, str]]:
        """Pickle by the two facts, so that it crosses from a decoder process whole."""
        return type(self), (self.path, self.reason)


class NotAVideoError(VideoError):
    """The file holds no video at all: a text, an archive, sound alone."""

    code = "not-a-video"


class NoFrameError(VideoError):
    """The file is a video, and decoding all of it brought no frame."""

    code = "no-frame"


class VideoTimeoutError(VideoError):
    """The decoder did not finish in time and was killed."""

    code = "video-timeout"


class VideoCrashError(VideoError):
    """The decoder process died on this file."""

    code = "video-crash"


class VideoMemoryError(VideoError):
    """The decoder wanted more memory than it may have."""

    code = "video-memory"


class UnknownVideoError(InputError):
    """The library has no video of that id."""

    code = "unknown-video"


class UnknownModelError(InputError):
    """No model of that name or number has vectors in the library."""

    code = "unknown-model"


class ModelIncompleteError(InputError):
    """A model lacks vectors that what was asked for needs."""

    code = "model-incomplete"


class UnknownCollectionError(InputError):
    """The library has no collection of that name."""

    code = "unknown-collection"


class UnknownRootError(InputError):
    """The library has no root of that name."""

    code = "unknown-root"


class UnknownSnapshotError(InputError):
    """The library has no snapshot of that name."""

    code = "unknown-snapshot"


class RootGoneError(InputError):
    """The folder of a root is gone or empty: its disk may just be away."""

    code = "root-gone"


class FilterError(InputError):
    """A filter cannot be read, or names what the library does not have."""

    code = "filter"

    def __init__(
        self, message: str, *, position: int | None = None, length: int | None = None
    ) -> None:
        super().__init__(message)
        self.position = position
        """Of the first character of the word that it is about, from 0; None where it is no text."""
        self.length = length
        """Of that word, in characters."""


class LibraryError(CPDError):
    """A library cannot be opened, written or searched."""

    code = "library"


class LibraryNotFoundError(LibraryError):
    """There is no library in that folder."""

    code = "library-not-found"


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Who writes to a library."""

    pid: int
    host: str
    since: float
    """Seconds since 1970."""

    command: str
    """The command line, at most 200 characters."""

    def __str__(self) -> str:
        """As it stands in the sentence that a waiting process shows."""
        since = datetime.fromtimestamp(self.since).astimezone().isoformat(" ", "seconds")
        return f"process {self.pid} on {self.host} since {since} ({self.command})"


class LibraryBusyError(LibraryError):
    """Another process is writing to the library."""

    code = "library-busy"

    def __init__(self, message: str, *, holder: Holder | None = None) -> None:
        super().__init__(message)
        self.holder = holder


class LibraryReplacedError(LibraryError):
    """Another library, or an older state of this one, took its place while it was written to."""

    code = "library-replaced"


class IndexMismatchError(LibraryError):
    """The library was built by another model, window or hop than asked for."""

    code = "index-mismatch"


class LibraryCorruptError(LibraryError):
    """Catalog and vectors disagree; `cpd index verify` tells where."""

    code = "library-corrupt"
