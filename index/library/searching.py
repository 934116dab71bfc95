"""Searches of a library: which vectors, the search itself, what its videos are called.

The catalog is open for the first and the last of the three, a millisecond each, and closed while
the vectors are searched: a reader in its transaction keeps SQLite from emptying the log, which grew
without end where one search followed the other.

Hits that come as the moments do, the best first, are gone on with from any cursor. Those in another
order are held for their next pages, and can be gone on with where they were found, or as long as
the library does not change.

Axes: D dimensions.
"""

import threading
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError
from index.catalog import reads, search_reads
from index.catalog.connection import Catalog, Stand, has_passed, may_follow, stand_of
from index.catalog.filtering import matching_videos
from index.catalog.records import LibrarySettings, NamedVideo
from index.catalog.texts import FoundText, search_texts
from index.errors import LibraryCorruptError
from index.filters.filter import Filter
from index.library.search_sources import LibrarySources
from index.search.answers import Answer, HeldAnswers, answer_to, is_limited_by_walk
from index.search.arranging import MAX_SORTED, Ranked
from index.search.cursor import Cursor, read_cursor
from index.search.moments import Hit, Hits
from index.search.request import SearchRequest
from index.search.trace import Explanation, Trace
from index.search.walk import Place, Route, Walk, unit_query
from index.vectors.current_view import CurrentView
from index.vectors.view import Kept, View

_FREE_LOOKS = 3
"""So often a search starts anew when a video that it found was removed meanwhile."""

_NUM_FILTERS = 8
"""So many filters are remembered while the library does not change."""


