"""A part as a folder: written whole under another name, then renamed; mapped when it is opened.

    DIR/parts/<name>/vectors.faiss    the float16 rows (index.vectors.matrix)
                     rows.bin         ids, videos, times (index.vectors.part.ROW_TYPE)
                     runs.bin         where each video's rows begin (RUN_TYPE)
                     index.faiss      of kind ivf alone: what finds candidates
                     pages.bin        CRC-32 of each page of vectors.faiss, then of rows.bin
                     part.json        all of this in figures, with the CRC-32 of the small files

The catalog lists a part by name with the SHA-256 of its part.json: a folder that it does not list,
left over from an interrupted run or from before a backup was restored, is never read.

Axes: N rows, P pages, D dimensions.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.catalog.parts import PartFacts
from index.errors import LibraryCorruptError
from index.vectors.checked_file import (
    PAGE_BYTES,
    CheckedFile,
    CheckedWriter,
    crc_of,
    damaged,
    sync_folder,
    unreadable,
)
from index.vectors.faiss_device import SearchDevice, open_index
from index.vectors.ivf import IvfParameters, open_ivf
from index.vectors.ivf_tuning import Tuned
from index.vectors.kinds import PartIndex
from index.vectors.matrix import HalfMatrix, MatrixWriter
from index.vectors.part import ROW_TYPE, RUN_TYPE, Part, PartSummary, Runs, runs_of

PARTS_NAME = "parts"
FORMAT = 1

VECTORS_NAME = "vectors.faiss"
ROWS_NAME = "rows.bin"
RUNS_NAME = "runs.bin"
INDEX_NAME = "index.faiss"
PAGES_NAME = "pages.bin"
FACTS_NAME = "part.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class PartRange:
    """Which segments a part is to hold, and as of when."""

    generation: int
    first_segment_id: int
    last_segment_id: int
    embed_dim: int
    fingerprint: str


class PartWriter:
    """Writes the rows of a part, in pieces; all of it is durable when `finish` returns."""

    def __init__(self, folder: Path, what: PartRange) -> None:
        self._folder = folder
        self._what = what
        self._matrix = MatrixWriter(folder / VECTORS_NAME, embed_dim=what.embed_dim)
        self._rows = CheckedWriter(folder / ROWS_NAME)
        self._runs: list[NDArray[np.void]] = []
        self._sum_D = np.zeros(what.embed_dim, dtype=np.float64)
        self._norm_range = (np.inf, -np.inf)
        self.num_rows = 0

    def append(self, rows_K: NDArray[np.void], stored_KD: NDArray[np.float16]) -> None:
        """Write some rows, ascending by segment id; whole videos at a time.

        Args:
            rows_K: of ROW_TYPE.
        """
        self._matrix.append(stored_KD)
        self._rows.write(rows_K.tobytes())
        self._runs.append(runs_of(rows_K, first_row=self.num_rows))
        self.num_rows += len(rows_K)
        inverse_K = rows_K["inverse_norm"]
        unit_KD = stored_KD.astype(np.float32) * inverse_K[:, np.newaxis]
        self._sum_D += unit_KD.sum(axis=0, dtype=np.float64)
        least, greatest = self._norm_range
        self._norm_range = (
            min(least, float(inverse_K.min())),
            max(greatest, float(inverse_K.max())),
        )

    def finish_rows(self) -> HalfMatrix:
        """Make the rows durable; the matrix, for whoever builds an index over it.

        Raises:
            OSError: the disk is full or broken.
        """
        matrix, vectors_P = self._matrix.finish()
        rows_P = self._rows.close()
        _write(self._folder / PAGES_NAME, np.concatenate([vectors_P, rows_P]).tobytes())
        _write(self._folder / RUNS_NAME, np.concatenate(self._runs).tobytes())
        return matrix

    def finish(self, built: Tuned | None) -> str:
        """Write what the part says of itself; the SHA-256 that the catalog has to list.

        Args:
            built: how INDEX_NAME, which the caller has written, is to be searched; None for exact.

        Raises:
            OSError: the disk is full or broken.
        """
        small = [PAGES_NAME, RUNS_NAME, *([] if built is None else [INDEX_NAME])]
        facts = {
            "format": FORMAT,
            **asdict(self._what),
            "num_rows": self.num_rows,
            "kind": "exact" if built is None else "ivf",
            "parameters": {} if built is None else asdict(built.parameters),
            "recall": None if built is None else built.recall,
            "bytes": {
                name: os.stat(self._folder / name).st_size
                for name in (VECTORS_NAME, ROWS_NAME, *small)
            },
            "crc32": {name: crc_of(self._folder / name) for name in small},
            "least_inverse_norm": self._norm_range[0],
            "greatest_inverse_norm": self._norm_range[1],
            "sum": self._sum_D.tolist(),
        }
        content = json.dumps(facts, indent=1).encode()
        _write(self._folder / FACTS_NAME, content)
        sync_folder(self._folder)
        return hashlib.sha256(content).hexdigest()

    def abandon(self) -> None:
        """Close what is open; the caller removes the folder."""
        self._matrix.abandon()
        self._rows.abandon()


def open_part(folder: Path, facts: PartFacts, *, device: SearchDevice) -> Part:
    """Map a part that the catalog lists.

    Args:
        folder: of the library.

    Raises:
        LibraryCorruptError: it is missing, or not what was written.
        RuntimeError: the GPU cannot hold it.
    """
    own = folder / PARTS_NAME / facts.name
    try:
        return _open(own, facts, read_facts(own, facts), device)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # Somebody wrote another part.json, and listed its checksum: a library from elsewhere.
        raise LibraryCorruptError(
            f"the file {own.name[:8]}/{FACTS_NAME} of the library's vectors says what cannot be of "
            f"a part: run `cpd index repair`"
        ) from error


def _open(own: Path, facts: PartFacts, told: dict[str, Any], device: SearchDevice) -> Part:
    _check_small_files(own, told)
    num_rows, embed_dim, sizes = told["num_rows"], told["embed_dim"], told["bytes"]
    pages_P = _read(own / PAGES_NAME, np.dtype("<u4"))
    num_vector_pages = -(-sizes[VECTORS_NAME] // PAGE_BYTES)
    vectors = CheckedFile(
        own / VECTORS_NAME, pages_P[:num_vector_pages], num_bytes=sizes[VECTORS_NAME]
    )
    rows = CheckedFile(own / ROWS_NAME, pages_P[num_vector_pages:], num_bytes=sizes[ROWS_NAME])
    matrix = HalfMatrix.open(own / VECTORS_NAME, vectors, num_rows=num_rows, embed_dim=embed_dim)
    index = _index_of(own, told, matrix, device)
    return Part(
        name=facts.name,
        generation=facts.generation,
        first_segment_id=facts.first_segment_id,
        last_segment_id=facts.last_segment_id,
        matrix=matrix,
        rows_N=rows.bytes.view(ROW_TYPE),
        runs=Runs.of(_read(own / RUNS_NAME, RUN_TYPE)),
        summary=PartSummary(
            sum_D=np.array(told["sum"], dtype=np.float64).reshape(embed_dim),
            least_inverse_norm=float(told["least_inverse_norm"]),
            greatest_inverse_norm=float(told["greatest_inverse_norm"]),
        ),
        rows_file=rows,
        index=index,
        recall=None if index.is_exact else facts.recall,
    )


def read_facts(own: Path, facts: PartFacts) -> dict[str, Any]:
    """What a part says of itself, which is what the catalog lists.

    Raises:
        LibraryCorruptError: it is missing, or not what was written.
    """
    path = own / FACTS_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if hashlib.sha256(content).hexdigest() != facts.checksum:
        raise damaged(f"{own.name[:8]}/{FACTS_NAME}")
    told: dict[str, Any] = json.loads(content)
    if told["format"] != FORMAT:
        raise LibraryCorruptError(
            f"the part {own.name[:8]} of the library's vectors has format {told['format']}, this "
            f"program reads {FORMAT}: run `cpd index repair`"
        )
    return told


def _check_small_files(own: Path, told: dict[str, Any]) -> None:
    for name, crc in told["crc32"].items():
        if crc_of(own / name) != crc:
            raise damaged(f"{own.name[:8]}/{name}")


def _index_of(
    own: Path, told: dict[str, Any], matrix: HalfMatrix, device: SearchDevice
) -> PartIndex:
    """What searches the part; on a GPU exactly, whatever there is for the CPU."""
    if told["kind"] == "ivf" and device.name == "cpu":
        return open_ivf(own / INDEX_NAME, IvfParameters(**told["parameters"]), matrix)
    return open_index(matrix, device)


def _read(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        return np.fromfile(path, dtype=dtype)
    except OSError as error:  # merged away since its checksum was looked at
        raise unreadable(path, error) from error


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
