"""What a decoder may do to its process; imported by the workers of a pool."""

import os
import signal
import sys
import threading
import time
from pathlib import Path


def answer(value: int) -> int:
    """Well-behaved."""
    return value


def hang() -> None:
    """Never come back, and do not listen to polite signals."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    while True:
        time.sleep(3600)


def die(number: int) -> None:
    """End the process by a signal, as a decoder with a bug does."""
    os.kill(os.getpid(), number)


def leave(status: int) -> None:
    """End the process without a word."""
    os._exit(status)


def devour() -> None:
    """Allocate without end."""
    hoard = []
    while True:
        hoard.append(bytearray(16 << 20))


def fail_strangely() -> None:
    """Raise what cannot be pickled."""

    class StrangeError(Exception):
        pass

    raise StrangeError("out of tune")


def process_id() -> int:
    """Who works here."""
    return os.getpid()


def process_id_after(seconds: float) -> int:
    """Who works here, told late."""
    time.sleep(seconds)
    return os.getpid()


def loaded_modules() -> list[str]:
    """Top-level names of everything imported here."""
    return sorted({name.partition(".")[0] for name in sys.modules})


def num_threads() -> int:
    """Python threads of this process."""
    return threading.active_count()


def say_who_and_hang(path: Path) -> None:
    """Leave the process id in a file, then never come back."""
    partial = path.with_suffix(".partial")
    partial.write_text(str(os.getpid()))
    partial.rename(path)
    hang()
