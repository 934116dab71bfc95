"""Searches of a library by words, pictures and videos, whose model is at hand.

Axes: D dimensions of the shared space.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Unpack, cast, overload

import numpy as np

from cpd.arguments import AnyPath, expanded, texts_of
from cpd_model.encoder import Encoder, Vectors
from index.library.library import Library as CatalogLibrary
from index.library.queries import Likeness, make_query
from index.search.moments import Hits
from index.search.request import SearchOptions

__all__ = ["AskedLibrary", "QueryOptions"]


class QueryOptions(SearchOptions, total=False):
    """What `search` takes beside a text; index.search.request.SearchRequest tells the others."""

    like: AnyPath | Iterable[AnyPath]
    """A video of the library by path or id, `segment:ID`, or the file of any video or picture."""

    not_like: AnyPath | Iterable[AnyPath]
    """The same of what moments are to be unlike; it weighs half as much."""


class AskedLibrary(ABC):
    """What can be asked of a library that brings its own model."""

    @property
    @abstractmethod
    def encoder(self) -> Encoder:
        """The library's model."""

    @abstractmethod
    def _opened(self) -> CatalogLibrary: ...

    @overload
    def search(self, query: str | None = None, **options: Unpack[QueryOptions]) -> Hits: ...

    @overload
    def search(
        self, query: Vectors, *, fingerprint: str, **options: Unpack[SearchOptions]
    ) -> Hits: ...

    @overload
    def search(
        self, query: list[str] | tuple[str, ...], **options: Unpack[QueryOptions]
    ) -> list[Hits]: ...

    def search(
        self,
        query: str | Vectors | list[str] | tuple[str, ...] | None = None,
        *,
        fingerprint: str | None = None,
        **options: Unpack[QueryOptions],
    ) -> Hits | list[Hits]:
        """The best moments for a text, a vector or what is like a video, best first.

        The list has `exact`, `recall` and `complete`: a large library is searched approximately;
        and the `cursor` of its next page. Of several texts there is such a list for each.

        Args:
            query: what is to be seen, in one's own words; weighted as in `"dog:1, snow:0.5,
                -night:0.7"`; or a vector (D,) of this library's model; or a list of texts.
            fingerprint: of the model that made the vector; a text needs none.
            options: `limit`, `merge` (False gives single segments), `like` and `not_like`, `where`
                and `collections`, `text_weight`, `per_video`, `distinct`, `diversity`, `sort`,
                `min_score`, `cursor`, `explain`; docs/library.md tells each.

        Raises:
            InputError: the text is empty, or an option is out of its range.
            IndexMismatchError: another model than the library's made the vector.
            CPDError: there is no library, or its model cannot be had.
            TypeError: a vector without its fingerprint, or neither a text nor a vector.
        """
        limit = options.get("limit", 10)
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"limit is a whole number, got {type(limit).__name__}")
        like = _likenesses(options.pop("like", ()), what="like")
        not_like = _likenesses(options.pop("not_like", ()), what="not_like")
        asked = cast(SearchOptions, options)
        if query is None or isinstance(query, str):
            _require_no_fingerprint(fingerprint)
            return self._search(query, like, not_like, asked)
        if isinstance(query, (list, tuple)):
            _require_no_fingerprint(fingerprint)
            texts = texts_of(query, what="query")
            return [self._search(text, like, not_like, asked) for text in texts]
        if like or not_like:
            raise TypeError("a vector is asked with alone: leave like and not_like out")
        query_D, fingerprint = _vector_of_a_model(query, fingerprint)
        return self._opened().search(query_D, fingerprint=fingerprint, **asked)

    def _search(
        self,
        text: str | None,
        like: list[Likeness],
        not_like: list[Likeness],
        options: SearchOptions,
    ) -> Hits:
        library = self._opened()
        query = make_query(
            library,
            text=text,
            like=like,
            not_like=not_like,
            text_encoder=lambda: self.encoder,
            encoder=lambda: self.encoder,
        )
        options = {"words": query.words, **options}
        fingerprint = library.settings.fingerprint
        return library.search(query.vector_D, fingerprint=fingerprint, **options)


def _likenesses(given: AnyPath | Iterable[AnyPath], *, what: str) -> list[Likeness]:
    listed = [given] if isinstance(given, (str, bytes, os.PathLike)) else given
    if not isinstance(listed, Iterable):
        raise TypeError(f"{what} is a path or an id, or a list, got {type(given).__name__}")
    found: list[Likeness] = []
    for each in listed:
        if not isinstance(each, (str, os.PathLike)):
            raise TypeError(f"{what} is a path or an id, or a list, got {type(each).__name__}")
        found.append(os.fspath(expanded(each, what=what)))
    return found


def _require_no_fingerprint(fingerprint: str | None) -> None:
    if fingerprint is not None:
        raise TypeError("leave fingerprint out: the library's own model encodes a text")


def _vector_of_a_model(query: object, fingerprint: str | None) -> tuple[Vectors, str]:
    if not isinstance(query, np.ndarray):
        raise TypeError(
            f"a query is a text, a list of texts or a NumPy vector, got {type(query).__name__}"
        )
    if query.dtype.kind not in "fiu":
        raise TypeError(f"a vector holds real numbers, got {query.dtype}")
    if fingerprint is not None and not isinstance(fingerprint, str):
        raise TypeError(f"a fingerprint is a text, got {type(fingerprint).__name__}")
    if fingerprint is None:
        raise TypeError(
            "a vector needs the fingerprint of the model that made it, for no vector tells that "
            "by itself: search(vector, fingerprint=encoder.fingerprint)"
        )
    return query, fingerprint
