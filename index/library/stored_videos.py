"""What a library tells of its videos, from the catalog alone: no vectors are loaded.

Axes: S segments of one video, D dimensions.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from cpd_model.encoder import Vectors
from index.catalog import reads, search_reads
from index.catalog.connection import Catalog
from index.catalog.filtering import matching_videos
from index.catalog.records import FailedVideo, KnownFile, LibrarySettings, SegmentRow, VideoRow
from index.catalog.whole_videos import (
    Meaning,
    WholeVideos,
    models_of,
    names_of_collections,
    numbers_of_all,
    read_whole,
    roots_of,
)
from index.filters.filter import Filter


class StoredVideos:
    """The videos of an open library, and what one of its models has of them."""

    def __init__(self, catalog: Catalog, settings: LibrarySettings) -> None:
        self.settings = settings
        self._catalog = catalog

    @property
    def catalog(self) -> Catalog:
        """What it is read from, and changed by."""
        return self._catalog

    def count(self) -> reads.Counts:
        """How much it holds."""
        with self._catalog.read_transaction() as connection:
            return reads.count_all(connection, model_number=self.settings.model_number)

    def videos(
        self, *, limit: int | None, offset: int = 0, where: Filter | None = None
    ) -> list[VideoRow]:
        """Indexed videos that a filter means, or all; first seen first.

        Raises:
            FilterError: the filter names what the library does not have.
        """
        with self._catalog.read_transaction() as connection:
            return reads.list_videos(
                connection,
                model_number=self.settings.model_number,
                limit=limit,
                offset=offset,
                where=where,
            )

    def count_videos(self, where: Filter) -> int:
        """How many a filter means.

        Raises:
            FilterError: the filter names what the library does not have.
        """
        with self._catalog.read_transaction() as connection:
            return len(matching_videos(connection, where))

    def each_video(self, *, at_once: int = 500) -> Iterator[VideoRow]:
        """All indexed videos, first seen first; one that is removed meanwhile hides no other.

        Args:
            at_once: how many are read in one transaction.
        """
        number = 0
        while page := self._videos_after(number, limit=at_once):
            yield from page.values()
            number = max(page)

    @contextlib.contextmanager
    def whole_videos(
        self, *, where: Filter | None = None, models: Iterable[LibrarySettings] | None = None
    ) -> Iterator[WholeVideos]:
        """All that is known of the videos, as of one moment, for another library to take in.

        Args:
            where: videos alone; None is all of them, and the failures.
            models: whose vectors come along; None is the one that answers here.

        Raises:
            FilterError: the filter names what the library does not have.
        """
        with self._catalog.read_transaction() as connection:
            if where is None:
                numbers = numbers_of_all(connection)
            else:
                numbers = matching_videos(connection, where).tolist()
            asked = [self.settings] if models is None else models
            yield WholeVideos(
                num_videos=len(numbers),
                roots=roots_of(connection),
                collections=names_of_collections(connection),
                videos=read_whole(connection, numbers, models=asked),
                is_all=where is None,
            )

    def ready_models(self) -> dict[Meaning, LibrarySettings]:
        """The models that have embedded all videos once, by what their vectors mean."""
        with self._catalog.read_transaction() as connection:
            return models_of(connection)

    def video(self, video_id: str) -> VideoRow:
        """One indexed video.

        Raises:
            UnknownVideoError: there is none of that id.
        """
        with self._catalog.read_transaction() as connection:
            return reads.video_by_id(connection, video_id, model_number=self.settings.model_number)

    def segments(self, video_id: str) -> list[SegmentRow]:
        """The segments of a video, in the order of time.

        Raises:
            UnknownVideoError: there is none of that id.
        """
        with self._catalog.read_transaction() as connection:
            return reads.segments_of(connection, video_id, ids=self.settings.segment_ids)

    def embeddings(self, video_id: str) -> Vectors:
        """Unit vectors (S, D) of a video, row i of segment i.

        Raises:
            UnknownVideoError: there is none of that id.
            LibraryCorruptError: they are not what was written.
        """
        with self._catalog.read_transaction() as connection:
            return reads.embeddings_of(
                connection,
                video_id,
                ids=self.settings.segment_ids,
                embed_dim=self.settings.embed_dim,
            )

    def segment_vector(self, segment_id: int) -> Vectors:
        """The unit vector (D,) of a segment.

        Raises:
            InputError: there is none of that id.
            LibraryCorruptError: its video's vectors are not what was written.
        """
        with self._catalog.read_transaction() as connection:
            return search_reads.segment_vector(
                connection,
                segment_id,
                ids=self.settings.segment_ids,
                embed_dim=self.settings.embed_dim,
            )

    def known_file(self, path: Path) -> KnownFile | None:
        """What it has at an absolute path, an indexed video or a failure; None for nothing."""
        with self._catalog.read_transaction() as connection:
            return reads.file_at(connection, path)

    def failures(self) -> list[FailedVideo]:
        """Files that could not be indexed, with reasons."""
        with self._catalog.read_transaction() as connection:
            return reads.list_failures(connection)

    def stale_videos(self) -> list[VideoRow]:
        """Indexed videos whose newest bytes could not be read: why and since when their rows say.

        They are searched as they were before; the next add tries again.
        """
        with self._catalog.read_transaction() as connection:
            return reads.list_stale(connection, model_number=self.settings.model_number)

    def _videos_after(self, number: int, *, limit: int) -> dict[int, VideoRow]:
        with self._catalog.read_transaction() as connection:
            return reads.videos_after(
                connection, number, model_number=self.settings.model_number, limit=limit
            )
