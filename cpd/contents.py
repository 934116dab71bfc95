"""What `cpd.Library` tells of its contents, and lets one change in them: no model is needed."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from index.catalog.records import FailedVideo, LibraryStatus, VideoRow
from index.catalog.texts import VideoText
from index.filters.filter import Filter, as_filter
from index.library.library import Library as CatalogLibrary
from index.library.metadata import Metadata, VideoMetadata

__all__ = [
    "FailedVideo",
    "LibraryContents",
    "LibraryStatus",
    "Metadata",
    "VideoMetadata",
    "VideoRow",
    "VideoText",
]


class LibraryContents(ABC):
    """The half of `cpd.Library` that asks the catalog alone."""

    @abstractmethod
    def _opened(self) -> CatalogLibrary:
        """The library, opened when it is first asked for."""

    @property
    def metadata(self) -> Metadata:
        """What is said of its videos: `get`, `set`, `set_each`, `unset`, `texts`."""
        return self._opened().metadata

    def status(self) -> LibraryStatus:
        """How much it holds, which model made it and how it is searched."""
        return self._opened().status()

    def videos(
        self, where: Filter | str | None = None, *, limit: int | None = None
    ) -> list[VideoRow]:
        """Those that a filter means (docs/filters.md), or all; first seen first.

        Raises:
            FilterError: it cannot be read, or names what the library does not have.
        """
        return self._opened().videos(where=as_filter(where), limit=limit)

    def failures(self) -> list[FailedVideo]:
        """Files that could not be indexed, with reasons."""
        return self._opened().failures()

    def stale_videos(self) -> list[VideoRow]:
        """Videos whose newest bytes could not be read, each with `stale_reason` and `stale_since`.

        They are searched as they were before; the next `add` tries again.
        """
        return self._opened().stale_videos()

    def __len__(self) -> int:
        return self._opened().count().videos

    def __iter__(self) -> Iterator[VideoRow]:
        return self._opened().each_video()
