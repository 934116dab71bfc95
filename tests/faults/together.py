"""What children do to one library at the same time, on a disk that is full, or before a reader."""

import random
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from index.errors import LibraryError
from index.library.library import Library
from tests.faults import operations
from tests.faults.durable_calls import DurableCalls
from tests.faults.operations import OPERATIONS, State, agree, answer, found, put_seed

NUM_CHANGES = 20
NUM_PATHS = 5
QUERY_SEED = 20


def changes(writer_seed: int) -> Iterator[tuple[str, int | None]]:
    """What one writer does: paths of its own, each put with a seed or removed (None)."""
    draw = random.Random(writer_seed)
    for _ in range(NUM_CHANGES):
        path = f"/writer{writer_seed}/{draw.randrange(NUM_PATHS)}.mp4"
        yield path, draw.randrange(30) if draw.random() < 0.7 else None


def state_after(writer_seed: int) -> State:
    """What is left of a writer's changes."""
    state: State = {}
    for path, seed in changes(writer_seed):
        state.pop(path, None)
        if seed is not None:
            state[path] = seed
    return state


def change(*, folder: str, writer_seed: int) -> None:
    """Put and remove videos, a transaction each."""
    with Library.open(folder) as library, library.writer() as writer:
        for path, seed in changes(writer_seed):
            known = writer.find_at(path)
            if seed is not None:
                put_seed(writer, path, seed)
            elif known is not None:
                writer.remove_video(known.video_id)


def publish_often(*, folder: str, times: int) -> None:
    """Publish and merge what the others write."""
    with Library.open(folder) as library, library.lease() as writer:
        for number in range(times):
            writer.publish()
            writer.compact(whole=number % 2 == 1)


def run_limited(*, operation: str, folder: str, most_bytes: int) -> None:
    """Take a step while no file may grow beyond a size; say the sentence that comes of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    said = ""
    try:
        operations.run(operation, Path(folder))
    except LibraryError as error:
        said = str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))  # or nothing could be said
    sys.stdout.write(said)


class ReadingCalls(DurableCalls):
    """Searches before and after each durable call of a step, with a reader that has been open and
    with one that is opened then; what they find is one of the step's states.
    """

    def __init__(self, folder: Path, states: tuple[State, ...]) -> None:
        super().__init__(folder)
        self._answers = [answer(state, QUERY_SEED) for state in states]
        self._reader = Library.open(folder)
        self._path = folder
        self._is_reading = False
        self.reached: list[int] = []
        """Number of the state that each search found."""

    def _reach(self, name: str) -> int:
        self._read()
        return super()._reach(name)

    def _leave(self, number: int) -> None:
        self._read()

    def _read(self) -> None:
        if self._is_reading:
            return
        self._is_reading = True
        with Library.open(self._path) as opened_now:
            for library in (self._reader, opened_now):
                self.reached.append(self._number_of(found(library, QUERY_SEED)))
        self._is_reading = False

    def _number_of(self, windows: Any) -> int:
        for number, expected in enumerate(self._answers):
            if agree(windows, expected):
                return number
        raise AssertionError(f"after {self.names}: {windows}")


def run_and_read(*, operation: str, folder: str) -> None:
    """Take a step before a reader; say the numbers of the states that it saw."""
    calls = ReadingCalls(Path(folder), OPERATIONS[operation].states)
    calls.install()
    operations.run(operation, Path(folder))
    sys.stdout.write(" ".join(map(str, calls.reached)))