class KeptVideos(NamedTuple):
    """What a filter keeps."""

    numbers: NDArray[np.int64]
    rows: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question and what is read of it once."""

    query_D: Vectors
    request: SearchRequest
    cursor: Cursor | None
    where: Filter | None


class _Page(NamedTuple):
    """Some hits of an answer, and which one."""

    answer: Answer
    hits: list[Ranked]
    start: int
    """How many were told before."""
    is_held: bool
    """Whether it is of an older view, so that hits may be gone since."""


class LibrarySearch:
    """All searches of one open library; any number of threads may ask."""

    def __init__(
        self, catalog: Catalog, current_view: CurrentView, settings: LibrarySettings
    ) -> None:
        self._catalog = catalog
        self._current_view = current_view
        self._settings = settings
        self._held = HeldAnswers()
        self._lock = threading.Lock()
        self._filtered: View | None = None
        self._kept_by: dict[str, KeptVideos] = {}
        """By the filter's text, of the view before."""

    def close(self) -> None:
        """Let go of the answers that are held for their next pages."""
        self._held.clear()
        with self._lock:
            self._filtered, self._kept_by = None, {}

    def search(self, query_D: Vectors, request: SearchRequest) -> Hits:
        """The hits of one page, all of them of videos that are there; see Library.search."""
        asked = self._read(query_D, request)
        for _ in range(_FREE_LOOKS):
            view = self._current_view.get()
            try:
                page = self._page(view, asked)
            except LibraryCorruptError:
                if not self._current_view.distrust(view):
                    raise
                self._held.clear()
                continue  # without the damaged part: what it held is read from the catalog
            with page.answer.trace.stage("names"), self._catalog.read_transaction() as connection:
                # A number means the same video only in the same history.
                same_history = may_follow if page.is_held else has_passed
                passed = same_history(connection, page.answer.view.stand)
                hits = self._named(connection, page) if passed else None
            if hits is not None:
                return self._told(hits, page, asked)
        return self._search_one_moment(asked)

    def _search_one_moment(self, asked: _Asked) -> Hits:
        """All three steps in one transaction, from which nothing can be removed meanwhile.

        Raises:
            LibraryCorruptError: a video that was found has no row.
        """
        while True:
            made_before = self._current_view.num_made
            with self._catalog.read_transaction() as connection:
                view = self._current_view.at(connection, made_before=made_before)
                if view is None:
                    continue
                page = self._page(view, asked)
                hits = self._named(connection, page)
            if hits is None:
                raise LibraryCorruptError(
                    f"the catalog of the library in {self._catalog.path.parent} has segments of a "
                    f"video that it does not know: run `cpd index verify`"
                )
            return self._told(hits, page, asked)

    def _read(self, query_D: Vectors, request: SearchRequest) -> _Asked:
        cursor = None if request.cursor is None else read_cursor(request.cursor)
        if cursor is not None:
            unit_D = unit_query(query_D, self._settings.embed_dim)
            if cursor.request != self._name(request, unit_D):
                raise InputError(
                    "the cursor is of another query, or of other options: ask the same again (only "
                    "the number of results may differ), or search without a cursor for the first "
                    "page"
                )
        return _Asked(query_D=query_D, request=request, cursor=cursor, where=request.filter)

    def _name(self, request: SearchRequest, query_D: Vectors) -> bytes:
        return request.name(query_D, fingerprint=self._settings.fingerprint)

    def _page(self, view: View, asked: _Asked) -> _Page:
        """The page that is asked for, from the answer that is held for it or a new one."""
        answer, start = None, None
        if asked.cursor is not None:
            answer = self._held.take((asked.cursor.request, asked.cursor.epoch))
        if answer is not None:
            answer.trace.restart()
            start = _start_in(answer, view, asked)
        if answer is None or start is None:
            answer, start = self._new_answer(view, asked)
        hits = answer.page(start, asked.request.limit)
        return _Page(answer, hits, start, is_held=answer.view is not view)

    def _new_answer(self, view: View, asked: _Asked) -> tuple[Answer, int]:
        """An answer, and where in it the page begins."""
        trace, request = Trace(), asked.request
        kept, texts = None, []
        if asked.where is not None or request.is_hybrid or asked.cursor is not None:
            with trace.stage("filter"), self._catalog.read_transaction() as connection:
                if asked.cursor is not None:
                    self._require_same_history(connection, asked.cursor)
                if asked.where is not None:
                    kept = self._kept(connection, view, asked.where)
                if request.is_hybrid:
                    texts = self._texts(connection, request, kept)
        if not texts:
            request = replace(request, text_weight=0)
        route = _route(request, kept, asked.cursor)
        if not request.is_walked and asked.cursor is not None:
            route = _route(request, kept, None)
            _require_unchanged(view, asked.cursor)
        num_before = 0 if asked.cursor is None else asked.cursor.num_before
        walk = Walk(view, asked.query_D, route, num_before=num_before)
        sources = LibrarySources(self._catalog, walk, merge=request.merge, texts=texts)
        answer = answer_to(request, walk, sources, trace)
        answer.num_videos = None if kept is None else len(kept.numbers)
        is_inside = asked.cursor is not None and not request.is_walked
        return answer, asked.cursor.num_told if asked.cursor and is_inside else 0

    def _kept(self, connection: Connection, view: View, where: Filter) -> KeptVideos:
        """The videos that a filter keeps, found once as long as the library does not change."""
        with self._lock:
            if self._filtered is not view:
                self._filtered, self._kept_by = view, {}
            kept = self._kept_by.get(str(where))
        if kept is None:
            numbers = matching_videos(connection, where)
            kept = KeptVideos(numbers, view.rows_of_videos(numbers))
            with self._lock:
                if self._filtered is view and len(self._kept_by) < _NUM_FILTERS:
                    self._kept_by[str(where)] = kept
        return kept

    def _texts(
        self, connection: Connection, request: SearchRequest, kept: KeptVideos | None
    ) -> list[FoundText]:
        return search_texts(
            connection,
            request.words or "",
            limit=request.num_ranks,
            videos=None if kept is None else kept.numbers,
        )

    def _require_same_history(self, connection: Connection, cursor: Cursor) -> None:
        if stand_of(connection).library_id != cursor.library_id:
            raise InputError(
                "the cursor is of another library: search this one without a cursor for the first "
                "page"
            )
        if not may_follow(connection, _stand(cursor)):
            raise InputError(
                "the library was restored from a backup or a snapshot since the page before: "
                "search again without a cursor"
            )

    def _named(self, connection: Connection, page: _Page) -> list[Hit] | None:
        """The hits with the names of their videos; None when one of them is not there any more.

        Of an answer that is held those are left out.
        """
        found = page.hits
        if page.is_held:
            alive = search_reads.segments_alive(
                connection, (hit.moment.segment_id for hit in found)
            )
            found = [hit for hit in found if hit.moment.segment_id in alive]
        names = reads.names_of(connection, (hit.moment.video_number for hit in found))
        if not all(hit.moment.video_number in names for hit in found):
            return None
        is_fused = page.answer.is_fused
        return [_hit(hit, names[hit.moment.video_number], is_fused=is_fused) for hit in found]

    def _told(self, hits: list[Hit], page: _Page, asked: _Asked) -> Hits:
        answer, request = page.answer, asked.request
        view, walk = answer.view, answer.walk
        cursor = None
        if len(page.hits) == request.limit:
            cursor = _cursor(page, asked.cursor, self._name(request, walk.query_D))
            if asked.cursor is not None or not answer.is_walked:
                self._held.put((cursor.request, cursor.epoch), answer)
        looked_at_all = walk.num_candidates == view.num_live
        return Hits(
            hits,
            exact=view.is_exact,
            recall=view.recall,
            complete=request.sort == "score" or len(walk.settled) < MAX_SORTED,
            cursor=None if cursor is None else str(cursor),
            explanation=Explanation(
                path="exact" if looked_at_all else view.path(walk.route.kept),
                candidates=walk.num_candidates,
                widenings=max(0, walk.num_fetches - 1),
                videos=answer.num_videos,
                stages_ms=answer.trace.stages_ms(),
            )
            if request.explain
            else None,
        )


