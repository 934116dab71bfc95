"""What a writer of a library may do; `Library.writer()` and `Library.lease()` hand it out.

Each change is one transaction: it is in the catalog whole or not at all, and readers find it with
their next search. Another process may write between two of them: what was read in one may be gone
in the next.

Axes: S segments of one video, D dimensions.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Connection

from cpd_model.encoder import Vectors
from index.catalog.connection import Catalog, WriteTransaction, stand_of
from index.catalog.metadata import Said, put_sidecars, sidecar_stamps
from index.catalog.models import put_vectors_of_content
from index.catalog.reads import (
    file_at,
    number_of,
    sizes_of_videos,
    unchanged_video,
    video_by_id,
    videos_by_hash,
)
from index.catalog.records import KnownFile, LibrarySettings, VideoRow
from index.catalog.taking_in import (
    Change,
    Models,
    change_by,
    missing_names,
    take_in,
    take_in_names,
)
from index.catalog.whole_videos import WholeVideo, meaning_of
from index.catalog.writes import (
    mark_stale,
    move_all,
    put_copy,
    put_failed,
    put_indexed,
    remove,
)
from index.errors import UnknownVideoError
from index.file_version import FileVersion
from index.library.lock import lease
from index.library.repair import RepairReport, repair
from index.vectors.building import Shelf, all_shelves
from index.vectors.kinds import IndexKind
from index.vectors.publishing import compact, publish

if TYPE_CHECKING:
    from index.segments import Segment
    from index.sidecars.reading import SidecarContent
    from index.video.facts import VideoFacts

_NORM_TOLERANCE = 0.01


class LibraryWriter:
    """Changes a library; made by `Library`, and a ValueError after its block."""

    def __init__(
        self, folder: Path, catalog: Catalog, settings: LibrarySettings, *, holds_lease: bool
    ) -> None:
        self._folder = folder
        self._catalog = catalog
        self._settings = settings
        self._holds_lease = holds_lease
        self._ended = False
        with catalog.read_transaction() as connection:
            self._stand = stand_of(connection)
        self._shelf = Shelf(folder=folder, catalog=catalog, settings=settings)

    def end(self) -> None:
        """Refuse further changes: the block ends, and a lease is about to be given back."""
        self._ended = True

    def find_unchanged(self, file: FileVersion) -> str | None:
        """The id of the indexed video at this path if size and time still are what they were."""
        with self._reading() as connection:
            return unchanged_video(connection, _resolved(file))

    def find_sizes(self) -> set[int]:
        """The sizes of all indexed files, in bytes: a file of another size is none of them."""
        with self._reading() as connection:
            return sizes_of_videos(connection)

    def find_sidecar_stamps(self) -> dict[str, str]:
        """What tells whether sidecars are as they were read, by video_id, where there were any."""
        with self._reading() as connection:
            return sidecar_stamps(connection)

    def find_by_hash(self, content_hash: str) -> list[VideoRow]:
        """Indexed videos with these bytes, oldest first; one whose path is gone has moved."""
        with self._reading() as connection:
            return videos_by_hash(
                connection, content_hash, model_number=self._settings.model_number
            )

    def find_at(self, path: Path | str) -> KnownFile | None:
        """What the library has at this path, an indexed video or a failure; None when nothing."""
        with self._reading() as connection:
            return file_at(connection, Path(os.path.realpath(path)))

    def put_video(
        self,
        file: FileVersion,
        *,
        facts: "VideoFacts",
        segments: "Sequence[Segment]",
        embeddings_SD: Vectors,
        said: Said | None = None,
    ) -> str:
        """Insert a video, or replace all that is known of the file at this path.

        Args:
            file: with its content hash; the path is made absolute and free of symbolic links.
            embeddings_SD: unit vectors, row i of segment i; stored as float16.
            said: what the file and those beside it say; None leaves what is known of that.

        Returns:
            Its video_id: a new one, or the one that the path had.

        Raises:
            ValueError: the hash is missing, or the segments or embeddings are not what the library
                takes.
            LibraryError: the disk is full; the catalog is as before.
        """
        if file.content_hash is None:
            raise ValueError(f"a video is stored with its content's hash, {file.path} has none")
        _check(segments, embeddings_SD, embed_dim=self._settings.embed_dim)
        with self._transaction() as transaction:
            return put_indexed(
                transaction,
                _resolved(file),
                facts=facts,
                segments=segments,
                embeddings_SD=embeddings_SD,
                model_number=self._settings.model_number,
                said=said,
            )

    def copy_video(
        self, source: str, file: FileVersion, *, facts: "VideoFacts", said: Said | None = None
    ) -> int:
        """Put a file that holds the same bytes as another video, with what all models have of that.

        Returns:
            The number of its segments.

        Raises:
            UnknownVideoError: the other video is gone, has other bytes by now, or no vectors of
                this writer's model.
        """
        with self._transaction() as transaction:
            connection = transaction.connection
            known = video_by_id(connection, source, model_number=self._settings.model_number)
            if known.content_hash != file.content_hash:
                raise UnknownVideoError(f"video {source} has other bytes than {file.path}")
            if not known.num_segments:
                raise UnknownVideoError(
                    f"video {source} has no vectors of {self._settings.model} to copy"
                )
            number = number_of(connection, source)
            put_copy(transaction, _resolved(file), source=number, facts=facts, said=said)
        return known.num_segments

    def put_vectors(
        self,
        content_hash: str,
        *,
        segments: "Sequence[Segment]",
        embeddings_SD: Vectors,
        model: LibrarySettings,
    ) -> list[Path]:
        """Give all videos of these bytes that have none the vectors of one of the library's models.

        Returns:
            Where those videos stand; none where somebody removed them meanwhile.

        Raises:
            ValueError: the segments or embeddings are not what the model takes.
            LibraryError: the disk is full; the catalog is as before.
        """
        _check(segments, embeddings_SD, embed_dim=model.embed_dim)
        with self._transaction() as transaction:
            return put_vectors_of_content(
                transaction,
                content_hash,
                segments=segments,
                embeddings_SD=embeddings_SD,
                model_number=model.model_number,
            )

    def take_in(self, video: WholeVideo, *, models: Models) -> Change:
        """Take in what another library knows of a video; what that changed.

        Nothing is written where nothing changes. `index.catalog.taking_in` has the rules.

        Args:
            models: of this library, those whose vectors are taken in; that of this writer is one.
        """
        answering = meaning_of(self._settings)
        with self._reading() as connection:
            change = change_by(connection, video, models=models, answering=answering)
        if not change.writes:
            return change
        with self._transaction() as transaction:
            return take_in(transaction, video, models=models, answering=answering)

    def take_in_names(self, *, roots: Mapping[str, Path], collections: Iterable[str]) -> None:
        """Make the roots and collections of another library that are missing here."""
        with self._reading() as connection:
            lacking = missing_names(connection, roots=roots, collections=collections)
        if any(lacking):
            with self._transaction() as transaction:
                lacking = missing_names(
                    transaction.connection, roots=roots, collections=collections
                )
                take_in_names(transaction.connection, roots=lacking[0], collections=lacking[1])

    def put_sidecars(self, video_id: str, content: "SidecarContent", *, stamp: str | None) -> None:
        """Take in what the sidecars of a video say, instead of what they said before.

        Raises:
            UnknownVideoError: there is no such video.
        """
        with self._transaction() as transaction:
            number = number_of(transaction.connection, video_id)
            put_sidecars(transaction.connection, number, content, stamp=stamp)

    def put_failure(self, file: FileVersion, *, reason: str) -> str:
        """Record why the file at this path cannot be indexed; its video_id.

        If the path was indexed before, its segments are removed, so this is for bytes that were
        read and hold nothing; see `mark_stale` for the others. The id stays, for the day when the
        file can be read again.
        """
        with self._transaction() as transaction:
            return put_failed(transaction, _resolved(file), reason=reason)

    def mark_stale(self, video_id: str, *, reason: str) -> None:
        """Note why the newest bytes of an indexed file cannot be read; what was indexed stays.

        Putting the video again, or giving it a file of its bytes, ends that.

        Raises:
            UnknownVideoError: there is no such video.
        """
        with self._transaction() as transaction:
            mark_stale(transaction, video_id, reason=reason)

    def move_video(self, video_id: str, file: FileVersion) -> None:
        """Give a video another path; whatever else the catalog had at that path is removed.

        Raises:
            UnknownVideoError: there is no such video.
        """
        with self._transaction() as transaction:
            if not move_all(transaction, {video_id: _resolved(file)}):
                raise UnknownVideoError(f"no video {video_id} in this library")

    def move_videos(
        self, files: Mapping[str, FileVersion], *, said: Mapping[str, Said] | None = None
    ) -> set[str]:
        """Give videos other paths, all in one transaction, so that they may change places.

        Whatever else the catalog had at those paths is removed.

        Args:
            files: by video_id. A video that is gone, or has other bytes by now, is passed over.
            said: what the files and those beside them say, by video_id.

        Returns:
            The ids of those that were moved.

        Raises:
            ValueError: two videos were given one path.
        """
        if not files:
            return set()
        resolved = {video_id: _resolved(file) for video_id, file in files.items()}
        if len({file.path for file in resolved.values()}) < len(resolved):
            raise ValueError("each of the videos must be given a path of its own")
        with self._transaction() as transaction:
            return move_all(transaction, resolved, said=said)

    def remove_video(self, video_id: str) -> None:
        """Forget a video, or a failure; the file itself is not touched.

        Raises:
            UnknownVideoError: there is no such video.
        """
        with self._transaction() as transaction:
            remove(transaction, video_id)

    def publish(self, *, index_kind: IndexKind = "auto") -> bool:
        """Write what no part holds yet, and parts that are damaged, of all models; whether there
        was anything.

        Worth it at the end of a job, and now and then in a long one: readers search what is newer
        than the last part in memory.

        Raises:
            LibraryBusyError: this writer has no lease, and another run has it.
            LibraryError: the disk is full; searching works as before.
        """
        self._require_open()
        with self._leased():
            written = [publish(each, index_kind=index_kind) for each in all_shelves(self._shelf)]
            return any(written)

    def compact(self, *, index_kind: IndexKind = "auto", whole: bool = False) -> int:
        """Merge parts where many have piled up, of all models; how many were written.

        Args:
            whole: into one part a model, whatever is there.

        Raises:
            LibraryBusyError: this writer has no lease, and another run has it.
            LibraryError: the disk is full; searching works as before.
        """
        self._require_open()
        with self._leased():
            return sum(
                compact(shelf, index_kind=index_kind, whole=whole)
                for shelf in all_shelves(self._shelf)
            )

    def repair(self) -> RepairReport:
        """Make anew what is damaged and follows from something else; name the rest.

        Raises:
            LibraryBusyError: this writer has no lease, and another run has it.
            LibraryError: the disk is full; what was mended before is.
        """
        self._require_open()
        with self._leased():
            return repair(self._shelf)

    def _leased(self) -> contextlib.AbstractContextManager[None]:
        """The lease, where this writer does not hold it yet."""
        return contextlib.nullcontext() if self._holds_lease else lease(self._folder)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._require_open()
        with self._catalog.read_transaction() as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[WriteTransaction]:
        self._require_open()
        with self._catalog.write_transaction(after=self._stand) as transaction:
            yield transaction
        self._stand = transaction.stand

    def _require_open(self) -> None:
        if self._ended:
            raise ValueError("this writer's block has ended: open another one")


def _check(segments: "Sequence[Segment]", embeddings_SD: Vectors, *, embed_dim: int) -> None:
    expected = (len(segments), embed_dim)
    if not segments or embeddings_SD.shape != expected:
        raise ValueError(
            f"embeddings must be {expected}, one row a segment, got {embeddings_SD.shape}"
        )
    if not all(0 <= s.start_seconds < s.stop_seconds < np.inf for s in segments):
        raise ValueError("each segment must be [start, stop) with 0 <= start < stop")
    norms_S = np.linalg.norm(embeddings_SD.astype(np.float32), axis=1)
    if not np.all(np.abs(norms_S - 1) < _NORM_TOLERANCE):  # NaN fails too
        raise ValueError(f"embeddings must be unit vectors, got norms from {norms_S.min()}")


def _resolved(file: FileVersion) -> FileVersion:
    """The file by its absolute path without symbolic links: by this the catalog knows it."""
    return replace(file, path=Path(os.path.realpath(file.path)))
