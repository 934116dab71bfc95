"""What is said of videos: a document of each source, merged, and told value by value for filters.

    metadata   documents as they came: of the container, of sidecars, of a person
    facts      the three merged, a person's above the sidecars' above the container's
    texts      its title and caption, and the sidecars' transcripts
    date       its `date`, or else the time of the file

The first is the truth; `refresh` makes the others from it. Only indexed videos have them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias

from sqlalchemy import Connection, delete, select, update

from index.catalog.tables import FactRecord, MetadataRecord, VideoRecord
from index.catalog.texts import TextKind, VideoText, drop_texts, put_texts
from index.documents import Document, Fact, date_seconds, dump_document, facts_of, merged
from index.filters.folding import fold
from index.filters.values import period_of
from index.sidecars.reading import NOTHING, SidecarContent

Source: TypeAlias = Literal["container", "sidecar", "user"]
SOURCES: tuple[Source, ...] = ("container", "sidecar", "user")
"""Later ones count before earlier ones."""

_SPOKEN: tuple[TextKind, ...] = ("title", "caption")
"""Keys that can be searched by words; texts of these kinds."""

_AT_ONCE = 500
"""Videos that one statement asks for."""

_INSERT_FACT = "INSERT INTO facts (video_number, key, text_folded, number) VALUES (?, ?, ?, ?)"
_INSERT_DOCUMENT = "INSERT INTO metadata (video_number, source, document) VALUES (?, ?, ?)"
_SET_DATE = "UPDATE videos SET date = coalesce(?, mtime_ns / 1e9) WHERE number = ?"


class Said(NamedTuple):
    """What a video's file and those beside it say of it."""

    container: Document
    sidecars: SidecarContent = NOTHING
    sidecar_stamp: str | None = None
    """Of the sidecars that were read, see index.sidecars.finding."""


def put_said(connection: Connection, number: int, said: Said) -> None:
    """Take in what a video's file and its sidecars say, instead of what they said before."""
    _replace(connection, {number: said.container}, "container")
    put_sidecars(connection, number, said.sidecars, stamp=said.sidecar_stamp)


def put_sidecars(
    connection: Connection, number: int, content: SidecarContent, *, stamp: str | None
) -> None:
    """Take in what a video's sidecars say, instead of what they said before."""
    _replace(connection, {number: content.document}, "sidecar")
    cues = [VideoText("transcript", cue.body, *cue[:2]) for cue in content.cues]
    put_texts(connection, {number: cues}, replacing=["transcript"])
    stamped = update(VideoRecord).where(VideoRecord.number == number)
    connection.execute(stamped.values(sidecar_stamp=stamp))
    refresh(connection, [number])


def change_documents(
    connection: Connection,
    numbers: Iterable[int],
    change: Callable[[int, Document], Document],
    *,
    source: Source,
) -> None:
    """Put what one source says of videos: what `change` makes of what it said; {} is nothing."""
    for batch in _batches(numbers):
        known = documents_of(connection, batch)
        changed: dict[int, Document] = {}
        for number in batch:
            said = known.setdefault(number, {})
            before = said.get(source, {})
            said[source] = change(number, before)
            if not _are_same(said[source], before):
                changed[number] = said[source]
        if changed:
            _replace(connection, changed, source)
            _tell(connection, {number: merged_document(known[number]) for number in changed})


def put_documents(
    connection: Connection, documents: Mapping[int, Document], *, source: Source
) -> None:
    """Put what one source says of videos, by number, instead of what it said; {} is nothing."""
    change_documents(connection, documents, lambda number, _: documents[number], source=source)


def documents_of(
    connection: Connection, numbers: Sequence[int]
) -> dict[int, dict[Source, Document]]:
    """What each source says of these videos; videos and sources that say nothing are left out."""
    documents: dict[int, dict[Source, Document]] = {}
    for batch in _batches(numbers):
        rows = connection.execute(
            select(MetadataRecord.video_number, MetadataRecord.source, MetadataRecord.document)
            .where(MetadataRecord.video_number.in_(batch))
            .order_by(MetadataRecord.video_number)
        )
        for row in rows:
            source: Source = row.source
            documents.setdefault(row.video_number, {})[source] = json.loads(row.document)
    return documents


