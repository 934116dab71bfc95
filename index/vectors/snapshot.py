"""FAISS snapshots: a cache of the catalog's vectors, ready to be searched.

    DIR/snapshots/42/index.faiss      IndexIDMap over IndexFlatIP; ids are segment ids, ascending
    DIR/snapshots/42/snapshot.json    what it is, for a person; the program asks the catalog

A snapshot is written to `42.partial`, synced and renamed, so that a folder is complete or absent.
It is trusted only if the catalog lists its generation and checksum: one that is left over from an
interrupted run, or from before the catalog was restored from a backup, is never read.

Axes: N rows, S segments of one video, D dimensions.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors
from index.catalog.reads import SnapshotFacts, StoredVectors, to_unit
from index.errors import LibraryCorruptError, LibraryError

_faiss: Any = faiss  # its type stubs lack the file callbacks and get_xb

SNAPSHOTS_NAME = "snapshots"
_INDEX_NAME = "index.faiss"
_FACTS_NAME = "snapshot.json"
_ROWS_AT_ONCE = 16_384
_READ_BYTES = 1 << 20


class FlatVectors(NamedTuple):
    """Unit vectors in a FAISS index, with views of its own memory."""

    index: Any
    """The IndexIDMap; keeps the memory alive."""

    flat: Any
    """The IndexFlatIP inside it, which answers with positions instead of ids."""

    ids_N: NDArray[np.int64]
    """Segment ids, ascending."""

    vectors_ND: Vectors
    """A view into `flat`: no copy, and not to be written to."""


def build_vectors(stored: Iterable[StoredVectors], *, embed_dim: int) -> FlatVectors:
    """Bring the catalog's embeddings, ascending by segment id, into a FAISS index."""
    index = faiss.IndexIDMap(faiss.IndexFlatIP(embed_dim))
    ids: list[NDArray[np.int64]] = []
    rows: list[Vectors] = []
    num_waiting = 0
    for row in stored:
        ids.append(row.first_segment_id + np.arange(len(row.vectors_SD), dtype=np.int64))
        rows.append(to_unit(row.vectors_SD))
        num_waiting += len(row.vectors_SD)
        if num_waiting >= _ROWS_AT_ONCE:
            index.add_with_ids(np.concatenate(rows), np.concatenate(ids))
            ids, rows, num_waiting = [], [], 0
    if rows:
        index.add_with_ids(np.concatenate(rows), np.concatenate(ids))
    return _view(index)


def write_snapshot(
    folder: Path, vectors: FlatVectors, *, generation: int, fingerprint: str
) -> SnapshotFacts:
    """Write a snapshot into the library's folder; whoever calls it lists it in the catalog.

    Raises:
        LibraryError: the disk is full or cannot be written to; nothing is left behind.
    """
    root = folder / SNAPSHOTS_NAME
    partial, final = root / f"{generation}.partial", root / str(generation)
    try:
        _require_room(folder, vectors)
        for stale in (partial, final):
            if stale.exists():
                shutil.rmtree(stale)
        partial.mkdir(parents=True)
        checksum = _write_index(partial / _INDEX_NAME, vectors)
        facts = SnapshotFacts(generation, len(vectors.ids_N), checksum)
        _write_facts(partial / _FACTS_NAME, {**facts._asdict(), "fingerprint": fingerprint})
        _sync_folder(partial)
        partial.rename(final)
        _sync_folder(root)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise LibraryError(
            f"cannot write a snapshot of the library in {folder}: {error.strerror or error}; "
            f"nothing is lost, the videos are indexed and will be searched without it"
        ) from error
    return facts


def read_snapshot(folder: Path, facts: SnapshotFacts, *, embed_dim: int) -> FlatVectors:
    """Load a snapshot that the catalog lists.

    Raises:
        LibraryCorruptError: it is missing, or not what was written.
    """
    path = folder / SNAPSHOTS_NAME / str(facts.generation) / _INDEX_NAME
    name = f"snapshot {facts.generation} of the library in {folder}"
    try:
        with path.open("rb") as file:
            # Before FAISS sees it: a flipped bit in a length would make it ask for terabytes.
            if hashlib.file_digest(file, "sha256").hexdigest() != facts.checksum:
                raise LibraryCorruptError(
                    f"{name} is damaged: its checksum is not what was written"
                )
            file.seek(0)
            index = _faiss.read_index(_faiss.PyCallbackIOReader(file.read, _READ_BYTES))
    except OSError as error:
        raise LibraryCorruptError(f"{name} cannot be read: {error.strerror}") from error
    except RuntimeError as error:
        raise LibraryCorruptError(f"{name} is not one that this FAISS can read") from error
    vectors = _view(index)
    if len(vectors.ids_N) != facts.num_segments or vectors.flat.d != embed_dim:
        raise LibraryCorruptError(
            f"{name} holds {len(vectors.ids_N)} vectors of {vectors.flat.d} dimensions, "
            f"{facts.num_segments} of {embed_dim} were expected"
        )
    return vectors


def read_facts(folder: Path, generation: int) -> dict[str, object]:
    """What a snapshot says of itself in snapshot.json.

    Raises:
        LibraryCorruptError: it does not say.
    """
    path = folder / SNAPSHOTS_NAME / str(generation) / _FACTS_NAME
    try:
        facts: dict[str, object] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise LibraryCorruptError(
            f"snapshot {generation} of the library in {folder} has no readable {_FACTS_NAME}"
        ) from error
    return facts


def remove_snapshots(folder: Path, *, keep: Collection[int]) -> None:
    """Delete every snapshot but the listed ones, and what an interrupted run left half-written.

    A reader that has loaded one is not disturbed: it holds the vectors in memory.
    """
    wanted = {str(generation) for generation in keep}
    root = folder / SNAPSHOTS_NAME
    for entry in root.iterdir() if root.is_dir() else ():
        if entry.name not in wanted:
            shutil.rmtree(entry, ignore_errors=True)


def _view(index: Any) -> FlatVectors:
    flat = _faiss.downcast_index(index.index)
    ids_N = _faiss.vector_to_array(index.id_map)
    if flat.ntotal == 0:
        return FlatVectors(index, flat, ids_N, np.empty((0, flat.d), dtype=np.float32))
    return FlatVectors(index, flat, ids_N, np.asarray(_Memory(index, flat)))


class _Memory:
    """FAISS's memory as a read-only array that keeps the index alive, and so do slices of it."""

    def __init__(self, index: Any, flat: Any) -> None:
        self._index = index
        self.__array_interface__ = {
            "version": 3,
            "typestr": np.dtype(np.float32).str,
            "shape": (flat.ntotal, flat.d),
            "data": (int(flat.get_xb()), True),
        }


def _require_room(folder: Path, vectors: FlatVectors) -> None:
    """Stop before the disk is full, rather than filling what the catalog may need."""
    needed = vectors.vectors_ND.nbytes + vectors.ids_N.nbytes + (1 << 20)
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({needed:,} bytes needed)")


def _write_index(path: Path, vectors: FlatVectors) -> str:
    """Write and sync index.faiss; the SHA-256 of what was written."""
    digest = hashlib.sha256()
    with path.open("wb") as file:

        def write(part: bytes) -> int:
            digest.update(part)
            return file.write(part)

        # Through Python's file, for an OSError that says what happened instead of a C++ one that
        # does not.
        _faiss.write_index(vectors.index, _faiss.PyCallbackIOWriter(write, _READ_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _write_facts(path: Path, facts: dict[str, object]) -> None:
    with path.open("w") as file:
        json.dump(facts, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
