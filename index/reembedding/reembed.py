"""Gives a library the vectors of another model, beside the one that answers: `cpd index reembed`.

Every video costs one short transaction, so a run that is killed at any moment loses only what was
under way, and the same command goes on from there. The bytes must be those that the catalog has:
the vectors of all models are of one content. Copies of one content are decoded once. Searches and
short changes go on meanwhile; the lease keeps other long runs away.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cpd_model.encoder import Encoder
from index.catalog.models import LackingVideo
from index.catalog.records import LibrarySettings
from index.ingest.embed import embed_videos
from index.ingest.events import AddListener, SilentListener
from index.ingest.outcomes import CHANGED_CODE, GONE_CODE, EmbeddedVideo, KnownVideo, Outcome
from index.ingest.pipeline import Bounds, Decoder
from index.library.add import PUBLISH_EVERY_SEGMENTS
from index.library.library import Library
from index.library.model_building import begin_building, finish_building, videos_lacking
from index.library.opening import absolute_name
from index.library.writer import LibraryWriter
from index.reembedding.report import ReembedInterrupted, ReembedReport, ReembedTally
from index.segments import Windows
from index.vectors.kinds import IndexKind

_OTHER_BYTES = "its bytes are not those that were indexed: `cpd index add` takes them in"
_NO_FILE = "its file is gone: `cpd index add` of where it is now finds it again"


def reembed(
    library: Library,
    encoder: Encoder,
    decoder: Decoder,
    *,
    windows: Windows | None = None,
    wait_seconds: float = 0,
    index_kind: IndexKind = "auto",
    listener: AddListener | None = None,
    bounds: Bounds | None = None,
) -> ReembedReport:
    """Embed all stored videos that have no vectors of a model; one bad file never stops the run.

    Nothing that a search finds changes: `library.models.switch` lets the model answer.

    Args:
        encoder: the other model, or the one that answers, for videos that it lacks.
        windows: None takes those of the model that the library was opened with.
        wait_seconds: how long to wait for another run on the same library.
        index_kind: of the parts that this run writes; `auto` takes what suits their size.

    Raises:
        LibraryBusyError: another run has the lease.
        LibraryError: the disk is full; what was finished before is kept.
        ReembedInterrupted: Ctrl-C.
    """
    tally = ReembedTally(listener or SilentListener())
    with library.lease(wait_seconds=wait_seconds) as writer:
        run = _Run(library, writer, encoder, tally, windows=windows, index_kind=index_kind)
        try:
            run.embed(decoder, bounds)
            writer.publish(index_kind=index_kind)
            writer.compact(index_kind=index_kind)
        except KeyboardInterrupt:
            raise ReembedInterrupted(run.report()) from None
        return run.finish()


class _Run:
    """One run over one library: decides what each outcome means for the catalog."""

    def __init__(
        self,
        library: Library,
        writer: LibraryWriter,
        encoder: Encoder,
        tally: ReembedTally,
        *,
        windows: Windows | None,
        index_kind: IndexKind,
    ) -> None:
        self._library = library
        self._writer = writer
        self._encoder = encoder
        self._tally = tally
        self._index_kind = index_kind
        own = library.settings
        windows = windows or Windows(own.window_seconds, own.hop_seconds)
        asked = LibrarySettings(
            model=absolute_name(encoder.name),
            fingerprint=encoder.fingerprint,
            embed_dim=encoder.embed_dim,
            window_seconds=windows.window_seconds,
            hop_seconds=windows.hop_seconds,
        )
        self._model = begin_building(library.catalog, asked)
        self._num_unpublished = 0

    def embed(self, decoder: Decoder, bounds: Bounds | None) -> None:
        """Give every video that lacks them its vectors, or tell why it has none."""
        left = self._lacking()
        self._tally.found(sum(len(copies.videos) for copies in left))
        while left:
            at: dict[Path, _Copies] = {}
            for copies in left:
                path = copies.next_file()
                if path is None:
                    self._failed(copies)
                else:
                    at[path] = copies
            self._embed(at, decoder, bounds)
            left = [copies for copies in at.values() if not copies.is_settled]

    def finish(self) -> ReembedReport:
        """Note that all videos were gone through; what came of it."""
        finish_building(self._library.catalog, self._model)
        return self.report()

    def report(self) -> ReembedReport:
        """What came of the run up to now."""
        return self._tally.report(self._library.models.get(self._model.model_number))

    def _lacking(self) -> "list[_Copies]":
        by_content: dict[str, _Copies] = {}
        for video in videos_lacking(self._library.catalog, self._model):
            content_hash = video.content_hash or ""
            by_content.setdefault(content_hash, _Copies(content_hash)).videos.append(video)
        return list(by_content.values())

    def _embed(self, at: "dict[Path, _Copies]", decoder: Decoder, bounds: Bounds | None) -> None:
        outcomes = embed_videos(
            at,
            self._encoder,
            decoder,
            window_seconds=self._model.window_seconds,
            hop_seconds=self._model.hop_seconds,
            known=lambda path, content_hash: content_hash != at[path].content_hash,
            on_segments=self._tally.listener.segments_embedded,
            bounds=bounds,
        )
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                self._take(outcome, at[outcome.path])

    def _take(self, outcome: Outcome, copies: "_Copies") -> None:
        """Write one outcome, in one transaction."""
        if isinstance(outcome, EmbeddedVideo):
            self._put(outcome, copies)
            return
        if isinstance(outcome, KnownVideo):
            copies.reason, copies.code = _OTHER_BYTES, CHANGED_CODE
        else:
            copies.reason, copies.code = outcome.reason, outcome.code
        if not copies.files_left:
            self._failed(copies)

    def _put(self, video: EmbeddedVideo, copies: "_Copies") -> None:
        given = self._writer.put_vectors(
            video.content_hash,
            segments=video.segments,
            embeddings_SD=video.embeddings_SD,
            model=self._model,
        )
        copies.is_settled = True
        num_segments = len(given) * len(video.segments)
        self._tally.embedded(len(given), num_segments)
        # Those that somebody removed or changed meanwhile lack nothing any more.
        self._tally.left(len(copies.videos) - len(given))
        self._num_unpublished += num_segments
        if self._num_unpublished >= PUBLISH_EVERY_SEGMENTS:  # or a switch would load them all
            self._writer.publish(index_kind=self._index_kind)
            self._num_unpublished = 0

    def _failed(self, copies: "_Copies") -> None:
        copies.is_settled = True
        for video in copies.videos:
            self._tally.failed(video.path, copies.reason, copies.code)


@dataclass(eq=False)
class _Copies:
    """The videos of one content, any of whose files will do."""

    content_hash: str
    videos: list[LackingVideo] = field(default_factory=list)
    is_settled: bool = False
    reason: str = _NO_FILE
    """Why the last file that was tried is of no use."""
    code: str = GONE_CODE
    num_tried: int = 0

    @property
    def files_left(self) -> Sequence[LackingVideo]:
        """Those that were not tried yet."""
        return self.videos[self.num_tried :]

    def next_file(self) -> Path | None:
        """The next file of the right size; None where there is none any more."""
        for video in self.files_left:
            self.num_tried += 1
            try:
                size_bytes = os.stat(video.path).st_size
            except FileNotFoundError:
                continue
            except OSError:
                return video.path  # the decoder tells why
            if size_bytes == video.size_bytes:
                return video.path
            self.reason, self.code = _OTHER_BYTES, CHANGED_CODE
        return None
