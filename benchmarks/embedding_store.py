"""Where embeddings live: a blob a segment, a blob a video, or a file beside the catalog.

    python benchmarks/embedding_store.py                200,000 segments; appends to RESULTS.md
    python benchmarks/embedding_store.py --segments 20000 --dry-run

Writes the same random float16 vectors three ways, one transaction a video as indexing does, reads
them all back and checks every checksum. What follows from the figures is in
docs/decisions/0001-where-embeddings-live.md; what a real library costs, growth.py tells.

Axes: S segments of one video, D dimensions.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from rig.results import markdown_table, record

EMBED_DIM = 384
SEGMENTS_A_VIDEO = 50
STORED_DTYPE = np.dtype("<f2")


class Store(Protocol):
    """One way to keep vectors."""

    def put(self, video: int, vectors_SD: NDArray[np.float16]) -> None:
        """Write or replace one video, durable on return."""
        ...

    def load_all(self) -> int:
        """Read every vector as float32, check its checksum; how many there were."""
        ...

    def load_one(self, video: int) -> int:
        """Read one video's vectors; how many there were."""
        ...


class BlobPerSegment:
    """A row a segment: its vector and checksum."""

    def __init__(self, folder: Path, synchronous: str) -> None:
        self._connection = _connect(folder, synchronous)
        self._connection.execute(
            "CREATE TABLE embeddings (segment_id INTEGER PRIMARY KEY, video INTEGER NOT NULL,"
            " checksum INTEGER NOT NULL, vector BLOB NOT NULL)"
        )
        self._connection.execute("CREATE INDEX by_video ON embeddings (video)")

    def put(self, video: int, vectors_SD: NDArray[np.float16]) -> None:
        rows = [row_D.tobytes() for row_D in vectors_SD]
        with _transaction(self._connection) as connection:
            connection.execute("DELETE FROM embeddings WHERE video = ?", (video,))
            connection.executemany(
                "INSERT INTO embeddings (video, checksum, vector) VALUES (?, ?, ?)",
                [(video, zlib.crc32(row), row) for row in rows],
            )

    def load_all(self) -> int:
        return self._load("")

    def load_one(self, video: int) -> int:
        return self._load(f"WHERE video = {video}")

    def _load(self, where: str) -> int:
        query = f"SELECT checksum, vector FROM embeddings {where} ORDER BY segment_id"
        return _read_blobs(self._connection.execute(query))


class BlobPerVideo:
    """A row a video: all its vectors and one checksum."""

    def __init__(self, folder: Path, synchronous: str) -> None:
        self._connection = _connect(folder, synchronous)
        self._connection.execute(
            "CREATE TABLE embeddings (video INTEGER PRIMARY KEY, checksum INTEGER NOT NULL,"
            " vectors BLOB NOT NULL)"
        )

    def put(self, video: int, vectors_SD: NDArray[np.float16]) -> None:
        blob = vectors_SD.tobytes()
        with _transaction(self._connection) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
                (video, zlib.crc32(blob), blob),
            )

    def load_all(self) -> int:
        return self._load("")

    def load_one(self, video: int) -> int:
        return self._load(f"WHERE video = {video}")

    def _load(self, where: str) -> int:
        query = f"SELECT checksum, vectors FROM embeddings {where} ORDER BY video"
        return _read_blobs(self._connection.execute(query))


class SideFile:
    """Vectors appended to a file; the row has the place. What is replaced stays until a rewrite."""

    def __init__(self, folder: Path, synchronous: str) -> None:
        self._connection = _connect(folder, synchronous)
        self._connection.execute(
            "CREATE TABLE embeddings (video INTEGER PRIMARY KEY, checksum INTEGER NOT NULL,"
            " offset INTEGER NOT NULL, num_bytes INTEGER NOT NULL)"
        )
        self._path = folder / "vectors.f16"
        self._file = self._path.open("ab")

    def put(self, video: int, vectors_SD: NDArray[np.float16]) -> None:
        blob, offset = vectors_SD.tobytes(), self._file.tell()
        self._file.write(blob)
        self._file.flush()
        os.fsync(self._file.fileno())  # before the row that points at it
        with _transaction(self._connection) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)",
                (video, zlib.crc32(blob), offset, len(blob)),
            )

    def load_all(self) -> int:
        return self._load("")

    def load_one(self, video: int) -> int:
        return self._load(f"WHERE video = {video}")

    def _load(self, where: str) -> int:
        rows = self._connection.execute(
            f"SELECT checksum, offset, num_bytes FROM embeddings {where} ORDER BY offset"
        )

        def blobs() -> Iterator[tuple[int, bytes]]:
            with self._path.open("rb") as file:
                for checksum, offset, num_bytes in rows:
                    file.seek(offset)
                    yield checksum, file.read(num_bytes)

        return _read_blobs(blobs())


