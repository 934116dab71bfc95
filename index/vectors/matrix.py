"""A matrix of float16 rows that FAISS searches and NumPy reads, in one file or in memory.

The file is what FAISS writes for an `IndexScalarQuantizer` of kind `QT_fp16`: a header and the rows
as they are, so it is written row by row without ever being in memory, and mapped when it is opened.
The rows are those of the catalog bit for bit: FAISS never rounds them.

Axes: N rows, K of them, D dimensions, B = 2 D bytes of a row.
"""

from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.errors import LibraryCorruptError
from index.vectors.checked_file import CheckedFile, CheckedWriter, damaged
from index.vectors.mapped_index import map_index

_ROW_BYTES = 2
_NTOTAL_AT = 8
"""Where the header has the number of rows: after four letters and the dimensions, 4 bytes each."""

_BLOCK_ROWS = 2048
"""Rows decoded at once: 3 MB of float32 at D = 384 stay in the cache."""


class HalfMatrix:
    """Float16 rows; any number of threads may read and search them."""

    def __init__(self, flat: Any, codes_NB: NDArray[np.uint8], file: CheckedFile | None) -> None:
        self.flat = flat
        """The IndexScalarQuantizer over the same memory."""
        self._codes_NB = codes_NB
        self._file = file

    @classmethod
    def in_memory(cls, rows_ND: NDArray[np.float16]) -> Self:
        """A matrix of its own."""
        flat = _empty(rows_ND.shape[1])
        codes_NB = np.ascontiguousarray(rows_ND, dtype="<f2").view(np.uint8)
        flat.add_sa_codes(codes_NB)
        return cls(flat, codes_NB, None)

    @classmethod
    def open(cls, path: Path, file: CheckedFile, *, num_rows: int, embed_dim: int) -> Self:
        """Map a file that `MatrixWriter` wrote.

        Raises:
            LibraryCorruptError: it is not such a file, or has another size.
        """
        header = _header(num_rows, embed_dim)
        # FAISS sees no byte of its own format that is not what it must be: a flipped bit in a
        # length would make it ask for terabytes.
        if bytes(file.bytes[: len(header)]) != header:
            raise damaged(file.name)
        codes_NB = file.bytes[len(header) :]
        if len(codes_NB) != num_rows * embed_dim * _ROW_BYTES:
            raise damaged(file.name)
        try:
            flat = map_index(path)
        except (OSError, RuntimeError) as error:
            raise LibraryCorruptError(f"the file {file.name} is not one FAISS can read") from error
        return cls(flat, codes_NB.reshape(num_rows, -1), file)

    @property
    def num_rows(self) -> int:
        """N."""
        return len(self._codes_NB)

    @property
    def embed_dim(self) -> int:
        """D."""
        return int(self._codes_NB.shape[1]) // _ROW_BYTES

    def decode(self, rows: slice | NDArray[np.int64]) -> Vectors:
        """Some rows as float32 (K, D), of the norm that they were stored with.

        Raises:
            LibraryCorruptError: they are not what was written.
        """
        faiss.omp_set_num_threads(1)
        decoded: Vectors = self.flat.sa_decode(np.ascontiguousarray(self._codes(rows)))
        return decoded

    def stored(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """Some rows as they are kept (K, D).

        Raises:
            LibraryCorruptError: they are not what was written.
        """
        codes_KB = np.ascontiguousarray(self._codes(rows))
        return codes_KB.view("<f2")

    def dot(self, rows: slice | NDArray[np.int64], query_D: Vectors) -> Vectors:
        """Inner products of some rows with a query (K,): the same bits however they are asked for.

        BLAS's matrix products round by position, which would tear equal scores apart.

        Raises:
            LibraryCorruptError: the rows are not what was written.
        """
        if isinstance(rows, slice):
            starts = range(rows.start, rows.stop, _BLOCK_ROWS)
            blocks: list[slice | NDArray[np.int64]] = [
                slice(start, min(start + _BLOCK_ROWS, rows.stop)) for start in starts
            ]
        else:
            blocks = [rows[i : i + _BLOCK_ROWS] for i in range(0, len(rows), _BLOCK_ROWS)]
        parts = [np.vecdot(self.decode(block), query_D) for block in blocks]
        return np.concatenate([np.empty(0, dtype=np.float32), *parts])

    def check_all(self) -> None:
        """Read everything again.

        Raises:
            LibraryCorruptError: it is not what was written.
        """
        if self._file is not None:
            self._file.check_all()

    def release(self) -> None:
        """Let go of the memory of what was read of the file."""
        if self._file is not None:
            self._file.release()

    def _codes(self, rows: slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        if self._file is not None:
            row_bytes = self._codes_NB.shape[1]
            header = len(self._file.bytes) - self._codes_NB.size
            if isinstance(rows, slice):
                self._file.check_stretch(
                    header + rows.start * row_bytes, header + rows.stop * row_bytes
                )
            else:
                self._file.check(header + rows * row_bytes, row_bytes)
        return self._codes_NB[rows]


class MatrixWriter:
    """Writes the file of a matrix row by row; how many will come need not be known."""

    def __init__(self, path: Path, *, embed_dim: int) -> None:
        self._path = path
        self._embed_dim = embed_dim
        self._num_rows = 0
        self._file = CheckedWriter(path)
        self._file.write(_header(0, embed_dim))

    def append(self, rows_KD: NDArray[np.float16]) -> None:
        """Write some rows behind those that are there.

        Raises:
            OSError: the disk is full or broken.
        """
        self._num_rows += len(rows_KD)
        self._file.write(np.ascontiguousarray(rows_KD, dtype="<f2").tobytes())

    def finish(self) -> tuple[HalfMatrix, NDArray[np.uint32]]:
        """Make it durable; the matrix, mapped, and the checksums of its file's pages.

        Raises:
            OSError: the disk is full or broken.
        """
        pages_P = self._file.close(start=_header(self._num_rows, self._embed_dim))
        file = CheckedFile(self._path, pages_P, num_bytes=self._file.num_bytes)
        matrix = HalfMatrix.open(
            self._path, file, num_rows=self._num_rows, embed_dim=self._embed_dim
        )
        return matrix, pages_P

    def abandon(self) -> None:
        """Close the file; the caller removes it."""
        self._file.abandon()


def _empty(embed_dim: int) -> Any:
    half = faiss.ScalarQuantizer.QT_fp16
    return faiss.IndexScalarQuantizer(embed_dim, half, faiss.METRIC_INNER_PRODUCT)


def _header(num_rows: int, embed_dim: int) -> bytes:
    """What FAISS writes before the rows: an empty index says it all but its two counts.

    Source: write_index of IndexScalarQuantizer in faiss/impl/index_write.cpp: type, dimensions,
    ntotal (uint64), ..., and last the number of bytes of the rows (uint64).
    """
    header = bytearray(faiss.serialize_index(_empty(embed_dim)).tobytes())
    header[_NTOTAL_AT : _NTOTAL_AT + 8] = num_rows.to_bytes(8, "little")
    header[-8:] = (num_rows * embed_dim * _ROW_BYTES).to_bytes(8, "little")
    return bytes(header)
