"""What a person asks of a run, and how it ended."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpd_model.errors import InputError
from training.config import RunConfig
from training.run.source import ListedPairs, PairSource


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRequest:
    """What a person asks for."""

    config: RunConfig
    out: Path
    pairs: Path | None = None
    """A list or folder; None: the pairs of `source`."""

    val: Path | None = None
    """None: the rows of `pairs` whose split is val."""

    resume: bool = False
    max_steps: int | None = None
    """End after so many steps; the schedule ends there too."""

    device: str = "auto"

    caption_from: str | None = None
    """A column of the list to learn from, such as `label`; the recipe adapt alone."""

    source: PairSource | None = None
    """Where pairs come from that no list names, see `training.recipes.with_own_parts`."""

    tokenizer: Callable[[], Any] | None = None
    """Makes the words of a new model that `model.text_start` brings none for."""

    def __post_init__(self) -> None:
        if self.max_steps is not None and self.max_steps < 1:
            raise InputError(f"max_steps must be 1 or more, got {self.max_steps}")

    def pair_source(self) -> PairSource:
        """The list that was named, or else `source`.

        Raises:
            InputError: there is neither.
        """
        if self.pairs is not None:
            return ListedPairs(self.pairs, self.val)
        if self.source is None:
            raise InputError(
                f"the recipe {self.config.recipe} learns from your videos: name their list "
                "with --pairs"
            )
        return self.source

    def as_typed(self, changes: Sequence[str]) -> str:
        """A command that starts this run; with --resume it goes on with it.

        Args:
            changes: what makes `config` of its recipe, as `--set` takes it.
        """
        words = ["cpd", "train", self.config.recipe]
        named = {
            "--pairs": self.pairs,
            "--val": self.val,
            "--out": self.out,
            "--caption-from": self.caption_from,
            "--max-steps": self.max_steps,
        }
        for option, value in named.items():
            words += [] if value is None else [option, str(value)]
        for change in changes:
            words += ["--set", change]
        if self.device != "auto":
            words += ["--device", self.device]
        return shlex.join(words)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """How a run ended."""

    bundle: Path | None
    """None where it was stopped before its end."""

    step: int
    figures: dict[str, Any]
    """The last line of metrics; of a finished run with the figures of what the bundle holds."""

    interrupted: bool
    """Whether Ctrl-C stopped it."""
