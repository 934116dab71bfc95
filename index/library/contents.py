"""What an open library lets one change in its contents; each change is a transaction or several."""

from collections.abc import Sequence

from index.library.collections import Collections
from index.library.metadata import Metadata
from index.library.pruning import PruneReport, prune_videos
from index.library.removal import RemovalReport, plan_removal
from index.library.roots import Roots
from index.library.selection import Videos
from index.library.stored_videos import StoredVideos


class LibraryContents(StoredVideos):
    """The videos of an open library, how they are ordered, and what is said of them."""

    @property
    def collections(self) -> Collections:
        """Named sets of its videos."""
        return Collections(self._catalog)

    @property
    def roots(self) -> Roots:
        """The folders that its videos stand in."""
        return Roots(self._catalog)

    @property
    def metadata(self) -> Metadata:
        """What is said of its videos."""
        return Metadata(self._catalog)

    def remove(self, videos: Videos, *, dry_run: bool = False) -> RemovalReport:
        """Forget videos, and files that failed; the files themselves are not touched.

        Args:
            videos: their ids or paths, or a filter; a folder means all below it, a pattern all that
                fit, and none need be there any more.
            dry_run: only tell what would be removed.

        Raises:
            InputError: nothing is named, or the library has nothing at a path.
            FilterError: the filter names what the library does not have.
            LibraryError: the library is read-only here.
        """
        removal = plan_removal(self._catalog, videos)
        return removal.report() if dry_run else removal.carry_out()

    def prune(
        self,
        roots: Sequence[str] = (),
        *,
        dry_run: bool = False,
        even_if_gone: bool = False,
        wait_seconds: float = 0,
    ) -> PruneReport:
        """Forget videos whose files are gone, see index.library.pruning.prune_videos."""
        return prune_videos(
            self._catalog,
            roots,
            dry_run=dry_run,
            even_if_gone=even_if_gone,
            wait_seconds=wait_seconds,
        )
