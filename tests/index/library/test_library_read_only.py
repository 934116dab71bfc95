"""A library that cannot be written to, on a read-only mount or by its permissions, is searched."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from index.catalog.connection import CATALOG_NAME
from index.library.library import Library
from tests.index.libraries import MADE_BY, axis, put

PROJECT_ROOT = Path(__file__).resolve().parents[3]

READ_EVERYTHING = f"""
import sys
from cpd_model.errors import CPDError
from index.library.library import Library
from tests.index.libraries import axis
try:
    with Library.open(sys.argv[1]) as library:
        hits = library.search(axis(0), fingerprint="{MADE_BY}", limit=1)
        status = library.status()
        print([str(hit.path) for hit in hits], len(library.videos(limit=9)), status.videos)
        print(library.verify())
except CPDError as error:
    print(type(error).__name__, error)
"""

WRITE = """
import sys
from cpd_model.errors import CPDError
from index.library.library import Library
from tests.index.libraries import axis, put
with Library.open(sys.argv[1]) as library:
    try:
        with library.writer() as writer:
            put(writer, "/new.mp4", [axis(0)])
    except CPDError as error:
        print(error)
    try:
        with library.lease():
            pass
    except CPDError as error:
        print(error)
"""

READ_TWICE = f"""
import itertools, sys
from index.library.library import Library
from tests.index.libraries import axis
with Library.open(sys.argv[1]) as library:
    for _ in itertools.chain([""], sys.stdin):
        hits = library.search(axis(0), fingerprint="{MADE_BY}", limit=9)
        print(sorted(str(hit.path) for hit in hits if hit.score > 0.9), flush=True)
"""


class ReadOnly(NamedTuple):
    """A way to keep a process from writing into a folder."""

    name: str
    tool: str

    def command(self, folder: Path) -> list[str]:
        """What to put before the program's own command."""
        if self.name == "mount":
            mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
            user = [] if os.geteuid() == 0 else ["-r"]
            return [self.tool, *user, "-m", "sh", "-c", mount, str(folder)]
        # Root writes whatever the permissions say, unless it gives up that privilege.
        return [self.tool, "--bounding-set=-all"] if os.geteuid() == 0 else []


@pytest.fixture(params=[ReadOnly("mount", "unshare"), ReadOnly("permissions", "setpriv")])
def run(request: pytest.FixtureRequest) -> Callable[..., subprocess.Popen[str]]:
    """Starts a program that can read a folder and not write into it."""
    kind: ReadOnly = request.param

    def start(code: str, folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*kind.command(folder), sys.executable, "-c", code, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=PROJECT_ROOT,
            text=True,
        )

    probe = request.getfixturevalue("tmp_path") / "probe"
    probe.mkdir()
    writable_by_root = 0o555 if kind.name == "permissions" else 0o755
    probe.chmod(writable_by_root)
    code = "import sys, pathlib; (pathlib.Path(sys.argv[1]) / 'x').touch()"
    try:
        said = start(code, probe).communicate(timeout=60)[1]
    except FileNotFoundError as error:
        pytest.skip(f"there is no {error.filename} here")
    if "Read-only file system" not in said and "Permission denied: " not in said:
        pytest.skip(f"a folder cannot be made read-only by {kind.name} here")
    return start


@pytest.fixture
def folder(library: Library) -> Iterator[Path]:
    """Of a library with /a.mp4 in it, closed, without write permission."""
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])
    library.close()
    forbid(library.folder)
    yield library.folder
    library.folder.chmod(0o755)


def forbid(folder: Path) -> None:
    for file in folder.glob(f"{CATALOG_NAME}*"):
        file.chmod(0o444)
    folder.chmod(0o555)


def allow(folder: Path) -> None:
    folder.chmod(0o755)
    for file in folder.glob(f"{CATALOG_NAME}*"):
        file.chmod(0o644)


Run = Callable[..., subprocess.Popen[str]]


def test_it_is_searched_listed_and_verified(folder: Path, run: Run) -> None:
    said, errors = run(READ_EVERYTHING, folder).communicate(timeout=60)

    assert errors == ""
    assert said.splitlines() == ["['/a.mp4'] 1 1", "[]"]


def test_writing_to_it_is_one_sentence(folder: Path, run: Run) -> None:
    said, errors = run(WRITE, folder).communicate(timeout=60)

    assert errors == ""
    change, lease = said.splitlines()
    assert change == lease
    assert "cannot be written to: catalog.sqlite3 or its folder is read-only here" in change


def test_changes_that_a_killed_writer_left_in_the_log_are_read(
    library: Library, tmp_path: Path, run: Run
) -> None:
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])
        folder = shutil.copytree(library.folder, tmp_path / "killed")
    forbid(folder)

    said, errors = run(READ_EVERYTHING, folder).communicate(timeout=60)

    assert errors == ""
    assert said.splitlines() == ["['/a.mp4'] 1 1", "[]"]


def test_a_log_that_cannot_be_read_says_what_to_do(
    library: Library, tmp_path: Path, run: Run
) -> None:
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])
        folder = shutil.copytree(library.folder, tmp_path / "killed")
    (folder / f"{CATALOG_NAME}-shm").unlink()
    forbid(folder)

    said, errors = run(READ_EVERYTHING, folder).communicate(timeout=60)

    assert errors == ""
    (sentence,) = said.splitlines()
    assert "last changes are still in catalog.sqlite3-wal" in sentence
    assert "Open it once where it can be written" in sentence


def test_what_is_written_elsewhere_meanwhile_is_found(folder: Path, run: Run) -> None:
    """By somebody who may write, while this reader holds no lock that could tell it."""
    reader = run(READ_TWICE, folder)
    assert reader.stdout is not None
    assert reader.stdin is not None
    found = [reader.stdout.readline()]
    allow(folder)
    with Library.open(folder) as library:
        with library.writer() as writer:
            put(writer, "/b.mp4", [axis(0)])
        forbid(folder)
        reader.stdin.write("while the log is there\n")
        reader.stdin.flush()
        found.append(reader.stdout.readline())
        allow(folder)
    forbid(folder)
    said, errors = reader.communicate("after the writer has closed it\n", timeout=60)

    assert errors == ""
    both = "['/a.mp4', '/b.mp4']"
    assert [line.strip() for line in [*found, said]] == ["['/a.mp4']", both, both]


def test_an_older_library_asks_to_be_opened_where_it_can_be_written(
    library: Library, run: Run
) -> None:
    with library._catalog.maintenance_transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    library.close()
    forbid(library.folder)

    said, errors = run(READ_EVERYTHING, library.folder).communicate(timeout=60)

    assert errors == ""
    assert "made by an older cpd and is read-only here: open it once where it can" in said
