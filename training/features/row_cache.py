"""Rows of numbers that are costly to compute, kept in files by the content that they were made of.

The cache is worthless to everything else: a damaged or deleted entry is just computed again.

Axes: R rows of one entry, W width of a row.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_DIGEST_BYTES = 32
_SUFFIXES = {"float32": "f32", "float16": "f16"}


class RowCache:
    """A folder of arrays (R, W), one file each; R may differ from one to the next."""

    def __init__(
        self, folder: Path, *, width: int, dtype: Literal["float32", "float16"] = "float32"
    ) -> None:
        """All that the rows depend on, but for the content, must be part of the folder's name."""
        self.folder = folder
        self._width = width
        self._dtype = np.dtype(dtype)
        self._stored = self._dtype.newbyteorder("<")
        self._suffix = _SUFFIXES[dtype]

    def load(self, content_hash: str) -> NDArray[Any] | None:
        """The rows (R, W) stored under this hash, R >= 1; None where none or damaged ones are."""
        try:
            content = self._path_of(content_hash).read_bytes()
        except OSError:
            return None
        digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        row_bytes = self._dtype.itemsize * self._width
        if hashlib.sha256(payload).digest() != digest or not payload or len(payload) % row_bytes:
            return None
        rows = np.frombuffer(payload, dtype=self._stored)
        return rows.astype(self._dtype).reshape(-1, self._width)

    def save(self, content_hash: str, rows_RW: NDArray[Any]) -> None:
        """Store rows under this hash; a reader sees all of it or nothing.

        Raises:
            OSError: the folder cannot be written, or the disk is full.
        """
        payload = np.ascontiguousarray(rows_RW, dtype=self._stored).tobytes()
        path = self._path_of(content_hash)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(payload).digest() + payload)
            os.replace(partial, path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise

    def _path_of(self, content_hash: str) -> Path:
        return self.folder / content_hash[:2] / f"{content_hash}.{self._suffix}"
