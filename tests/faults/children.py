"""Child processes that die, at a hundredth of what starting Python costs.

One server imports the engine and then does nothing but fork: a child begins with everything
imported, no thread and no open file, and may be killed without harm to anybody.

    python -m tests.faults.children       one JSON line in: jobs to run at the same time
                                          one JSON line out: how each of them ended
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PROJECT_ROOT = Path(__file__).resolve().parents[2]


class Job(NamedTuple):
    """A function that a child calls."""

    function: str
    """`module:name`, of the module below tests.faults."""
    arguments: dict[str, Any]
    """That JSON can carry."""


class End(NamedTuple):
    """How a child ended."""

    code: int
    """0 when the function returned, 1 when it raised, minus the signal that killed it."""
    said: str
    """What it wrote, its traceback at the end."""


class Children:
    """The server, seen from the test."""

    def __init__(self) -> None:
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.children"],
            cwd=PROJECT_ROOT,
            env={**os.environ, **one_thread},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *jobs: Job) -> list[End]:
        """Run some jobs at the same time, each in a child of its own, and wait for all."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(jobs) + "\n")
        self._server.stdin.flush()
        return [End(*end) for end in json.loads(self._server.stdout.readline())]

    def close(self) -> None:
        self._server.communicate()


@contextlib.contextmanager
def running_children() -> Iterator[Children]:
    """The server, for the length of a block."""
    children = Children()
    try:
        yield children
    finally:
        children.close()


def serve() -> None:
    """Fork for each job of a line, and answer with their ends."""
    for module in ("operations", "durable_calls", "damage", "together"):
        importlib.import_module(f"tests.faults.{module}")
    for line in sys.stdin:
        jobs = [Job(*job) for job in json.loads(line)]
        with contextlib.ExitStack() as stack:
            outputs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in jobs]
            pids = [_fork(job, to) for job, to in zip(jobs, outputs, strict=True)]
            codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
            ends = []
            for code, output in zip(codes, outputs, strict=True):
                output.seek(0)
                ends.append(End(code, output.read()))
        sys.stdout.write(json.dumps(ends) + "\n")
        sys.stdout.flush()


def _fork(job: Job, output: Any) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        module, name = job.function.split(":")
        getattr(importlib.import_module(f"tests.faults.{module}"), name)(**job.arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
