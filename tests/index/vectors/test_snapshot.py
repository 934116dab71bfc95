"""Snapshots: whole or absent, and never believed when damaged."""

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.catalog.reads import SnapshotFacts, StoredVectors
from index.errors import LibraryCorruptError, LibraryError
from index.vectors.snapshot import (
    FlatVectors,
    build_vectors,
    read_facts,
    read_snapshot,
    remove_snapshots,
    write_snapshot,
)
from tests.index.libraries import unit_rows


def make_vectors(num_videos: int = 3, *, num_segments: int = 5) -> FlatVectors:
    rows = (unit_rows(num_segments, seed=i).astype(np.float16) for i in range(num_videos))
    stored = [StoredVectors(i, 10 + 7 * i, row) for i, row in enumerate(rows)]
    return build_vectors(stored, embed_dim=4)


def write(folder: Path, vectors: FlatVectors, generation: int = 7) -> SnapshotFacts:
    return write_snapshot(folder, vectors, generation=generation, fingerprint="f")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in (folder / "snapshots").iterdir())


@pytest.mark.parametrize("num_videos", [0, 1, 3])
def test_what_is_read_is_what_was_written(tmp_path: Path, num_videos: int) -> None:
    vectors = make_vectors(num_videos)

    facts = write(tmp_path, vectors)
    loaded = read_snapshot(tmp_path, facts, embed_dim=4)

    assert np.array_equal(loaded.ids_N, vectors.ids_N)
    assert np.array_equal(loaded.vectors_ND, vectors.vectors_ND)
    assert read_facts(tmp_path, 7) == {**facts._asdict(), "fingerprint": "f"}
    assert names(tmp_path) == ["7"]


def test_vectors_are_of_norm_1_though_float16_rounded_them() -> None:
    vectors_ND = make_vectors().vectors_ND

    assert np.linalg.norm(vectors_ND, axis=1) == pytest.approx(1, abs=1e-6)


def test_ids_are_those_of_the_segments() -> None:
    vectors = make_vectors(2, num_segments=3)

    assert vectors.ids_N.tolist() == [10, 11, 12, 17, 18, 19]


def test_many_videos_are_added_in_parts_without_losing_one() -> None:
    row_SD = unit_rows(10_000, seed=0).astype(np.float16)
    stored = [StoredVectors(i, 1 + 10_000 * i, row_SD) for i in range(5)]

    vectors = build_vectors(stored, embed_dim=4)

    assert np.array_equal(vectors.ids_N, np.arange(1, 50_001))
    assert np.array_equal(vectors.vectors_ND[:10_000], vectors.vectors_ND[40_000:])


def test_a_slice_keeps_the_memory_of_an_index_that_nobody_else_holds() -> None:
    rows_ND = make_vectors(1).vectors_ND[1:3]
    gc.collect()
    _ = [np.full((5, 4), 9.0, dtype=np.float32) for _ in range(1000)]

    assert np.linalg.norm(rows_ND, axis=1) == pytest.approx(1, abs=1e-6)


def test_the_view_of_faisss_memory_cannot_be_written_to() -> None:
    vectors_ND = make_vectors().vectors_ND

    with pytest.raises(ValueError, match="read-only"):
        vectors_ND[0, 0] = 1


@pytest.mark.parametrize("at", [0, 60, -1])
def test_a_flipped_bit_is_noticed(tmp_path: Path, at: int) -> None:
    facts = write(tmp_path, make_vectors())
    file = tmp_path / "snapshots" / "7" / "index.faiss"
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)

    with pytest.raises(LibraryCorruptError, match=r"snapshot 7 .* is damaged"):
        read_snapshot(tmp_path, facts, embed_dim=4)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    facts = write(tmp_path, make_vectors())
    (tmp_path / "snapshots" / "7" / "index.faiss").unlink()

    with pytest.raises(LibraryCorruptError, match="cannot be read: No such file"):
        read_snapshot(tmp_path, facts, embed_dim=4)


def test_a_snapshot_of_other_dimensions_is_not_read(tmp_path: Path) -> None:
    facts = write(tmp_path, make_vectors())

    with pytest.raises(LibraryCorruptError, match="15 vectors of 4 dimensions, 15 of 8 were"):
        read_snapshot(tmp_path, facts, embed_dim=8)


def test_removing_keeps_the_listed_and_nothing_half_written(tmp_path: Path) -> None:
    vectors = make_vectors()
    write(tmp_path, vectors, 1)
    write(tmp_path, vectors, 2)
    (tmp_path / "snapshots" / "3.partial").mkdir()

    remove_snapshots(tmp_path, keep=[2])

    assert names(tmp_path) == ["2"]


def test_a_loaded_snapshot_outlives_its_folder(tmp_path: Path) -> None:
    facts = write(tmp_path, make_vectors())
    loaded = read_snapshot(tmp_path, facts, embed_dim=4)

    remove_snapshots(tmp_path, keep=[])

    assert names(tmp_path) == []
    assert loaded.flat.search(loaded.vectors_ND[:1], 1)[1].tolist() == [[0]]


def test_writing_again_replaces_what_an_interrupted_run_left(tmp_path: Path) -> None:
    write(tmp_path, make_vectors(1))
    (tmp_path / "snapshots" / "7.partial").mkdir()

    facts = write(tmp_path, make_vectors(3))

    assert len(read_snapshot(tmp_path, facts, embed_dim=4).ids_N) == 15
    assert names(tmp_path) == ["7"]


def test_a_disk_that_takes_no_more_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from index.errors import LibraryError
from tests.index.vectors.test_snapshot import make_vectors, write
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write(Path(sys.argv[1]), make_vectors(num_segments=2000))
except LibraryError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("cannot write a snapshot of the library in ")
    assert "File too large; nothing is lost" in done.stdout
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "snapshots").touch()

    with pytest.raises(LibraryError, match="cannot write a snapshot"):
        write(tmp_path, make_vectors())
