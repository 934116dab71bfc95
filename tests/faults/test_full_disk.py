"""Where nothing more can be written a step ends in one sentence, and goes on once there is room."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.errors import LibraryError
from index.library.library import Library
from tests.faults.children import Children, Job
from tests.faults.operations import OPERATIONS, held, run
from tests.faults.wholeness import check_finishes, check_whole

Prepare = Callable[[str, Path], Path]

FEW_BYTES = (0, 300, 4096, 40_000, 90_000)
"""Sizes that no file may grow beyond: below a part's, SQLite's log's, the catalog's."""

STEPS = (
    *("create", "add", "update", "remove", "publish", "compact", "repair", "migrate"),
    *("snapshot", "restore"),
)


def check_limited(children: Children, folder: Path, operation: str, most_bytes: int) -> str:
    """Take a step while files cannot grow, and without that; what was said of it."""
    arguments = {"operation": operation, "folder": str(folder), "most_bytes": most_bytes}

    (end,) = children.run(Job("together:run_limited", arguments))

    assert end.code == 0, end.said
    assert "\n" not in end.said
    check_whole(folder, operation)
    check_finishes(folder, operation)
    return end.said


@pytest.mark.parametrize("most_bytes", FEW_BYTES)
@pytest.mark.parametrize("operation", ["add", "publish", "snapshot", "restore", "migrate"])
def test_a_file_that_cannot_grow_is_one_sentence(
    operation: str, most_bytes: int, children: Children, prepared: Prepare, tmp_path: Path
) -> None:
    folder = prepared(operation, tmp_path / "library")

    said = check_limited(children, folder, operation, most_bytes)

    assert said or most_bytes > 4096


@pytest.mark.long_faults
@pytest.mark.parametrize("operation", STEPS)
def test_any_file_that_cannot_grow_is_one_sentence(
    operation: str, children: Children, prepared: Prepare, tmp_path: Path
) -> None:
    for most_bytes in (*range(0, 1000, 100), *range(1024, 140_000, 3000)):
        folder = prepared(operation, tmp_path / str(most_bytes))
        check_limited(children, folder, operation, most_bytes)


@contextlib.contextmanager
def small_disk(folder: Path, *, num_bytes: int) -> Iterator[Path]:
    """A file system of a size; skips where none may be mounted."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("spare_bytes", [0, 100_000])
@pytest.mark.parametrize("operation", ["add", "compact", "snapshot", "restore", "migrate"])
def test_a_full_disk_is_one_sentence(
    operation: str, spare_bytes: int, prepared: Prepare, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", num_bytes=8 << 20) as disk:
        folder = prepared(operation, disk / "library")
        filled = disk / "filled"
        with contextlib.suppress(OSError), filled.open("wb") as file:
            while True:
                file.write(bytes(4096))
        with filled.open("r+b") as file:
            file.truncate(filled.stat().st_size - spare_bytes)

        with pytest.raises(LibraryError, match=r"full|No space|cannot be used"):
            run(operation, folder)

        filled.unlink()
        with Library.open(folder) as library:
            assert held(library) in OPERATIONS[operation].states
        check_finishes(folder, operation)
