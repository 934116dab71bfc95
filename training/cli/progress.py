"""Progress of a `cpd train`, for the person who waits: on stderr, never on stdout."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

PLAIN_LINE_SECONDS = 30.0
"""Between two lines where there is no terminal to draw on."""


class TrainProgress:
    """Messages, and a live line on a terminal; elsewhere a plain line now and then.

    Args:
        console: where to; its `is_terminal` decides which of the two.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._last_line = clock()
        self._total_steps = 0
        self._recall = ""
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("training"),
                BarColumn(bar_width=24),
                TextColumn("{task.description}"),
                TimeRemainingColumn(compact=True),
                console=console,
                transient=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def message(self, text: str) -> None:
        """A line of its own, above the live one."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def planned(self, total_steps: int) -> None:
        self._total_steps = total_steps
        self._last_line = self._clock()
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=total_steps)

    def measured(self, figures: Mapping[str, Any]) -> None:
        state = self._state(figures)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=figures["step"], description=state)
        elif self._clock() - self._last_line >= PLAIN_LINE_SECONDS:
            self._last_line = self._clock()
            self._console.print(state, highlight=False, soft_wrap=True)

    def _state(self, figures: Mapping[str, Any]) -> str:
        """`step 30/90, loss 1.234, R@1 0.250, 80 clips/s, waiting 2%`; the last recall stays."""
        if "recall_at_1" in figures:
            self._recall = f", R@1 {figures['recall_at_1']:.3f}"
        return (
            f"step {figures['step']}/{self._total_steps}, loss {figures['loss']:.3f}"
            f"{self._recall}, {figures['clips_per_second']:.0f} clips/s, "
            f"waiting {figures['wait_share']:.0%}"
        )
