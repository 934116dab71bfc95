"""One long run at a time, whoever dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.errors import LibraryBusyError, LibraryError
from index.library.lock import HOLDER_NAME, lease, read_holder

HOLD = """
import sys, time
from pathlib import Path
from index.library.lock import lease
with lease(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


class Process:
    """Another process that holds the lock."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder), str(seconds)], stdout=subprocess.PIPE
        )
        assert self._popen.stdout is not None
        assert self._popen.stdout.readline() == b"held\n"

    @property
    def pid(self) -> int:
        return self._popen.pid

    def kill(self) -> None:
        self._popen.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        self._popen.wait()
        assert self._popen.stdout is not None
        self._popen.stdout.close()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Process]:
    """A process that holds the lock of tmp_path for a minute."""
    process = Process(tmp_path, 60)
    yield process
    process.kill()


def test_a_second_run_is_told_who_holds_the_library(tmp_path: Path, holder: Process) -> None:
    with pytest.raises(LibraryBusyError) as caught, lease(tmp_path):
        pass

    assert caught.value.holder is not None
    assert caught.value.holder.pid == holder.pid
    assert f"process {holder.pid} on {os.uname().nodename} since 20" in str(caught.value)


def test_killing_the_holder_frees_the_library(tmp_path: Path, holder: Process) -> None:
    holder.kill()

    with lease(tmp_path):
        now = read_holder(tmp_path)

    assert now is not None
    assert now.pid == os.getpid()
    assert read_holder(tmp_path) is None


def test_the_lease_is_given_back_when_the_note_cannot_be_removed(tmp_path: Path) -> None:
    """As in a folder that was made read-only meanwhile; a folder in its place refuses root too."""
    with lease(tmp_path):
        (tmp_path / HOLDER_NAME).unlink()
        (tmp_path / HOLDER_NAME).mkdir()

    with lease(tmp_path):
        pass


def test_a_run_waits_for_the_one_before(tmp_path: Path) -> None:
    process = Process(tmp_path, 0.5)
    began = time.monotonic()

    with lease(tmp_path, wait_seconds=30):
        waited = time.monotonic() - began

    assert waited < 25
    process.wait()


def test_two_runs_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    with lease(tmp_path), pytest.raises(LibraryBusyError), lease(tmp_path):
        pass


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": 1}'])
def test_an_unreadable_note_names_nobody(tmp_path: Path, holder: Process, note: str) -> None:
    (tmp_path / HOLDER_NAME).write_text(note)

    with pytest.raises(LibraryBusyError, match="another process") as caught, lease(tmp_path):
        pass

    assert caught.value.holder is None


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.touch()

    with pytest.raises(LibraryError, match="cannot write to the library"), lease(occupied):
        pass
