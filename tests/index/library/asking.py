"""Questions to the library of thirty videos, see the fixture `asked`."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection

from cpd_model.encoder import Vectors
from index.catalog.connection import CATALOG_NAME, Catalog
from index.library.library import Library
from index.library.writer import LibraryWriter
from index.search.moments import Hit, Hits
from tests.index.libraries import MADE_BY, put, unit_rows

QUERY_D = unit_rows(1, seed=1000)[0]


def put_numbered(writer: LibraryWriter, number: int, *, seed: int | None = None) -> str:
    rows_SD = unit_rows(6, seed=number if seed is None else seed)
    path = f"/videos/{number % 3}/{number}.mp4"
    return put(writer, path, rows_SD, content_hash=f"{number:064x}")


def ask(library: Library, query_D: Vectors = QUERY_D, **options: Any) -> Hits:
    return library.search(query_D, fingerprint=MADE_BY, **options)


def pages(library: Library, **options: Any) -> Iterator[Hits]:
    """One page after the other, the next one asked for when it is wanted."""
    cursor = None
    while True:
        page = ask(library, cursor=cursor, **options)
        yield page
        if (cursor := page.cursor) is None:
            return


def places(hits: Iterable[Hit]) -> list[tuple[int, float, float, float]]:
    return [(h.segment_id, h.start_seconds, h.stop_seconds, h.score) for h in hits]


def number_of(hit: Hit) -> int:
    return int(hit.path.stem)


def write(library: Library, change: Callable[[Connection], None]) -> None:
    """One write transaction of whatever the catalog has."""
    catalog = Catalog(library.folder / CATALOG_NAME)
    try:
        with catalog.write_transaction() as transaction:
            change(transaction.connection)
    finally:
        catalog.close()
