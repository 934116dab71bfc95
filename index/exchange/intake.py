"""Takes videos of elsewhere into one library and counts what becomes of them.

Every video is one short transaction, or none where nothing changes. Merging and importing both come
through here.
"""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from index.catalog.records import LibrarySettings
from index.catalog.taking_in import Taken
from index.catalog.whole_videos import WholeVideo
from index.library.add import PUBLISH_EVERY_SEGMENTS
from index.library.library import Library
from index.library.writer import LibraryWriter


class IntakeListener(Protocol):
    """Watches an intake."""

    def expected(self, num_videos: int) -> None:
        """There are so many more to come."""

    def taken(self, how: Taken) -> None:
        """One is done."""


class SilentIntakeListener:
    """Watches, and does nothing."""

    def expected(self, num_videos: int) -> None:
        """Do nothing."""

    def taken(self, how: Taken) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IntakeReport:
    """What became of all videos that were to be taken in."""

    added: int
    """New ones; failures among them."""

    updated: int
    """Known ones that brought a newer state, metadata, collections or vectors."""

    unchanged: int
    kept: int
    """Known ones of whose file the library has a newer state; that stays."""

    lacking: list[str]
    """Paths of videos that came without vectors of the model that answers; they are left out."""

    segments: int
    """Written in this run, of all models."""

    models_left: list[str]
    """Models that the library does not have; their vectors are left out."""

    seconds: float

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


@dataclass
class Intake:
    """The intake of one library."""

    library: Library
    listener: IntakeListener = field(default_factory=SilentIntakeListener)
    started: float = field(default_factory=time.monotonic)
    counts: dict[Taken, int] = field(default_factory=dict)
    lacking: set[Path] = field(default_factory=set)
    models_left: set[str] = field(default_factory=set)
    num_segments: int = 0
    num_unpublished: int = 0

    def __post_init__(self) -> None:
        self.models = self.library.ready_models()

    def expect(self, num_videos: int) -> None:
        """So many more are to come."""
        self.listener.expected(num_videos)

    def leave(self, models: Iterable[LibrarySettings]) -> None:
        """Note models whose vectors are left out."""
        self.models_left.update(f"{each.model} ({each.fingerprint[:12]})" for each in models)

    def take(self, writer: LibraryWriter, video: WholeVideo) -> None:
        """Take one video in."""
        change = writer.take_in(video, models=self.models)
        self.counts[change.how] = self.counts.get(change.how, 0) + 1
        if change.how == "lacking":
            self.lacking.add(video.file.path)
        self.num_segments += change.num_segments(video)
        self.num_unpublished += change.num_segments(video)
        self.listener.taken(change.how)
        if self.num_unpublished >= PUBLISH_EVERY_SEGMENTS:  # readers keep the rest in memory
            writer.publish()
            self.num_unpublished = 0

    def finish(self, writer: LibraryWriter) -> None:
        """Publish what came, of the model that answers; does nothing where the parts hold all."""
        writer.publish()
        writer.compact()

    def report(self) -> IntakeReport:
        """What became of all until now."""
        return IntakeReport(
            added=self.counts.get("added", 0),
            updated=self.counts.get("updated", 0),
            unchanged=self.counts.get("unchanged", 0),
            kept=self.counts.get("kept", 0),
            lacking=sorted(map(str, self.lacking)),
            segments=self.num_segments,
            models_left=sorted(self.models_left),
            seconds=time.monotonic() - self.started,
        )


def publish_others(library: Library, *, wait_seconds: float = 0) -> None:
    """Publish what came of the models that do not answer; the caller holds no lease any more."""
    for settings in library.ready_models().values():
        if settings.model_number == library.settings.model_number:
            continue
        with (
            Library.open(library.folder, model_number=settings.model_number) as other,
            other.lease(wait_seconds=wait_seconds) as writer,
        ):
            writer.publish()
            writer.compact()
