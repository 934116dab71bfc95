"""What a killed run goes on from: one file a checkpoint, complete or absent.

    checkpoints/step-00001000.pt    the newest few
    checkpoints/best.pt             the best by --val, weights and figures alike

No state of a random generator and no position in the data is kept: both follow from the step.
"""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch

from cpd_model.errors import InputError
from training.run.loop import TrainState
from training.run.window import Window

FORMAT = 3
"""Of the files; a reader refuses others."""

_NAMES = {
    "config": "with other settings",
    "model": "from another start model",
    "tokenizer": "with another tokenizer",
    "pairs": "on other pairs",
}
"""Parts of a run's identity, in the order in which they are compared, and what a change means."""


class LearnedWeights(NamedTuple):
    """What of a run goes into its bundle: the last step's, or the best one's."""

    weights: dict[str, Any]
    """By the model's names."""

    temperature: float
    """What the objective divided cosines by."""


class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        identity: what must not change between the parts of a run: `config`, `model`, `tokenizer`
            and `pairs`, as JSON takes them.
        keep: how many of the newest stay.
    """

    def __init__(self, folder: Path, *, identity: Mapping[str, Any], keep: int) -> None:
        self.folder = folder
        self.identity = dict(identity)
        self._keep = max(1, keep)

    def save(self, state: TrainState) -> Path:
        """Write a checkpoint of this step, then remove the oldest.

        Raises:
            InputError: it cannot be written; the checkpoints before it stay as they are.
        """
        path = self.folder / f"step-{state.step:08d}.pt"
        content = {"format": FORMAT, "identity": self.identity, **_content(state)}
        _write(path, content)
        for old in self.steps()[: -self._keep]:
            old.unlink(missing_ok=True)
        return path

    def save_best(self, state: TrainState) -> Path:
        """Keep the weights of this step as the best so far.

        Raises:
            InputError: it cannot be written; the best before it stays.
        """
        path = self.folder / "best.pt"
        content = {"format": FORMAT, "best": state.best, **learned_now(state)._asdict()}
        _write(path, content)
        return path

    def steps(self) -> list[Path]:
        """Checkpoints of steps, oldest first."""
        return sorted(self.folder.glob("step-*.pt"))

    def load_newest(self, state: TrainState) -> bool:
        """Put the newest checkpoint into the state; False where there is none.

        Raises:
            InputError: it is damaged, or of a run that differs from this one.
        """
        found = self.steps()
        if not found:
            return False
        content = _read(found[-1])
        self._check_identity(content["identity"])
        state.towers.model.load_state_dict(content["model"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.objective.load_state_dict(content["objective"])
        state.step, state.best = content["step"], content["best"]
        state.window = Window(**content["window"])
        return True

    def load_best(self) -> LearnedWeights | None:
        """What the best step had learned; None where none was kept."""
        path = self.folder / "best.pt"
        if not path.is_file():
            return None
        content = _read(path)
        return LearnedWeights(content["weights"], content["temperature"])

    def _check_identity(self, saved: Mapping[str, Any]) -> None:
        for part, meaning in _NAMES.items():
            if saved.get(part) != self.identity.get(part):
                raise InputError(
                    f"the run in {self.folder.parent} was started {meaning}"
                    f"{_difference(saved.get(part), self.identity.get(part))}, so it cannot go on; "
                    "give what it was started with, or choose another --out"
                )


def learned_now(state: TrainState) -> LearnedWeights:
    """What the bundle would hold if the run ended now."""
    return LearnedWeights(dict(state.towers.model.state_dict()), state.objective.temperature)


def _content(state: TrainState) -> dict[str, Any]:
    return {
        "step": state.step,
        "model": state.towers.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "objective": state.objective.state_dict(),
        "best": state.best,
        "window": asdict(state.window),
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    write_file(path, lambda file: torch.save(content, file))


def write_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let `write` fill a file beside `path`, then rename it: complete or as it was before.

    Raises:
        InputError: the disk is full or cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save wraps a failed write in RuntimeError
        partial.unlink(missing_ok=True)
        reason = _os_error(error)
        if reason is None:
            raise
        what = "the disk is full" if reason.errno == errno.ENOSPC else str(reason.strerror)
        raise InputError(
            f"cannot write {path.name} in {path.parent} ({what}); what stood there before is "
            "whole: make room, then go on with --resume"
        ) from error


def _os_error(error: BaseException | None) -> OSError | None:
    """The failure of the system under a chain of exceptions."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if content["format"] != FORMAT:
            raise InputError(
                f"the checkpoint {path} is of format {content['format']} and this version of cpd "
                f"reads format {FORMAT}; use the version that wrote it"
            )
    except InputError:
        raise
    except Exception as error:  # torch.load raises what its unpickler and its zip reader raise
        raise InputError(
            f"the checkpoint {path} is damaged; remove it to go on from the one before"
        ) from error
    return content


def _difference(saved: Any, asked: Any) -> str:
    """The first values of two configurations that differ; nothing for hashes."""
    if not isinstance(saved, dict) or not isinstance(asked, dict):
        return ""
    before, now = dict(_flat(saved)), dict(_flat(asked))
    changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    shown = [f"{key} was {before.get(key)!r}, is {now.get(key)!r}" for key in changed[:3]]
    return f" ({'; '.join(shown)})" if shown else ""


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, inner in value.items():
        name = f"{prefix}{key}"
        rows += _flat(inner, f"{name}.") if isinstance(inner, dict) else [(name, inner)]
    return rows
