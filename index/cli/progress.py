"""Progress of long commands, for the person who waits: on stderr, never on stdout."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from index.ingest.events import FileEnd

if TYPE_CHECKING:
    from index.catalog.taking_in import Taken

PLAIN_LINE_SECONDS = 30.0
"""Between two lines where there is no terminal to draw on."""


class AddProgress:
    """Draws a live bar on a terminal; elsewhere writes a plain line now and then.

    Args:
        console: where to; its `is_terminal` decides which of the two.
        quiet: plain lines even on a terminal, because stdout is read by a program.
    """

    def __init__(
        self,
        console: Console,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._clock = clock
        self._started = self._last_line = clock()
        self._num_files = self._num_ended = self._num_failed = self._num_segments = 0
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if console.is_terminal and not quiet:
            self._bar = Progress(
                TextColumn("indexing"),
                BarColumn(bar_width=30),
                TextColumn("{task.description}"),
                TimeRemainingColumn(compact=True),
                console=console,
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("looking for videos", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def found_files(self, count: int) -> None:
        if not self._num_files:
            self._started = self._clock()
        self._num_files = count
        self._show()

    def file_ended(self, how: FileEnd) -> None:
        self._num_ended += 1
        self._num_failed += how == "failed"
        self._show()

    def segments_embedded(self, count: int) -> None:
        self._num_segments += count
        self._show()

    def state(self) -> str:
        """`12/40 files, 310 segments, 25.8/s, 1 failed`"""
        elapsed_seconds = max(self._clock() - self._started, 1e-3)
        return (
            f"{self._num_ended}/{self._num_files} files, {self._num_segments} segments, "
            f"{self._num_segments / elapsed_seconds:.1f}/s, {self._num_failed} failed"
        )

    def _show(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task,
                total=self._num_files,
                completed=self._num_ended,
                description=self.state(),
            )
        elif self._clock() - self._last_line >= PLAIN_LINE_SECONDS:
            self._last_line = self._clock()
            self._console.print(f"indexing: {self.state()}", highlight=False, soft_wrap=True)


class IntakeProgress:
    """Draws a live bar of videos that are taken in, on a terminal; elsewhere it is silent."""

    def __init__(self, console: Console, verb: str, *, quiet: bool = False) -> None:
        self._bar = Progress(
            TextColumn(verb),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("videos"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=0)
        self._total = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def expected(self, num_videos: int) -> None:
        self._total += num_videos
        self._bar.update(self._task, total=self._total)

    def taken(self, how: "Taken") -> None:
        self._bar.advance(self._task)
