"""One search of a library: which vectors, the search itself, what its videos are called.

The catalog is open for the first and the last of the three, a millisecond each, and closed while
the vectors are searched: a reader in its transaction keeps SQLite from emptying the log, which grew
without end where one search followed the other.
"""

from sqlalchemy import Connection

from cpd_model.encoder import Vectors
from index.catalog import reads
from index.catalog.connection import Catalog, has_passed
from index.catalog.records import NamedVideo
from index.errors import LibraryCorruptError
from index.search.moments import FoundMoments, Hit, Hits, search_view
from index.search.walk import ScoredSegment
from index.vectors.current_view import CurrentView
from index.vectors.view import View

_FREE_LOOKS = 3
"""So often a search starts anew when a video that it found was removed meanwhile."""


def search_library(
    catalog: Catalog, current_view: CurrentView, query_D: Vectors, *, limit: int, merge: bool
) -> Hits:
    """The best moments for a query, all of them of videos that are there; see Library.search."""
    for _ in range(_FREE_LOOKS):
        view = current_view.get()
        try:
            found = search_view(view, query_D, limit=limit, merge=merge)
        except LibraryCorruptError:
            if not current_view.distrust(view):
                raise
            continue  # without the damaged part: what it held is read from the catalog
        with catalog.read_transaction() as connection:
            # A number means the same video only in the same history.
            hits = _named(connection, found.moments) if has_passed(connection, view.stand) else None
        if hits is not None:
            return _told(hits, view, found)
    return _search_one_moment(catalog, current_view, query_D, limit=limit, merge=merge)


def _search_one_moment(
    catalog: Catalog, current_view: CurrentView, query_D: Vectors, *, limit: int, merge: bool
) -> Hits:
    """All three steps in one transaction, from which nothing can be removed meanwhile.

    Raises:
        LibraryCorruptError: a video that was found has no row.
    """
    while True:
        made_before = current_view.num_made
        with catalog.read_transaction() as connection:
            view = current_view.at(connection, made_before=made_before)
            if view is None:
                continue
            found = search_view(view, query_D, limit=limit, merge=merge)
            hits = _named(connection, found.moments)
        if hits is None:
            raise LibraryCorruptError(
                f"the catalog of the library in {catalog.path.parent} has segments of a video that "
                f"it does not know: run `cpd index verify`"
            )
        return _told(hits, view, found)


def _told(hits: list[Hit], view: View, found: FoundMoments) -> Hits:
    return Hits(hits, exact=view.is_exact, recall=view.recall, complete=found.complete)


def _named(connection: Connection, found: list[ScoredSegment]) -> list[Hit] | None:
    """The hits with the names of their videos; None when one of them is not there any more."""
    names = reads.names_of(connection, (window.video_number for window in found))
    if not all(window.video_number in names for window in found):
        return None
    return [_hit(window, names[window.video_number]) for window in found]


def _hit(window: ScoredSegment, video: NamedVideo) -> Hit:
    return Hit(
        window.start_seconds,
        window.stop_seconds,
        segment_id=window.segment_id,
        video_id=video.video_id,
        path=video.path,
        score=window.score,
    )
