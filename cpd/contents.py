"""What `cpd.Library` tells of its contents, and lets one change in them: no model is needed."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from cpd.arguments import AnyPath, paths_of, texts_of
from index.catalog.collections import CollectionRow
from index.catalog.records import FailedVideo, LibraryStatus, ModelStatus, VideoRow
from index.catalog.roots import RootRow
from index.catalog.texts import VideoText
from index.filters.filter import Filter, as_filter
from index.library.collections import Collections
from index.library.library import Library as CatalogLibrary
from index.library.metadata import Metadata, SetReport, VideoMetadata
from index.library.models import Models
from index.library.pruning import PruneReport
from index.library.removal import RemovalReport, RemovedVideo
from index.library.roots import RootChange, Roots
from index.library.snapshot_files import Snapshot
from index.library.snapshots import RestoreReport, Snapshots

__all__ = [
    "CollectionRow",
    "Collections",
    "FailedVideo",
    "LibraryContents",
    "LibraryStatus",
    "Metadata",
    "ModelStatus",
    "Models",
    "PruneReport",
    "RemovalReport",
    "RemovedVideo",
    "RestoreReport",
    "RootChange",
    "RootRow",
    "Roots",
    "SetReport",
    "Snapshot",
    "Snapshots",
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
    def collections(self) -> Collections:
        """Named sets of its videos: `list`, `get`, `create`, `rename`, `drop`, `add`, `remove`."""
        return self._opened().collections

    @property
    def roots(self) -> Roots:
        """The folders that its videos stand in: `list`, `get`, `set`, `rename`, `drop`."""
        return self._opened().roots

    @property
    def models(self) -> Models:
        """Its models side by side: `list`, `get`, `switch`, `drop`.

        After a switch this library goes on with the model that it was opened with: open it again
        for the other one.
        """
        return self._opened().models

    @property
    def metadata(self) -> Metadata:
        """What is said of its videos: `get`, `set`, `set_each`, `unset`, `texts`."""
        return self._opened().metadata

    @property
    def snapshots(self) -> Snapshots:
        """What it held at earlier moments: `list`, `get`, `create`, `restore`, `drop`."""
        return self._opened().snapshots

    def remove(
        self, videos: AnyPath | Iterable[AnyPath] | Filter, *, dry_run: bool = False
    ) -> RemovalReport:
        """Forget videos, and files that failed; the files themselves are not touched.

        Args:
            videos: their ids or paths, or a filter; a folder means all below it, a pattern all that
                fit, and none need be there any more.
            dry_run: only tell what would be removed.

        Raises:
            InputError: nothing is named, or the library has nothing at a path.
            FilterError: the filter names what the library does not have.
        """
        chosen = videos if isinstance(videos, Filter) else paths_of(videos, what="videos")
        return self._opened().remove(chosen, dry_run=dry_run)

    def prune(
        self,
        roots: Iterable[str] = (),
        *,
        dry_run: bool = False,
        even_if_gone: bool = False,
        wait_seconds: float = 0,
    ) -> PruneReport:
        """Forget the videos whose files are gone, of some roots or of all.

        Args:
            roots: their names; none means all.
            dry_run: only tell what would be removed.
            even_if_gone: also where the folder of a whole root is gone or empty.
            wait_seconds: how long to wait for an add to end: it may find a moved file.

        Raises:
            InputError: there is no root of a name, or the folder of one is gone or empty.
            LibraryError: another process adds.
        """
        return self._opened().prune(
            texts_of(roots, what="roots"),
            dry_run=dry_run,
            even_if_gone=even_if_gone,
            wait_seconds=wait_seconds,
        )

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
