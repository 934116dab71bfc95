"""Who waits sees how far it is; a log file is not flooded."""

import io

import pytest
from rich.console import Console

from index.cli.progress import PLAIN_LINE_SECONDS, AddProgress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watch(console: Console, clock: Clock, *, quiet: bool = False) -> AddProgress:
    progress = AddProgress(console, quiet=quiet, clock=clock)
    with progress:
        progress.found_files(3)
        for _ in range(3):
            clock.now += 20
            progress.segments_embedded(10)
            progress.file_ended("added")
    return progress


def test_a_log_gets_a_line_now_and_then() -> None:
    stream = io.StringIO()

    watch(Console(file=stream, force_terminal=False), Clock())

    assert stream.getvalue() == "indexing: 1/3 files, 20 segments, 0.5/s, 0 failed\n"
    assert PLAIN_LINE_SECONDS == 30


def test_the_number_of_files_grows_while_they_are_looked_for() -> None:
    """The speed counts from the first one: it would leap with each file found otherwise."""
    clock = Clock()
    progress = AddProgress(Console(file=io.StringIO(), force_terminal=False), clock=clock)

    progress.found_files(1)
    clock.now += 10
    progress.segments_embedded(20)
    progress.found_files(2)

    assert progress.state() == "0/2 files, 20 segments, 2.0/s, 0 failed"


def test_quiet_draws_no_bar_on_a_terminal() -> None:
    stream = io.StringIO()

    watch(Console(file=stream, force_terminal=True, width=200), Clock(), quiet=True)

    assert stream.getvalue().count("indexing") == 1


def test_a_terminal_sees_files_segments_speed_and_failures() -> None:
    stream = io.StringIO()
    progress = AddProgress(Console(file=stream, force_terminal=True, width=200), clock=Clock())

    with progress:
        progress.found_files(2)
        progress.file_ended("failed")
        progress.segments_embedded(4)

    assert "1/2 files, 4 segments" in stream.getvalue()
    assert "1 failed" in stream.getvalue()


@pytest.mark.parametrize("how", ["added", "updated", "unchanged", "ignored"])
def test_only_failures_count_as_failed(how: str) -> None:
    progress = AddProgress(Console(file=io.StringIO()), clock=Clock())

    progress.file_ended(how)  # type: ignore[arg-type]  # parametrize knows no Literal

    assert "0 failed" in progress.state()
