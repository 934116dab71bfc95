"""SIGTERM and Ctrl-C as a wish that a loop grants after its step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopWish:
    """Whether somebody asked the run to end."""

    def __init__(self) -> None:
        self.signal: int | None = None
        """The signal that asked; None: nobody did."""

    @property
    def interrupted(self) -> bool:
        """Whether it was Ctrl-C."""
        return self.signal == signal.SIGINT

    def __bool__(self) -> bool:
        return self.signal is not None


@contextmanager
def stop_signals() -> Iterator[StopWish]:
    """Collect SIGTERM and Ctrl-C inside the block; a second Ctrl-C interrupts at once.

    Outside of the main thread, where Python hands out no signals, nothing is collected.
    """
    wish = StopWish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return

    def remember(number: int, frame: FrameType | None) -> None:
        if wish.signal == signal.SIGINT == number:
            raise KeyboardInterrupt
        wish.signal = number

    before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
