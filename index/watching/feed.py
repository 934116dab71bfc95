"""The library that a watch feeds: opened for each batch, its model loaded once."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cpd_model.encoder import Encoder
from index.catalog.connection import CATALOG_NAME
from index.decoding.pool import DecodePool
from index.errors import LibraryNotFoundError
from index.library.add import add_videos
from index.library.library import Library
from index.library.opening import GrowingLibrary, open_for_adding
from index.library.pruning import plan_prune

if TYPE_CHECKING:
    from index.library.add_report import AddReport
    from index.vectors.kinds import IndexKind


class LibraryFeed:
    """Adds to one library, whichever model answers there at the time; see watch.Feed.

    Decoders live as long as a batch, for a watch does nothing most of the time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        load: Callable[[str | None, str], Encoder],
        model: str | None = None,
        window_seconds: float | None = None,
        hop_seconds: float | None = None,
        device: str = "auto",
        num_workers: int | None = None,
        index_kind: "IndexKind" = "auto",
    ) -> None:
        self.folder = folder.expanduser().resolve()
        self._num_workers = num_workers
        self._index_kind = index_kind
        self._began = False
        self._open = functools.partial(
            open_for_adding,
            self.folder,
            model=model,
            window_seconds=window_seconds,
            hop_seconds=hop_seconds,
            device=device,
            load=functools.cache(load),
        )

    def add(self, paths: Sequence[Path]) -> "AddReport":
        """Index files and folders in one run of their own.

        Raises:
            LibraryNotFoundError: the library was there before and is gone.
            LibraryError: another run has it, or its disk is full.
            AddInterrupted: Ctrl-C.
        """
        library, load_encoder = self._opened()
        with library, DecodePool(num_workers=self._num_workers) as pool:
            return add_videos(paths, library, load_encoder, pool, index_kind=self._index_kind)

    def remove_gone(self, paths: Sequence[Path]) -> int:
        """Forget the videos at and below these paths whose files are gone; how many there were.

        Raises:
            RootGoneError: a whole root is gone or empty, as it is while its disk is away.
            LibraryError: another run has the library, or it was removed.
        """
        with Library.open(self.folder) as library, library.lease():
            report = plan_prune(library.catalog, named=paths).report(dry_run=False)
        return len(report.removal.removed)

    def _opened(self) -> GrowingLibrary:
        if self._began and not (self.folder / CATALOG_NAME).is_file():
            raise LibraryNotFoundError(
                f"the library in {self.folder} is gone: bring it back, or watch again to make a "
                f"new one"
            )
        opened = self._open()
        self._began = True
        return opened
