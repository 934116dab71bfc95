"""A restore beside other processes: readers find it, writers are told, and none sees a mixture."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from index.library.library import Library
from tests.index.libraries import axis, put

ROOT = Path(__file__).resolve().parents[3]

ASK = """
import sys
from index.errors import LibraryError
from index.library.library import Library
from tests.index.libraries import axis, paths, put

with Library.open(sys.argv[1]) as library, library.writer() as writer:
    for line in sys.stdin:
        try:
            if line.startswith("put"):
                put(writer, line.split()[1], [axis(3)])
            print([paths(library, i) for i in range(4)], flush=True)
        except LibraryError as error:
            print(type(error).__name__, flush=True)
"""


class Process:
    """Another process that has the library open."""

    def __init__(self, popen: "subprocess.Popen[str]") -> None:
        self._popen = popen

    def ask(self, line: str) -> str:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(f"{line}\n")
        self._popen.stdin.flush()
        return self._popen.stdout.readline().strip()


@contextmanager
def process(folder: Path) -> Iterator[Process]:
    words = [sys.executable, "-c", ASK, str(folder)]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as popen:
        yield Process(popen)
        assert popen.stdin is not None
        popen.stdin.close()
        assert popen.wait() == 0


@pytest.fixture
def kept(library: Library) -> Library:
    with library.writer() as writer:
        put(writer, "/a.mp4", [axis(0)])
        writer.publish()
        library.snapshots.create("one")
        put(writer, "/b.mp4", [axis(1)])
        writer.publish()
    return library


def test_another_process_finds_what_was_restored_with_its_next_search(kept: Library) -> None:
    with process(kept.folder) as other:
        assert other.ask("search") == "[['/a.mp4'], ['/b.mp4'], [], []]"

        kept.snapshots.restore("one")

        assert other.ask("search") == "[['/a.mp4'], [], [], []]"


def test_a_writer_in_another_process_is_told_and_changes_nothing(kept: Library) -> None:
    with process(kept.folder) as other:
        assert other.ask("put /d.mp4") == "[['/a.mp4'], ['/b.mp4'], [], ['/d.mp4']]"

        kept.snapshots.restore("one")

        assert other.ask("put /e.mp4") == "LibraryReplacedError"
        assert other.ask("search") == "[['/a.mp4'], [], [], []]"
    with process(kept.folder) as again:
        assert again.ask("put /e.mp4") == "[['/a.mp4'], [], [], ['/e.mp4']]"
    assert kept.verify() == []
