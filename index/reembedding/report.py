"""What became of the videos of a reembed: counted while it goes on, reported at its end."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from index.catalog.records import ModelStatus
from index.ingest.events import AddListener
from index.library.add_report import AddFailure


@dataclass(frozen=True, kw_only=True, slots=True)
class ReembedReport:
    """What became of all videos that lacked a model's vectors."""

    model: ModelStatus
    """As it is now: how many videos have its vectors, and how many lack them."""

    embedded: int
    """Videos that this run gave vectors."""

    failed: int
    """Videos that have none: their files are gone, changed, or cannot be read any more."""

    segments: int
    """Written in this run."""

    seconds: float
    """That the run took, library and model already open."""

    failures: list[AddFailure]

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, the model by its number, each failure with `path`,
        `reason` and `code`."""
        return {
            "model": self.model.number,
            "name": self.model.name,
            "state": self.model.state,
            "embedded": self.embedded,
            "failed": self.failed,
            "videos": self.model.videos,
            "lacking": self.model.lacking,
            "segments": self.segments,
            "seconds": round(self.seconds, 3),
            "failures": [
                {**failure._asdict(), "path": str(failure.path)} for failure in self.failures
            ],
        }


class ReembedInterrupted(KeyboardInterrupt):
    """Somebody stopped the run; what `report` counts is safe in the library."""

    def __init__(self, report: ReembedReport) -> None:
        super().__init__()
        self.report = report


@dataclass
class ReembedTally:
    """Counts what happens and passes it on to who watches."""

    listener: AddListener
    started: float = field(default_factory=time.monotonic)
    num_embedded: int = 0
    num_segments: int = 0
    failures: list[AddFailure] = field(default_factory=list)

    def found(self, count: int) -> None:
        self.listener.found_files(count)

    def embedded(self, num_videos: int, num_segments: int) -> None:
        self.num_embedded += num_videos
        self.num_segments += num_segments
        for _ in range(num_videos):
            self.listener.file_ended("added")

    def left(self, num_videos: int) -> None:
        """So many need no vectors any more."""
        for _ in range(num_videos):
            self.listener.file_ended("unchanged")

    def failed(self, path: Path, reason: str, code: str) -> None:
        self.failures.append(AddFailure(path, reason, code))
        self.listener.file_ended("failed")

    def report(self, model: ModelStatus) -> ReembedReport:
        return ReembedReport(
            model=model,
            embedded=self.num_embedded,
            failed=len(self.failures),
            segments=self.num_segments,
            seconds=time.monotonic() - self.started,
            failures=sorted(self.failures, key=lambda failure: (str(failure.path), failure.reason)),
        )