def _connect(folder: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "catalog.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.execute("COMMIT")


def _read_blobs(rows: "Iterator[tuple[int, bytes]] | sqlite3.Cursor") -> int:
    num_vectors = 0
    for checksum, blob in rows:
        if zlib.crc32(blob) != checksum:
            raise SystemExit("a checksum does not match: the benchmark itself is wrong")
        num_vectors += np.frombuffer(blob, STORED_DTYPE).astype(np.float32).size // EMBED_DIM
    return num_vectors


class Measured(NamedTuple):
    """What one way of storing costs."""

    name: str
    write_ms_a_video: float
    load_all_seconds: float
    load_one_ms: float
    megabytes: float
    megabytes_after_replacing: float
    """After a tenth of the videos was written a second time."""


def _measure(name: str, kind: Callable[[Path, str], Store], synchronous: str, num: int) -> Measured:
    rng = np.random.default_rng(0)
    vectors_SD = rng.standard_normal((SEGMENTS_A_VIDEO, EMBED_DIM)).astype(STORED_DTYPE)
    folder = Path(tempfile.mkdtemp(prefix="embedding-store-", dir="."))
    try:
        store = kind(folder, synchronous)
        write_seconds = _seconds(lambda: [store.put(video, vectors_SD) for video in range(num)])
        size = _megabytes(folder)
        if store.load_all() != num * SEGMENTS_A_VIDEO:
            raise SystemExit(f"{name} lost vectors: the benchmark itself is wrong")
        load_all = statistics.median(_seconds(store.load_all) for _ in range(3))
        some = range(0, num, max(1, num // 100))
        load_one = _seconds(lambda: [store.load_one(video) for video in some]) / len(some)
        for video in range(0, num, 10):
            store.put(video, vectors_SD)
        return Measured(
            f"{name}, {synchronous}",
            1000 * write_seconds / num,
            load_all,
            1000 * load_one,
            size,
            _megabytes(folder),
        )
    finally:
        shutil.rmtree(folder)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _megabytes(folder: Path) -> float:
    """Of all files, once what waits in the write-ahead log is in the catalog itself."""
    with closing(sqlite3.connect(folder / "catalog.sqlite3")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _store_table(num_videos: int) -> str:
    kinds: dict[str, Callable[[Path, str], Store]] = {
        "blob a segment": BlobPerSegment,
        "blob a video": BlobPerVideo,
        "side file": SideFile,
    }
    measured = [
        _measure(name, kind, synchronous, num_videos)
        for synchronous in ("FULL", "NORMAL")
        for name, kind in kinds.items()
    ]
    header = ["store, synchronous", "write, ms a video", "load all, s", "load one video, ms"]
    header += ["size, MB", "after replacing 10 %, MB"]
    return markdown_table(
        header,
        [
            [
                m.name,
                f"{m.write_ms_a_video:.2f}",
                f"{m.load_all_seconds:.2f}",
                f"{m.load_one_ms:.2f}",
                f"{m.megabytes:.0f}",
                f"{m.megabytes_after_replacing:.0f}",
            ]
            for m in measured
        ],
    )


def main() -> None:
    """Measure, and append to RESULTS.md unless told not to."""
    parser = argparse.ArgumentParser(description="Where embeddings live.")
    parser.add_argument("--segments", type=int, default=200_000)
    parser.add_argument("--dry-run", action="store_true", help="only print")
    arguments = parser.parse_args()
    num_videos = arguments.segments // SEGMENTS_A_VIDEO
    table = _store_table(num_videos)
    name = f"Embedding store, {arguments.segments:,} segments of {EMBED_DIM} dimensions"
    if arguments.dry_run:
        record(name, table, results=None)
    else:
        record(name, table)


if __name__ == "__main__":
    main()
