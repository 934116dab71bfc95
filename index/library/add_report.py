"""What became of the files of an add: counted while it goes on, reported at its end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from index.ingest.events import AddListener, FileEnd
from index.ingest.files import FoundFiles
from index.ingest.outcomes import UNREADABLE_CODE
from index.library.pruning import PruneReport


class AddFailure(NamedTuple):
    """A file or folder that could not be indexed, or a sidecar that could not be read, and why."""

    path: Path
    reason: str
    code: str
    """What programs know it by: that of an error class, or `changed`, `gone`, `unreadable`; of a
    sidecar `sidecar`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AddReport:
    """What became of all files of one run."""

    added: int
    """New videos, copies of known ones included."""

    updated: int
    """Videos whose content changed, whose file moved, or whose sidecars changed."""

    unchanged: int
    failed: int
    """Videos that could not be read, stale ones among them, and folders that could not be looked
    into."""

    ignored: int
    """Files that are no video, and no sidecar of one."""

    segments: int
    """Written in this run."""

    seconds: float
    """That the run took, the library already open; with the loading of the model where it had to
    be loaded."""

    failures: list[AddFailure]

    warnings: list[AddFailure]
    """Sidecars that were passed over; their videos are indexed all the same."""

    collections: list[str] | None = None
    """Those that were made; None where the run puts its videos into none."""

    pruned: PruneReport | None = None
    """Videos whose files are gone; None where nobody asked for that."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, each failure and warning with `path`, `reason` and
        `code`."""
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "failed": self.failed,
            "ignored": self.ignored,
            "segments": self.segments,
            "seconds": round(self.seconds, 3),
            "failures": [_as_json(failure) for failure in self.failures],
            "warnings": [_as_json(warning) for warning in self.warnings],
            **({} if self.collections is None else {"collections_made": self.collections}),
            **({} if self.pruned is None else {"pruned": self.pruned.as_json()}),
        }


def _as_json(failure: AddFailure) -> dict[str, str]:
    return {**failure._asdict(), "path": str(failure.path)}


class AddInterrupted(KeyboardInterrupt):
    """Somebody stopped the run; what `report` counts is safe in the library."""

    def __init__(self, report: AddReport) -> None:
        super().__init__()
        self.report = report


@dataclass
class Tally:
    """Counts what happens and passes it on to who watches."""

    listener: AddListener
    started: float = field(default_factory=time.monotonic)
    ends: dict[FileEnd, int] = field(default_factory=dict)
    num_segments: int = 0
    num_found: int = 0
    """Videos, and what could not be looked into."""

    num_unreadable: int = 0
    num_passed_over: int = 0
    """Files that are no video, by what is seen from outside."""

    failures: list[AddFailure] = field(default_factory=list)
    warnings: list[AddFailure] = field(default_factory=list)
    on_settled: Callable[[Path], None] = lambda path: None
    """Told of each file that is a video of the library now."""

    collections: list[str] | None = None
    pruned: PruneReport | None = None

    def found(self, found: FoundFiles) -> None:
        """Take in how far the walk is; told as often as anybody likes."""
        count = found.num_videos + len(found.unreadable)
        if count != self.num_found:
            self.listener.found_files(count)
            self.num_found = count
        for unreadable in found.unreadable[self.num_unreadable :]:
            self.num_unreadable += 1
            self.failed(*unreadable, UNREADABLE_CODE)
        self.num_passed_over = found.num_ignored

    def ended(self, how: FileEnd, path: Path | None = None) -> None:
        """Count a file; `path` where a video stands there now."""
        if path is not None:
            self.on_settled(path)
        self.ends[how] = self.ends.get(how, 0) + 1
        self.listener.file_ended(how)

    def failed(self, path: Path, reason: str, code: str) -> None:
        self.failures.append(AddFailure(path, reason, code))
        self.ended("failed")

    def report(self) -> AddReport:
        return AddReport(
            added=self.ends.get("added", 0),
            updated=self.ends.get("updated", 0),
            unchanged=self.ends.get("unchanged", 0),
            failed=self.ends.get("failed", 0),
            ignored=self.ends.get("ignored", 0) + self.num_passed_over,
            segments=self.num_segments,
            seconds=time.monotonic() - self.started,
            failures=_sorted(self.failures),
            warnings=_sorted(self.warnings),
            collections=self.collections,
            pruned=self.pruned,
        )


def _sorted(failures: list[AddFailure]) -> list[AddFailure]:
    return sorted(failures, key=lambda failure: (str(failure.path), failure.reason))
