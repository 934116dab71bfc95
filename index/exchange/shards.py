"""Indexes one shard of many videos into a library of its own; `cpd index merge` joins them.

    reports = pool.map(add_shard, shards)        here, or each on a machine of its own
    merge_libraries("whole", [shard.library for shard in shards])

A shard is a value of plain texts and numbers, so that any runner of tasks can send it elsewhere.
Machines have to see the videos under the same paths. Which files are of a shard is said by a plan,
or else by a hash of each path: then nothing has to be shared, and sizes are left to chance.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cpd_model.errors import InputError
from index.decoding.pool import DecodePool
from index.exchange.plan import MOST_SHARDS, read_plan
from index.ingest.events import AddListener
from index.library.add import add_videos
from index.library.add_report import AddReport
from index.library.opening import LoadEncoder, open_for_adding

_SHARD = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardFiles:
    """Which files are of a shard."""

    number: int
    """From 1."""
    of: int
    paths: tuple[str, ...]
    """What was named; files are looked for below them."""
    files: frozenset[str] | None = None
    """Absolute and real; None where the hash of a path decides."""

    @classmethod
    def parse(cls, text: str, paths: Sequence[str], *, plan: Path | str | None = None) -> Self:
        """Read `2/8`, the second of eight.

        Args:
            paths: what was named; may be empty where there is a plan, which says it then.
            plan: a file that `cpd index plan` wrote.

        Raises:
            InputError: it is no such text, the plan cannot be read, or it has another number of
                shards.
        """
        match = _SHARD.fullmatch(text.strip())
        number, of = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= of <= MOST_SHARDS:
            raise InputError(f"{text!r} is no shard: say 2/8 for the second of eight")
        if plan is None:
            return cls(number=number, of=of, paths=tuple(paths))
        planned = read_plan(plan)
        if len(planned.shards) != of:
            raise InputError(
                f"the plan {Path(plan).name} has {len(planned.shards)} shards, not {of}: say "
                f"{number}/{len(planned.shards)}, or plan again"
            )
        named = tuple(paths) or tuple(map(str, planned.paths))
        files = frozenset(str(file.path) for file in planned.shards[number - 1])
        return cls(number=number, of=of, paths=named, files=files)

    def selects(self, path: Path) -> bool:
        """Whether a file, by its absolute and real path, is of this shard."""
        if self.files is not None:
            return str(path) in self.files
        digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) % self.of == self.number - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A shard, and how it is indexed."""

    files: ShardFiles
    library: str
    """Folder of the library of this shard alone."""
    model: str | None = None
    window_seconds: float | None = None
    hop_seconds: float | None = None
    device: str = "auto"
    workers: int | None = None
    """Decoder processes; None is one a core."""


def add_shard(
    shard: Shard, *, load: LoadEncoder | None = None, listener: AddListener | None = None
) -> AddReport:
    """Index the files of a shard, as `cpd index add` does; run again, it goes on.

    Raises:
        InputError: a path does not exist.
        LibraryError: the library cannot be opened, made or written to.
    """
    library, encoder = open_for_adding(
        Path(shard.library),
        model=shard.model,
        window_seconds=shard.window_seconds,
        hop_seconds=shard.hop_seconds,
        device=shard.device,
        load=load,
    )
    with library, DecodePool(num_workers=shard.workers) as pool:
        return add_videos(
            shard.files.paths,
            library,
            encoder,
            pool,
            only=shard.files.selects,
            listener=listener,
        )
