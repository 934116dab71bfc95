"""Files of a part: written with a checksum a page, mapped, and checked where they are read.

Hashing 1.5 GB at every opening would cost a second, so a large file is mapped unread, and each page
is checked the first time that rows are read from it. FAISS's own walk through a mapped file checks
nothing: it can miss a damaged row, and what it finds is read again. Small files are checked whole.
"""

import mmap
import os
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from index.errors import LibraryCorruptError

PAGE_BYTES = 1 << 16
"""What one checksum covers: 30 microseconds of CRC-32, and 85 rows of 384 float16."""

_READ_BYTES = 1 << 20
_KEPT_BYTES = 1 << 25


class CheckedWriter:
    """A file under way, with the CRC-32 of each of its pages; `close` makes it durable."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb")
        self._pages: list[int] = []
        self._page = bytearray()
        self._first_page = bytearray()
        self.num_bytes = 0

    def write(self, content: bytes | memoryview) -> int:
        """Append; the number of bytes, as `BinaryIO.write` tells it."""
        self._file.write(content)
        self.num_bytes += len(content)
        self._first_page += content[: PAGE_BYTES - len(self._first_page)]
        self._page += content
        whole = len(self._page) - len(self._page) % PAGE_BYTES
        for start in range(0, whole, PAGE_BYTES):
            self._pages.append(zlib.crc32(self._page[start : start + PAGE_BYTES]))
        del self._page[:whole]
        return len(content)

    def close(self, *, start: bytes = b"") -> NDArray[np.uint32]:
        """Sync and close; the checksums of all pages, the last one may be shorter.

        Args:
            start: what the file begins with instead, for a header that counts what follows.

        Raises:
            OSError: the disk is full or broken.
        """
        with self._file as file:
            file.seek(0)
            file.write(start)
            file.flush()
            os.fsync(file.fileno())
        pages = [*self._pages, *([zlib.crc32(self._page)] if self._page else [])]
        if start:
            self._first_page[: len(start)] = start
            pages[0] = zlib.crc32(self._first_page)
        return np.array(pages, dtype="<u4")

    def abandon(self) -> None:
        """Close without a promise; the caller removes the file."""
        self._file.close()


class CheckedFile:
    """A mapped file whose pages are checked when they are first read.

    Args:
        name: how messages call it.

    Raises:
        LibraryCorruptError: it is missing, or not as long as it was written.
    """

    def __init__(self, path: Path, pages_P: NDArray[np.uint32], *, num_bytes: int) -> None:
        self.name = f"{path.parent.name[:8]}/{path.name}"
        try:
            found = path.stat().st_size
            if found != num_bytes:
                raise LibraryCorruptError(
                    f"the file {self.name} of the library's vectors has {found} bytes, "
                    f"{num_bytes} were written: run `cpd index repair`"
                )
            with path.open("rb") as file:
                self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise unreadable(path, error) from error
        # A plain array: each slice of a memmap pays for being one.
        self.bytes: NDArray[np.uint8] = np.frombuffer(self._mapped, dtype=np.uint8)
        self._pages_P = pages_P
        self._unchecked_P = np.ones(len(pages_P), dtype=bool)

    def check(self, first_bytes_K: NDArray[np.int64], num_bytes: int) -> None:
        """Check the pages under K stretches of `num_bytes` each, those that were not yet.

        Raises:
            LibraryCorruptError: a page is not what was written.
        """
        first_K = first_bytes_K // PAGE_BYTES
        last_K = (first_bytes_K + num_bytes - 1) // PAGE_BYTES
        for step in range(num_bytes // PAGE_BYTES + 2):
            self._check_pages(np.minimum(first_K + step, last_K))

    def check_stretch(self, start: int, stop: int) -> None:
        """Check the pages under the bytes [start, stop), those that were not yet.

        Raises:
            LibraryCorruptError: a page is not what was written.
        """
        if stop > start:
            self._check_pages(np.arange(start // PAGE_BYTES, (stop - 1) // PAGE_BYTES + 1))

    def check_all(self) -> None:
        """Read the whole file again, whatever was checked before.

        Raises:
            LibraryCorruptError: a page is not what was written.
        """
        self._unchecked_P[:] = True
        for start in range(0, len(self.bytes), _KEPT_BYTES):
            self.check_stretch(start, min(start + _KEPT_BYTES, len(self.bytes)))
            self.release()

    def release(self) -> None:
        """Let go of the memory of what was read; the next to read it maps it again."""
        self._mapped.madvise(mmap.MADV_DONTNEED)

    def _check_pages(self, pages: NDArray[np.int64]) -> None:
        waiting = pages[self._unchecked_P[pages]]
        for page in np.unique(waiting).tolist() if len(waiting) else ():
            content = self.bytes[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
            if zlib.crc32(content.data) != self._pages_P[page]:
                raise damaged(self.name)
            self._unchecked_P[page] = False  # two threads may both come here: both find the same


def crc_of(path: Path) -> int:
    """CRC-32 of a whole file, read in pieces.

    Raises:
        LibraryCorruptError: it cannot be read.
    """
    crc = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                crc = zlib.crc32(piece, crc)
    except OSError as error:
        raise unreadable(path, error) from error
    return crc


def damaged(name: str) -> LibraryCorruptError:
    """The sentence of a file whose checksum is not what was written."""
    return LibraryCorruptError(
        f"the file {name} of the library's vectors is damaged: its checksum is not what was "
        f"written; run `cpd index repair`"
    )


def found_damaged(name: str) -> LibraryCorruptError:
    """The sentence of a part that the catalog marks as damaged."""
    return LibraryCorruptError(
        f"the part {name[:8]} of the library's vectors was found damaged: run `cpd index repair`"
    )


def unreadable(path: Path, error: OSError) -> LibraryCorruptError:
    """The sentence of a file that is not there, or that cannot be read."""
    return LibraryCorruptError(
        f"the file {path.parent.name[:8]}/{path.name} of the library's vectors cannot be read: "
        f"{error.strerror}; run `cpd index repair`"
    )


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable.

    Raises:
        OSError: the disk is broken.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
