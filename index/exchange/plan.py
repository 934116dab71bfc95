"""Cuts the videos below some paths into shards of like size, for several machines to index.

    {"format": 1, "paths": ["/films"], "shards": [
        {"number": 1, "bytes": 1200, "files": [{"path": "/films/a.mp4", "bytes": 1200}]}, ...]}

The largest file comes first, each into the shard that has the fewest bytes by then: no shard has
more than the fullest one needs, to 4/3 at the worst (Graham 1969). The same files give the same
plan wherever it is made.
"""

import contextlib
import heapq
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cpd_model.errors import InputError
from index.ingest.files import Unreadable, find_videos, printable

FORMAT = 1
MOST_SHARDS = 100_000


class PlannedFile(NamedTuple):
    """A video file, as it was when it was planned."""

    path: Path
    """Absolute and real."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Which shard indexes which files."""

    paths: list[Path]
    """What was named, absolute: below them an add looks for the files."""

    shards: list[list[PlannedFile]]
    """Each by path; shard number i is `shards[i - 1]`."""

    unreadable: list[Unreadable] = field(default_factory=list)
    """Folders and files that could not be looked into when it was made."""

    def as_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {
            "format": FORMAT,
            "paths": [str(path) for path in self.paths],
            "shards": [
                {
                    "number": number,
                    "bytes": sum(file.size_bytes for file in files),
                    "files": [{"path": str(path), "bytes": size} for path, size in files],
                }
                for number, files in enumerate(self.shards, 1)
            ],
        }


def plan_shards(paths: Sequence[str | Path], num_shards: int) -> Plan:
    """Find the videos below some paths and cut them into shards.

    Raises:
        InputError: a path does not exist, nothing is there, or there can be no such number.
    """
    if not 1 <= num_shards <= MOST_SHARDS:
        raise InputError(f"the number of shards is within 1..{MOST_SHARDS:,}, not {num_shards}")
    found = find_videos(paths)
    files = []
    for path in found:
        with contextlib.suppress(OSError):  # it is gone since
            files.append(PlannedFile(path, path.stat().st_size))
    if not files:
        raise InputError("there is no video to plan for below these paths: check what they name")
    shards: list[list[PlannedFile]] = [[] for _ in range(num_shards)]
    loads = [(0, number) for number in range(num_shards)]
    for file in sorted(files, key=lambda file: (-file.size_bytes, file.path)):
        load, number = heapq.heappop(loads)
        shards[number].append(file)
        heapq.heappush(loads, (load + file.size_bytes, number))
    named = [Path(os.path.abspath(os.path.expanduser(path))) for path in paths]
    return Plan(named, [sorted(shard) for shard in shards], found.unreadable)


def write_plan(plan: Plan, file: Path | str) -> None:
    """Write a plan as JSON; a file that is there is replaced.

    Raises:
        InputError: it cannot be written.
    """
    path = Path(file).expanduser()
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(json.dumps(plan.as_json(), indent=1) + "\n")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {printable(path)}: {error.strerror}") from error


def read_plan(file: Path | str) -> Plan:
    """Read a plan.

    Raises:
        InputError: the file cannot be read, or is no plan.
    """
    path = Path(file).expanduser()
    try:
        said = json.loads(path.read_text())
        if said["format"] != FORMAT:
            raise InputError(
                f"{printable(path)} is a plan of format {said['format']!r}, this cpd reads "
                f"{FORMAT}: plan again with this one"
            )
        return Plan(
            [Path(name) for name in said["paths"]],
            [
                [PlannedFile(Path(each["path"]), int(each["bytes"])) for each in shard["files"]]
                for shard in said["shards"]
            ],
        )
    except OSError as error:
        raise InputError(f"cannot read {printable(path)}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{printable(path)} is no plan of shards: make one with `cpd index plan`"
        ) from error
