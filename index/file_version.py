"""A file as it was at one moment: the one value by which files are told apart."""

import os
from dataclasses import dataclass
from pathlib import Path

_FIRST_NS, _LAST_NS = -(2**63), 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class FileVersion:
    """A file, and what tells without reading it whether it is still the same."""

    path: Path
    """Bytes that are no UTF-8 are surrogate escapes, as `os.fsdecode` makes them."""

    size_bytes: int
    mtime_ns: int
    """Time of the last change, in nanoseconds since 1970; the nearest that 64 bits hold (the years
    1677 to 2262), for the catalog stores no other."""

    content_hash: str | None
    """SHA-256 of its bytes, 64 hex digits; None where nobody has read them."""

    @staticmethod
    def of(path: Path) -> "FileVersion":
        """The file as it is now, its bytes unread.

        Raises:
            OSError: the file is not there, or not ours to see.
        """
        status = os.stat(path)
        return FileVersion(
            path=path,
            size_bytes=status.st_size,
            mtime_ns=min(max(status.st_mtime_ns, _FIRST_NS), _LAST_NS),
            content_hash=None,
        )

    def is_current(self) -> bool:
        """Whether the file still has this size and time; False where it is gone."""
        try:
            now = FileVersion.of(self.path)
        except OSError:
            return False
        return (now.size_bytes, now.mtime_ns) == (self.size_bytes, self.mtime_ns)
