"""Print the package index that `make setup` asks for PyTorch beside the plain one, or nothing.

PyPI's PyTorch for Linux brings some 3 GB of CUDA. PyTorch's own index has a build without it,
which is what a machine without an NVIDIA GPU wants. Runs before anything is installed, so it
needs nothing but Python.
"""

import argparse
import http.client
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
WAIT_SECONDS = 3.0


class GpuProbe(NamedTuple):
    """Two signs of an NVIDIA GPU; either is enough."""

    command: Sequence[str] = ("nvidia-smi", "-L")
    """Ends with status 0 where the driver answers."""
    driver: Path = Path("/proc/driver/nvidia")
    """There where the kernel has the driver loaded, also without its tools."""

    def finds_one(self) -> bool:
        """Whether this machine has an NVIDIA GPU that its driver knows."""
        if self.driver.exists():
            return True
        try:
            done = subprocess.run(self.command, capture_output=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


class Choice(NamedTuple):
    """Which index, and one sentence that tells the person why."""

    index: str | None
    """The URL of a second index; None: the plain one has what is needed."""
    reason: str


def main() -> None:
    """Print the URL alone to standard output, the reason to standard error."""
    options = read_options()
    if options.given:
        choice = Choice(options.given, f"PyTorch: asking {options.given} too, as INDEX_URL says.")
    elif "gpu" in options.extras.split(","):
        choice = Choice(None, "PyTorch: with CUDA, from the plain index, as EXTRAS names gpu.")
    else:
        choice = choose()
    print(f"== {choice.reason}", file=sys.stderr)
    if choice.index is not None:
        print(choice.index)


def read_options() -> argparse.Namespace:
    """--given: what the person said; --extras: what is installed besides."""
    parser = argparse.ArgumentParser(description="Print the index that has the right PyTorch.")
    parser.add_argument("--given", default="", help="an index that the person named; it wins")
    parser.add_argument("--extras", default="", help="extras, by comma; `gpu` asks for CUDA")
    return parser.parse_args()


def choose(
    *,
    cpu_index: str = CPU_INDEX,
    gpu: GpuProbe | None = None,
    platform: str = sys.platform,
    wait_seconds: float = WAIT_SECONDS,
) -> Choice:
    """The CPU index where PyPI would bring CUDA for nothing, and that index can be reached."""
    if platform != "linux":
        return Choice(None, "PyTorch: from the plain index, which has no CUDA for this system.")
    if (gpu or GpuProbe()).finds_one():
        return Choice(None, "PyTorch: with CUDA, from the plain index: there is an NVIDIA GPU.")
    if answers(f"{cpu_index}/torch/", wait_seconds=wait_seconds):
        return Choice(
            cpu_index, f"PyTorch: its CPU build, from {cpu_index}: there is no NVIDIA GPU."
        )
    return Choice(
        None,
        f"PyTorch: from the plain index (PyPI's brings some 3 GB of CUDA): {cpu_index} does not "
        f"answer within {wait_seconds:g} s; INDEX_URL= names another index.",
    )


def answers(url: str, *, wait_seconds: float) -> bool:
    """Whether the URL can be read within that time.

    A thread, because the time-out of a connection bounds each of its steps (each address of the
    host, each read) and the look-up of the name not at all.
    """
    answered = threading.Event()
    asking = threading.Thread(target=ask, args=(url, wait_seconds, answered), daemon=True)
    asking.start()
    asking.join(wait_seconds)
    return answered.is_set()


def ask(url: str, wait_seconds: float, answered: threading.Event) -> None:
    """Set `answered` when the URL answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=wait_seconds):
            answered.set()
    except (OSError, http.client.HTTPException, ValueError):
        return


if __name__ == "__main__":
    main()
