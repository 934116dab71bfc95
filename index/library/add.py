"""Brings a library up to date with the files that somebody names: `cpd index add`.

Every file costs one short transaction of its own, so a run that is killed at any moment loses only
what was under way, and the same command goes on from there. In the order in which it is asked:

    path, size and time as indexed      unchanged, without opening the file
    same bytes at this path             unchanged, the new time is noted
    same bytes, gone from their old     moved: the video keeps its id and vectors
        path, or others are there now
    same bytes, their old path is there a copy: a second video, its vectors taken from the first
    anything else                       decoded and embedded; replaces what stood at this path

Whatever becomes of the file, its sidecars are read again where they changed.

A file that was indexed and whose new bytes cannot be read, for whatever reason that may pass, is
*stale*: what was indexed stays searchable, and the next run tries again.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cpd_model.encoder import Encoder
from index.errors import UnknownVideoError
from index.file_version import FileVersion
from index.ingest.embed import embed_videos
from index.ingest.events import AddListener, FileEnd, SilentListener
from index.ingest.files import FoundFiles, Selects, find_videos, why_unreadable
from index.ingest.outcomes import (
    UNREADABLE_CODE,
    EmbeddedVideo,
    FailedEmbedding,
    HashedVideo,
    KnownVideo,
    Outcome,
)
from index.ingest.pipeline import Bounds, Decoder
from index.ingest.probes import RememberedProbes
from index.library.add_report import AddInterrupted, AddReport, Tally
from index.library.collections_of_run import CollectionsOfRun
from index.library.known_content import match_content
from index.library.model_building import require_answering
from index.library.pruning import plan_prune
from index.library.roots import make_roots, named_folders
from index.library.sidecars import SidecarsOfRun

if TYPE_CHECKING:
    from index.catalog.records import KnownFile
    from index.library.library import Library
    from index.library.writer import LibraryWriter
    from index.vectors.kinds import IndexKind

PUBLISH_EVERY_SEGMENTS = 32_768
"""In a long run, so that no reader keeps more than this in memory: 18 hours of video."""

STILL_SEARCHABLE = " (what was indexed of it before stays searchable)"
"""Follows the reason of a video whose newest bytes could not be read."""


def add_videos(
    paths: Sequence[str | Path],
    library: "Library",
    encoder: Encoder | Callable[[], Encoder],
    decoder: Decoder,
    *,
    wait_seconds: float = 0,
    index_kind: "IndexKind" = "auto",
    collections: Sequence[str] = (),
    prune: bool = False,
    only: Selects | None = None,
    listener: AddListener | None = None,
    bounds: Bounds | None = None,
) -> AddReport:
    """Index files, folders (with all below them) and patterns; one bad file never stops the run.

    Files that failed before are tried again, changed or not: a newer decoder may read them. Videos
    whose files are gone stay, unless `prune` is asked for: a disk may just be away. Each folder
    that is named becomes a root, unless it lies in one.

    Args:
        encoder: the library's model, or what loads it, which is not called where nothing is new.
        wait_seconds: how long to wait for another run on the same library.
        index_kind: of the parts that this run writes; `auto` takes what suits their size.
        collections: names of those that all videos of the run, unchanged ones too, are put into;
            made where they are not there yet.
        prune: forget videos below the paths whose files are gone, once what moved was found.
        only: which of the files are meant, by their real path; the others are passed over unseen.

    Raises:
        InputError: a path does not exist.
        RootGoneError: nothing may be pruned, for a root is gone or empty; nothing was added.
        LibraryError: another process adds, another model made the library, or the disk is full;
            what was finished before is kept.
        AddInterrupted: Ctrl-C.
    """
    if isinstance(encoder, Encoder):
        library.require(fingerprint=encoder.fingerprint, model=encoder.name)
    tally = Tally(listener or SilentListener())
    try:
        found = find_videos(paths, leave_out=library.folder, only=only)
        with library.lease(wait_seconds=wait_seconds) as writer:
            require_answering(library.catalog, library.settings)  # a switch may have come before
            if prune:
                plan_prune(library.catalog, named=paths)  # refused before anything is done
            make_roots(library.catalog, named_folders(paths))
            collecting = CollectionsOfRun(library.catalog, collections)
            tally.on_settled = collecting.settle
            tally.collections = collecting.made if collections else None
            probes = RememberedProbes(decoder, gap_seconds=library.settings.window_seconds)
            adding = _Adding(library, writer, probes, tally, index_kind=index_kind)
            left = adding.settle_known(found)
            if left:
                adding.embed(left, _loaded(encoder, library), bounds)
            collecting.finish()
            if prune:
                tally.pruned = plan_prune(library.catalog, named=paths).report(dry_run=False)
            writer.publish(index_kind=index_kind)  # does nothing where the parts hold all
            writer.compact(index_kind=index_kind)
    except KeyboardInterrupt:
        raise AddInterrupted(tally.report()) from None
    return tally.report()


def _loaded(encoder: Encoder | Callable[[], Encoder], library: "Library") -> Encoder:
    if isinstance(encoder, Encoder):
        return encoder
    loaded = encoder()
    library.require(fingerprint=loaded.fingerprint, model=loaded.name)
    return loaded


class _Adding:
    """One run over one library: decides what each outcome means for the catalog."""

    def __init__(
        self,
        library: "Library",
        writer: "LibraryWriter",
        decoder: RememberedProbes,
        tally: Tally,
        *,
        index_kind: "IndexKind",
    ) -> None:
        self._library = library
        self._writer = writer
        self._decoder = decoder
        self._tally = tally
        self._index_kind = index_kind
        self._sidecars = SidecarsOfRun(writer, tally)
        self._num_unpublished = 0
        self._again: list[Path] = []
        """Copies of a video that somebody removed before they were written: new files after all."""

    def settle_known(self, found: FoundFiles) -> list[Path]:
        """Settle the files whose bytes the library knows; returns the others.

        A file of another size than every video has other bytes than all of them, so that new files
        are not read here.
        """
        changed = self._changed(found)
        sizes = self._writer.find_sizes() if changed else set()
        alike = (file for file in changed.values() if file and file.size_bytes in sizes)
        hashed = list(self._decoder.ahead(alike))
        settled = {file.path for file in hashed}.difference(
            file.path for file in self._settle(hashed)
        )
        self._decoder.forget(settled)
        return [path for path in changed if path not in settled]

    def embed(self, paths: Sequence[Path], encoder: Encoder, bounds: Bounds | None) -> None:
        """Decode and embed files, and write what becomes of each."""
        self._embed(paths, encoder, bounds, known=self._has_content)
        if self._again:
            self._embed(self._again, encoder, bounds, known=lambda path, content_hash: False)

    def _embed(
        self,
        paths: Sequence[Path],
        encoder: Encoder,
        bounds: Bounds | None,
        *,
        known: Callable[[Path, str], bool],
    ) -> None:
        outcomes = embed_videos(
            paths,
            encoder,
            self._decoder,
            window_seconds=self._library.settings.window_seconds,
            hop_seconds=self._library.settings.hop_seconds,
            known=known,
            on_segments=self._tally.listener.segments_embedded,
            bounds=bounds,
        )
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                self._take(outcome)

    def _changed(self, found: FoundFiles) -> dict[Path, FileVersion | None]:
        """The files whose size or time is not what the library knows; None: out of reach."""
        changed: dict[Path, FileVersion | None] = {}
        for path in found:
            self._tally.found(found)
            try:
                file = FileVersion.of(path)
            except OSError:  # embed_videos reports it
                changed[path] = None
                continue
            video_id = self._writer.find_unchanged(file)
            if video_id is None:
                changed[path] = file
            else:
                self._tally.ended(
                    "updated" if self._sidecars.update(video_id, path) else "unchanged", path
                )
        self._tally.found(found)  # what came after the last video
        return changed

    def _has_content(self, path: Path, content_hash: str) -> bool:
        """Whether a video with these bytes has its vectors already."""
        return bool(self._writer.find_by_hash(content_hash))

    def _take(self, outcome: Outcome) -> None:
        """Write one outcome, in one transaction."""
        if isinstance(outcome, FailedEmbedding):
            self._take_failure(outcome)
        elif not isinstance(outcome, KnownVideo):
            self._put(outcome)
        elif self._settle([outcome]):
            self._again.append(outcome.path)

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
                with contextlib.suppress(UnknownVideoError):  # somebody else was faster
                    self._writer.remove_video(stored.video_id)
            self._tally.ended("ignored")
            return
        if failed.file is not None:
            self._writer.put_failure(failed.file, reason=failed.reason)
        self._tally.failed(failed.path, failed.reason, failed.code)

    def _keep_as_stale(self, failed: FailedEmbedding, stored: "KnownFile", reason: str) -> None:
        # A file that is gone is not stale: its disk may just be away, and it may have moved.
        if failed.file is not None and reason != stored.stale_reason:
            with contextlib.suppress(UnknownVideoError):  # somebody removed it meanwhile
                self._writer.mark_stale(stored.video_id, reason=reason)
        code = failed.code if reason == failed.reason else UNREADABLE_CODE
        self._tally.failed(failed.path, reason + STILL_SEARCHABLE, code)

    def _settle(self, files: Sequence[HashedVideo]) -> list[HashedVideo]:
        """Move, touch and copy what the library has of these bytes; returns what it has not."""
        known = match_content(files, self._writer.find_by_hash)
        left = list(known.unknown)
        there = known.moved | known.in_place
        said = {key: self._sidecars.said(video) for key, video in there.items()}
        now_at = {key: video.file for key, video in there.items()}
        placed = self._writer.move_videos(now_at, said=said)
        for video_id, video in there.items():
            if video_id not in placed:  # somebody else removed it since it was asked for
                left.append(video)
            else:
                how: FileEnd = "unchanged" if video_id in known.in_place else "updated"
                self._tally.ended(how, video.path)
        for source, video in known.copies:
            stored = self._writer.find_at(video.path)
            try:
                num_segments = self._writer.copy_video(
                    source, video.file, facts=video.facts, said=self._sidecars.said(video)
                )
            except UnknownVideoError:
                left.append(video)
            else:
                self._written(stored, video.path, num_segments)
        return left

    def _put(self, video: EmbeddedVideo) -> None:
        stored = self._writer.find_at(video.path)
        self._writer.put_video(
            video.file,
            facts=video.facts,
            segments=video.segments,
            embeddings_SD=video.embeddings_SD,
            said=self._sidecars.said(video),
        )
        self._written(stored, video.path, len(video.segments))

    def _written(self, stored: "KnownFile | None", path: Path, num_segments: int) -> None:
        self._tally.num_segments += num_segments
        self._num_unpublished += num_segments
        if self._num_unpublished >= PUBLISH_EVERY_SEGMENTS:  # readers keep the rest in memory
            self._writer.publish(index_kind=self._index_kind)
            self._num_unpublished = 0
        how: FileEnd = "updated" if stored is not None and stored.is_indexed else "added"
        self._tally.ended(how, path)
