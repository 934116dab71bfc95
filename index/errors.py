"""Failures of video files and libraries; see cpd_model.errors for the whole family.

InputError
  - VideoError                a file that cannot be decoded; carries `path` and `reason`
      - NotAVideoError        its content is no video: passed over, unless its name promised one
      - VideoTimeoutError     its decoder hung and was killed
      - VideoCrashError       its decoder process died
      - VideoMemoryError      its decoder wanted more memory than it may have
  - UnknownVideoError         no video of that id in the library
LibraryError
  - LibraryNotFoundError      there is no library in that folder
  - LibraryBusyError          another process is writing to it; carries who
  - IndexMismatchError        it was built by another model or with another window
  - LibraryCorruptError       catalog, vectors or snapshot disagree
"""

from pathlib import Path
from typing import TYPE_CHECKING

from cpd_model.errors import CPDError, InputError

if TYPE_CHECKING:
    from index.library.lock import Holder


class VideoError(InputError):
    """A video file cannot be decoded."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"cannot read {Path(path).name}: {reason}")
        self.path = Path(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Path, str]]:
        """Pickle by the two facts, so that it crosses from a decoder process whole."""
        return type(self), (self.path, self.reason)


class NotAVideoError(VideoError):
    """The file holds no video at all: a text, an archive, sound alone."""


class VideoTimeoutError(VideoError):
    """The decoder did not finish in time and was killed."""


class VideoCrashError(VideoError):
    """The decoder process died on this file."""


class VideoMemoryError(VideoError):
    """The decoder wanted more memory than it may have."""


class UnknownVideoError(InputError):
    """The library has no video of that id."""


class LibraryError(CPDError):
    """A library cannot be opened, written or searched."""


class LibraryNotFoundError(LibraryError):
    """There is no library in that folder."""


class LibraryBusyError(LibraryError):
    """Another process is writing to the library."""

    def __init__(self, message: str, *, holder: "Holder | None" = None) -> None:
        super().__init__(message)
        self.holder = holder


class IndexMismatchError(LibraryError):
    """The library was built by another model, window or hop than asked for."""


class LibraryCorruptError(LibraryError):
    """Catalog, vectors or snapshot disagree; `cpd index verify` tells where."""
