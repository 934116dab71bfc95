"""DIR of `cpd train --out DIR`: what a run leaves, and how much of it is there.

run.json         settings, versions, data, seconds; `finished` once the bundle stands
metrics.jsonl    one line of figures for each report
tensorboard/     the same figures as curves
checkpoints/     see training.run.checkpoint
bundle/          the result
run.lock         while the run is on, see `RunFolder.claimed`
"""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cpd_model.errors import InputError
from training.run.checkpoint import write_file

LOCK_NAME = "run.lock"

_BEFORE = {"videos", "banks", LOCK_NAME}
"""What stands in a folder before its run is recorded."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class RunFolder:
    """Paths and small files of one run; a second process only reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_file = folder / "run.json"
        self.metrics_file = folder / "metrics.jsonl"
        self.tensorboard = folder / "tensorboard"
        self.checkpoints = folder / "checkpoints"
        self.bundle = folder / "bundle"

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder and keep other runs out while the block runs.

        The system frees the lock when its holder dies. A folder that nothing came into goes again.

        Raises:
            InputError: another run is on here, the folder cannot be made, or the disk is full.
        """
        lock = FileLock(self.folder / LOCK_NAME, thread_local=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"another run writes into {self.folder} now: wait until it ends, or choose "
                "another --out"
            ) from error
        except NotImplementedError:
            pass  # a file system without locks, as some clusters have: people must take care there
        except OSError as error:
            raise self._cannot_be_made(error) from error
        try:
            yield
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            how = "go on with --resume" if self.run_file.exists() else "start it again"
            raise InputError(
                f"the run in {self.folder} cannot write on ({error.strerror}): make room, then "
                f"{how}"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                (self.folder / LOCK_NAME).unlink(missing_ok=True)
            lock.release()
            with contextlib.suppress(OSError):
                self.folder.rmdir()

    def _cannot_be_made(self, error: OSError) -> InputError:
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            return InputError(
                f"{self.folder} is a file or lies below one: --out is a folder, choose another"
            )
        return InputError(
            f"cannot make a run in {self.folder}: {error.strerror}; choose another --out"
        )

    def check(self, *, resume: bool) -> None:
        """Whether a run may begin, or go on, here.

        Raises:
            InputError: another run stands here, or there is nothing to go on with.
        """
        record = self.read()
        if record is None:
            if resume:
                raise InputError(
                    f"there is no run in {self.folder} to go on with; start one without --resume"
                )
            if self.folder.exists() and {path.name for path in self.folder.iterdir()} - _BEFORE:
                raise InputError(
                    f"{self.folder} is not empty and holds no run; choose another --out"
                )
            return
        if resume:
            return
        self.check_longer(None)
        raise InputError(
            f"{self.folder} holds a run already; go on with it by --resume, or choose another --out"
        )

    def check_longer(self, total_steps: int | None) -> None:
        """Whether a run of so many steps has any left; None: no run can become longer.

        Raises:
            InputError: it is finished.
        """
        record = self.read() or {}
        if record.get("finished") and (total_steps is None or record["steps"] >= total_steps):
            raise InputError(
                f"the run in {self.folder} is finished: its result is in {self.bundle}; to let it "
                "learn longer --resume it and set epochs or --max-steps to more than its "
                f"{record['steps']} steps, or choose another --out for a new one"
            )

    def read(self) -> dict[str, Any] | None:
        """What run.json says; None where there is none.

        Raises:
            InputError: it is damaged.
        """
        try:
            record: dict[str, Any] = json.loads(self.run_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.run_file} is damaged: {error}; choose another --out"
            ) from error
        return record

    def write(self, record: dict[str, Any]) -> None:
        """Replace run.json.

        Raises:
            InputError: it cannot be written.
        """
        text = json.dumps(record, indent=2) + "\n"
        write_file(self.run_file, lambda file: _write_text(file, text))

    def publish(self, made: Path) -> None:
        """Let a whole bundle take the place of `bundle`, that of a shorter run included."""
        old = self.bundle.with_name(f"{self.bundle.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self.bundle.exists():
            self.bundle.rename(old)
        made.rename(self.bundle)
        shutil.rmtree(old, ignore_errors=True)

    def add_metrics(self, line: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def last_metrics(self) -> dict[str, Any]:
        """The last line of metrics.jsonl; empty where there is none."""
        lines = self._lines()
        return lines[-1] if lines else {}

    def forget_metrics_after(self, step: int) -> None:
        """Drop the lines of steps that a resumed run does again."""
        lines = [line for line in self._lines() if line["step"] <= step]
        partial = self.metrics_file.with_name(f"{self.metrics_file.name}.partial")
        partial.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        os.replace(partial, self.metrics_file)

    def _lines(self) -> list[dict[str, Any]]:
        """All lines that are whole: a killed run may have left half of one."""
        if not self.metrics_file.is_file():
            return []
        lines = []
        for text in self.metrics_file.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
        return lines


def _write_text(file: Any, text: str) -> None:
    file.write(text.encode())