def _start_in(answer: Answer, view: View, asked: _Asked) -> int | None:
    """Where the page begins in an answer that is held; None where it is of no use any more."""
    assert asked.cursor is not None
    if not answer.is_walked:
        return asked.cursor.num_told
    if answer.view is not view:
        return None
    return answer.place_after(Place(asked.cursor.score, asked.cursor.segment_id))


def _route(request: SearchRequest, kept: KeptVideos | None, cursor: Cursor | None) -> Route:
    return Route(
        merge=request.merge,
        kept=None if kept is None else kept.rows,
        per_video=request.per_video if is_limited_by_walk(request) else None,
        background=None if cursor is None else cursor.background,
        last_segment_id=None if cursor is None else cursor.last_segment_id,
        after=None if cursor is None else Place(cursor.score, cursor.segment_id),
    )


def _require_unchanged(view: View, cursor: Cursor) -> None:
    if view.stand != _stand(cursor):
        raise InputError(
            "the library has changed since the page before, and hits in this order are gone on "
            "with only where that page was found and soon after it: search again without a cursor"
        )


def _stand(cursor: Cursor) -> Stand:
    return Stand(cursor.library_id, cursor.generation, cursor.epoch)


def _cursor(page: _Page, before: Cursor | None, name: bytes) -> Cursor:
    """Of the page that comes next."""
    walk, last = page.answer.walk, page.hits[-1].moment
    first = page.answer.view.stand if before is None else _stand(before)
    return Cursor(
        library_id=first.library_id,
        epoch=first.epoch,
        generation=first.generation,
        request=name,
        last_segment_id=walk.view.last_segment_id if before is None else before.last_segment_id,
        background=walk.background,
        score=last.score,
        segment_id=last.segment_id,
        num_told=len(page.hits) + (0 if before is None else before.num_told),
        num_before=walk.num_passed(page.start + len(page.hits))
        if page.answer.is_walked
        else walk.num_candidates,
    )


def _hit(found: Ranked, video: NamedVideo, *, is_fused: bool) -> Hit:
    moment = found.moment
    return Hit(
        moment.start_seconds,
        moment.stop_seconds,
        segment_id=moment.segment_id,
        video_id=video.video_id,
        path=video.path,
        score=moment.score,
        text=found.text,
        fused_score=found.value if is_fused else None,
    )
