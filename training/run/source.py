"""Where the pairs of a run come from: a list that a person named, or what stands in for one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from training.config import RunConfig
from training.data.batch import BatchOrder
from training.run.model import OnMessage, RunModel
from training.run.pairs import RunPairs, read_run_pairs
from training.run.streams import Streams, open_streams


class PairSource(Protocol):
    """Pairs, and their batches; a run knows no more of them."""

    def read(self, *, on_message: OnMessage) -> RunPairs:
        """The pairs. The first process reads alone, so it may write what the others then find.

        Raises:
            InputError: they cannot be read.
        """
        ...

    def open(
        self,
        pairs: RunPairs,
        built: RunModel,
        *,
        config: RunConfig,
        order: BatchOrder,
        device: str,
        on_message: OnMessage,
    ) -> Streams:
        """Batches of what was read, and who judges; see `open_streams`."""
        ...


@dataclass(frozen=True)
class ListedPairs:
    """A PairSource: the pairs of a list or folder, and others to be judged by."""

    source: Path
    val: Path | None = None
    """None: the rows of `source` whose split is val."""

    def read(self, *, on_message: OnMessage) -> RunPairs:
        return read_run_pairs(self.source, self.val, on_message=on_message)

    def open(
        self,
        pairs: RunPairs,
        built: RunModel,
        *,
        config: RunConfig,
        order: BatchOrder,
        device: str,
        on_message: OnMessage,
    ) -> Streams:
        return open_streams(pairs, built, config=config, order=order, device=device, say=on_message)
