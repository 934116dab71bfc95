"""Brings a library up to date with the files that somebody names: `cpd index add`.

Every file costs one short transaction of its own, so a run that is killed at any moment loses only
what was under way, and the same command goes on from there. In the order in which it is asked:

    path, size and time as indexed      unchanged, without opening the file
    same bytes at this path             unchanged, the new time is noted
    same bytes, their old path is gone  moved: the video keeps its id and vectors
    same bytes, their old path is there a copy: a second video, its vectors taken from the first
    anything else                       decoded and embedded; replaces what stood at this path

A file that was indexed and whose new bytes cannot be read, for whatever reason that may pass, is
*stale*: what was indexed stays searchable, and the next run tries again.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cpd_model.encoder import Encoder
from index.file_version import FileVersion
from index.ingest.embed import embed_videos
from index.ingest.events import AddListener, FileEnd, SilentListener
from index.ingest.files import FoundFiles, find_videos, why_unreadable
from index.ingest.outcomes import EmbeddedVideo, FailedEmbedding, KnownVideo, Outcome
from index.ingest.pipeline import Bounds, Decoder

if TYPE_CHECKING:
    from index.catalog.records import KnownFile, VideoRow
    from index.library.library import Library
    from index.library.writer import LibraryWriter

STILL_SEARCHABLE = " (what was indexed of it before stays searchable)"
"""Follows the reason of a video whose newest bytes could not be read."""


class AddFailure(NamedTuple):
    """A file or folder that could not be indexed, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AddReport:
    """What became of all files of one run."""

    added: int
    """New videos, copies of known ones included."""

    updated: int
    """Videos whose content changed, or whose file moved."""

    unchanged: int
    failed: int
    """Videos that could not be read, stale ones among them, and folders that could not be looked
    into."""

    ignored: int
    """Files that are no video."""

    segments: int
    """Written in this run."""

    seconds: float
    """That the run took, model and library already open."""

    failures: list[AddFailure]

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, each failure with `path` and `reason`."""
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "failed": self.failed,
            "ignored": self.ignored,
            "segments": self.segments,
            "seconds": round(self.seconds, 3),
            "failures": [{"path": str(path), "reason": reason} for path, reason in self.failures],
        }


class AddInterrupted(KeyboardInterrupt):
    """Somebody stopped the run; what `report` counts is safe in the library."""

    def __init__(self, report: AddReport) -> None:
        super().__init__()
        self.report = report


def add_videos(
    paths: Sequence[str | Path],
    library: "Library",
    encoder: Encoder,
    decoder: Decoder,
    *,
    wait_seconds: float = 0,
    listener: AddListener | None = None,
    bounds: Bounds | None = None,
) -> AddReport:
    """Index files, folders (with all below them) and patterns; one bad file never stops the run.

    Files that failed before are tried again, changed or not: a newer decoder may read them. Videos
    whose files are gone stay in the library, for a disk may just be away.

    Args:
        wait_seconds: how long to wait for another run on the same library.

    Raises:
        InputError: a path does not exist.
        LibraryError: another process adds, another model made the library, or the disk is full;
            what was finished before is kept.
        AddInterrupted: Ctrl-C.
    """
    library.require(fingerprint=encoder.fingerprint, model=encoder.name)
    tally = _Tally(listener or SilentListener())
    try:
        found = find_videos(paths, leave_out=library.folder)
        with library.lease(wait_seconds=wait_seconds) as writer:
            tally.found(found)
            for unreadable in found.unreadable:
                tally.failed(*unreadable)
            adding = _Adding(library, writer, tally)
            outcomes = embed_videos(
                adding.changed(found.videos),
                encoder,
                decoder,
                window_seconds=library.settings.window_seconds,
                hop_seconds=library.settings.hop_seconds,
                known=adding.has_content,
                on_segments=tally.listener.segments_embedded,
                bounds=bounds,
            )
            with contextlib.closing(outcomes):
                for outcome in outcomes:
                    adding.take(outcome)
            writer.publish()  # which does nothing where the parts hold all
            writer.compact()
    except KeyboardInterrupt:
        raise AddInterrupted(tally.report()) from None
    return tally.report()


@dataclass
class _Tally:
    """Counts what happens and passes it on to who watches."""

    listener: AddListener
    started: float = field(default_factory=time.monotonic)
    ends: dict[FileEnd, int] = field(default_factory=dict)
    num_segments: int = 0
    failures: list[AddFailure] = field(default_factory=list)

    def found(self, found: FoundFiles) -> None:
        self.listener.found_files(len(found.videos) + len(found.unreadable))
        self.ends["ignored"] = found.num_ignored

    def ended(self, how: FileEnd) -> None:
        self.ends[how] = self.ends.get(how, 0) + 1
        self.listener.file_ended(how)

    def failed(self, path: Path, reason: str) -> None:
        self.failures.append(AddFailure(path, reason))
        self.ended("failed")

    def report(self) -> AddReport:
        return AddReport(
            added=self.ends.get("added", 0),
            updated=self.ends.get("updated", 0),
            unchanged=self.ends.get("unchanged", 0),
            failed=self.ends.get("failed", 0),
            ignored=self.ends.get("ignored", 0),
            segments=self.num_segments,
            seconds=time.monotonic() - self.started,
            failures=sorted(self.failures, key=lambda failure: (str(failure.path), failure.reason)),
        )


class _Adding:
    """One run over one library: decides what each outcome means for the catalog."""

    def __init__(self, library: "Library", writer: "LibraryWriter", tally: _Tally) -> None:
        self._library = library
        self._writer = writer
        self._tally = tally

    def changed(self, paths: Sequence[Path]) -> Iterator[Path]:
        """The paths whose size or time is not what the library knows."""
        for path in paths:
            with contextlib.suppress(OSError):  # embed_videos reports it
                if self._writer.find_unchanged(FileVersion.of(path)):
                    self._tally.ended("unchanged")
                    continue
            yield path

    def has_content(self, path: Path, content_hash: str) -> bool:
        """Whether a video with these bytes has its vectors already."""
        return bool(self._writer.find_by_hash(content_hash))

    def take(self, outcome: Outcome) -> None:
        """Write one outcome, in one transaction."""
        if isinstance(outcome, FailedEmbedding):
            self._take_failure(outcome)
        elif isinstance(outcome, KnownVideo):
            self._take_known(outcome, self._writer.find_by_hash(outcome.content_hash))
        else:
            self._put(outcome)

    def _take_failure(self, failed: FailedEmbedding) -> None:
        stored = self._writer.find_at(failed.path)
        if stored is not None and stored.is_indexed:
            # Vectors go only when the new bytes were read, all of them, and hold no video.
            reason = why_unreadable(failed.path) if failed.is_final else failed.reason
            if reason is not None:
                self._keep_as_stale(failed, stored, reason)
                return
        if not failed.is_video:
            if stored is not None:  # it was a video, or a failure, when it was seen last
                self._writer.remove_video(stored.video_id)
            self._tally.ended("ignored")
            return
        if failed.file is not None:
            self._writer.put_failure(failed.file, reason=failed.reason)
        self._tally.failed(failed.path, failed.reason)

    def _keep_as_stale(self, failed: FailedEmbedding, stored: "KnownFile", reason: str) -> None:
        # A file that is gone is not stale: its disk may just be away, and it may have moved.
        if failed.file is not None and reason != stored.stale_reason:
            self._writer.mark_stale(stored.video_id, reason=reason)
        self._tally.failed(failed.path, reason + STILL_SEARCHABLE)

    def _take_known(self, known: KnownVideo, rows: "list[VideoRow]") -> None:
        here = next((row for row in rows if row.path == known.path), None)
        gone = next((row for row in rows if not os.path.lexists(row.path)), None)
        if here is not None:
            self._writer.touch_video(here.video_id, mtime_ns=known.file.mtime_ns)
            self._tally.ended("unchanged")
        elif gone is not None:
            self._writer.move_video(gone.video_id, known.file)
            self._tally.ended("updated")
        else:
            source = rows[0].video_id
            self._put(
                EmbeddedVideo(
                    file=known.file,
                    facts=known.facts,
                    segments=self._library.segments(source),
                    embeddings_SD=self._library.embeddings(source),
                )
            )

    def _put(self, video: EmbeddedVideo) -> None:
        stored = self._writer.find_at(video.path)
        self._writer.put_video(
            video.file,
            facts=video.facts,
            segments=video.segments,
            embeddings_SD=video.embeddings_SD,
        )
        self._tally.num_segments += len(video.segments)
        self._tally.ended("updated" if stored is not None and stored.is_indexed else "added")
