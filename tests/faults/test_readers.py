"""Whoever searches while a library changes finds what was or what is, and nothing else."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from index.library.library import Library
from tests.faults.children import Children, Job
from tests.faults.operations import OPERATIONS, Window, agree, answer, found
from tests.faults.together import QUERY_SEED

Prepare = Callable[[str, Path], Path]
LONG = pytest.mark.long_faults


class Reader:
    """Searches again and again on a thread of its own, until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        self._library = Library.open(folder)
        self._begun, self._told = threading.Event(), threading.Event()
        self.answers: list[list[Window]] = []
        """What was found, one after the other, repetitions left out."""
        self.errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._search)
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """Have it search once more, and end."""
        self._told.set()
        self._thread.join()
        self._library.close()

    def _search(self) -> None:
        try:
            is_last = False
            while not is_last:
                is_last = self._told.is_set()
                windows = found(self._library, QUERY_SEED)
                if not self.answers or not agree(windows, self.answers[-1]):
                    self.answers.append(windows)
                self._begun.set()
        except BaseException as error:
            self.errors.append(error)
        finally:
            self._begun.set()


@pytest.mark.parametrize(
    "operation",
    [
        "add",
        "update",
        "remove",
        "remove many",
        "set root",
        "publish",
        "compact",
        "repair",
        "restore",
    ],
)
def test_a_reader_in_another_process_sees_one_state_after_the_other(
    operation: str, children: Children, prepared: Prepare, tmp_path: Path
) -> None:
    folder = prepared(operation, tmp_path / "library")
    expected = [answer(state, QUERY_SEED) for state in OPERATIONS[operation].states]
    reader = Reader(folder)

    (end,) = children.run(Job("operations:run", {"name": operation, "folder": str(folder)}))

    reader.stop()
    assert end.code == 0, end.said
    assert reader.errors == []
    seen = [
        next(number for number, windows in enumerate(expected) if agree(windows, found_then))
        for found_then in reader.answers
    ]
    assert seen == sorted(seen)
    assert seen[-1] == len(expected) - 1


@pytest.mark.parametrize(
    "operation",
    [
        "update",
        "publish",
        "restore",
        pytest.param("add", marks=LONG),
        pytest.param("compact", marks=LONG),
    ],
)
def test_a_search_between_any_two_durable_calls_sees_a_state_that_was_meant(
    operation: str, children: Children, prepared: Prepare, tmp_path: Path
) -> None:
    folder = prepared(operation, tmp_path / "library")
    arguments = {"operation": operation, "folder": str(folder)}

    (end,) = children.run(Job("together:run_and_read", arguments))

    assert end.code == 0, end.said
    seen = [int(number) for number in end.said.split()]
    assert seen == sorted(seen)
    assert seen[-1] == len(OPERATIONS[operation].states) - 1