def merged_document(documents: Mapping[Source, Document]) -> Document:
    """What counts of what the sources say."""
    return merged(*(documents[source] for source in SOURCES if source in documents))


def forget_said(connection: Connection, number: int) -> None:
    """Forget all that a file said, which turned out to be no video; what a person said stays."""
    by_file = MetadataRecord.source != "user"
    connection.execute(delete(MetadataRecord).where(MetadataRecord.video_number == number, by_file))
    connection.execute(delete(FactRecord).where(FactRecord.video_number == number))
    drop_texts(connection, number)
    forgotten = update(VideoRecord).where(VideoRecord.number == number)
    connection.execute(forgotten.values(sidecar_stamp=None))


def refresh(connection: Connection, numbers: Sequence[int]) -> None:
    """Make facts, titles, captions and dates of indexed videos anew from their documents."""
    for batch in _batches(numbers):
        known = documents_of(connection, batch)
        _tell(connection, {number: merged_document(known.get(number, {})) for number in batch})


def _are_same(document: Document, other: Document) -> bool:
    """Whether two documents say the same; as JSON too, for to Python True equals 1."""
    return document == other and dump_document(document) == dump_document(other)


def _tell(connection: Connection, documents: Mapping[int, Document]) -> None:
    """Make facts, titles, captions and dates of these videos anew, of their merged documents."""
    facts = {number: facts_of(document) for number, document in documents.items()}
    rows = [_fact_row(number, fact) for number in facts for fact in facts[number]]
    dates: dict[int, float | None] = dict.fromkeys(documents)
    for number, key, _, seconds in rows:
        if key == "date" and dates[number] is None:
            dates[number] = seconds
    # By the driver itself: SQLAlchemy would double what a million rows take.
    connection.execute(delete(FactRecord).where(FactRecord.video_number.in_(documents)))
    if rows:
        connection.exec_driver_sql(_INSERT_FACT, rows)
    put_texts(connection, {number: _spoken(facts[number]) for number in facts}, replacing=_SPOKEN)
    connection.exec_driver_sql(_SET_DATE, [(dates[number], number) for number in dates])


def _replace(connection: Connection, documents: Mapping[int, Document], source: Source) -> None:
    connection.execute(
        delete(MetadataRecord).where(
            MetadataRecord.video_number.in_(documents), MetadataRecord.source == source
        )
    )
    rows = [
        (number, source, dump_document(document))
        for number, document in documents.items()
        if document
    ]
    if rows:
        connection.exec_driver_sql(_INSERT_DOCUMENT, rows)


def _fact_row(number: int, fact: Fact) -> tuple[int, str, str, float | None]:
    key, value = fact
    text = fold(value) if isinstance(value, str) else str(value).lower()  # 1E+20 is written 1e+20
    if key == "date":  # which takes dates in more forms
        return number, key, text, date_seconds(value)
    if not isinstance(value, str):
        return number, key, text, float(value)
    period = period_of(value) if value[:1].isdigit() else None
    return number, key, text, None if period is None else period.start_seconds


def _spoken(facts: list[Fact]) -> list[VideoText]:
    return [
        VideoText(kind, str(fact.value)) for fact in facts for kind in _SPOKEN if fact.key == kind
    ]


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    left = iter(numbers)
    while batch := list(islice(left, _AT_ONCE)):
        yield batch


def sidecar_stamps(connection: Connection) -> dict[str, str]:
    """What the sidecars of videos were when they were read, by video_id; for those that had any."""
    query = select(VideoRecord.video_id, VideoRecord.sidecar_stamp)
    rows = connection.execute(query.where(VideoRecord.sidecar_stamp.is_not(None)))
    return {row.video_id: row.sidecar_stamp for row in rows}
