"""One condition of a filter as an SQL expression over `videos`; all that a person wrote is bound.

Each expression is true or false, never NULL, so that `not` is the opposite: a nullable column is
asked for first, and what stands in other tables is asked for by IN or EXISTS.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, or_, select, true

from index.catalog.tables import (
    CatalogTable,
    CollectionRecord,
    CollectionVideoRecord,
    EmbeddedVideoRecord,
    FactRecord,
    LibraryRecord,
    RootRecord,
    TextRecord,
    VideoRecord,
)
from index.errors import FilterError
from index.filters.fields import META, Operator
from index.filters.folding import fold, readable
from index.filters.scanner import shorten
from index.filters.tree import Comparison, Has
from index.filters.values import Number, Period, Text, Truth, Value

_VIDEOS = VideoRecord.__table__.c
_FACTS = FactRecord.__table__.c
_COLLECTED = CollectionVideoRecord.__table__.c
_EMBEDDED = EmbeddedVideoRecord.__table__.c
_TEXTS = TextRecord.__table__.c
_COLUMNS = {
    "id": _VIDEOS.video_id,
    "hash": _VIDEOS.content_hash,
    "path": _VIDEOS.path_folded,
    "date": _VIDEOS.date,
    "added": _VIDEOS.added_at,
    "updated": _VIDEOS.updated_at,
    "duration": _VIDEOS.duration_seconds,
    "size": _VIDEOS.size_bytes,
    "width": _VIDEOS.width,
    "height": _VIDEOS.height,
    "fps": _VIDEOS.fps,
    "frames": _VIDEOS.num_frames,
    "rotation": _VIDEOS.rotation_degrees,
    "codec": func.lower(_VIDEOS.codec),
    "container": func.lower(_VIDEOS.container),
    "audio": _VIDEOS.has_audio,
}
_ALWAYS_THERE = {"id", "path", "date", "added", "updated", "size"}
_FACT_FIELDS = {"title", "caption", "place"}

Condition = ColumnElement[bool]
# Any: a value of whatever type the column has.
Column = ColumnElement[Any]


def comparison_condition(connection: Connection, comparison: Comparison) -> Condition:
    """Where a comparison holds.

    Raises:
        FilterError: it names a collection or a root that there is not.
    """
    if comparison.operator == "!=":
        same = Comparison(comparison.field, "=", comparison.values)
        return ~comparison_condition(connection, same)
    name, relation, values = comparison.field.name, comparison.relation, comparison.values
    if (key := comparison.field.meta_key) is not None or name in _FACT_FIELDS:
        about = _FACTS.key == (name if key is None else readable(key))
        return _in_videos(_FACTS.video_number, _fact_condition(about, relation, values))
    match name:
        case "name":
            return or_(*(_name_condition(relation, text) for text in _texts(values)))
        case "folder":
            return or_(*(_folder_condition(text) for text in _texts(values)))
        case "root":
            numbers = _numbers_of(connection, RootRecord, "root", _texts(values))
            return and_(_VIDEOS.root_number.is_not(None), _VIDEOS.root_number.in_(numbers))
        case "collection":
            numbers = _numbers_of(connection, CollectionRecord, "collection", _texts(values))
            return _in_videos(_COLLECTED.video_number, _COLLECTED.collection_number.in_(numbers))
        case "segments":
            live = select(LibraryRecord.model_number).scalar_subquery()
            counted = _compared(_EMBEDDED.num_segments, relation, values)
            return _in_videos(_EMBEDDED.video_number, and_(_EMBEDDED.model_number == live, counted))
        case "stale":
            is_stale = _VIDEOS.stale_since.is_not(None)
            return is_stale if values[0] == Truth(True) else ~is_stale
        case _:
            compared = _compared(_COLUMNS[name], relation, values)
            if name in _ALWAYS_THERE:
                return compared
            return and_(_COLUMNS[name].is_not(None), compared)


def has_condition(has: Has) -> Condition:
    """Where a video has something."""
    match has.thing:
        case "transcript":
            # EXISTS, for a video has thousands of them; the first one is enough.
            of_it = _TEXTS.video_number == _VIDEOS.number
            return exists().where(of_it, _TEXTS.kind == "transcript")
        case "collection":
            return _in_videos(_COLLECTED.video_number, true())
        case thing if thing.startswith(META):
            key = readable(thing.removeprefix(META))
            # Of an object the keys of what is in it; "/" is the next character after ".".
            within = and_(_FACTS.key > f"{key}.", _FACTS.key < f"{key}/")
            return _in_videos(_FACTS.video_number, or_(_FACTS.key == key, within))
        case thing:
            return _in_videos(_FACTS.video_number, _FACTS.key == thing)


def _in_videos(video_number: Column, condition: Condition) -> Condition:
    return _VIDEOS.number.in_(select(video_number).where(condition))


def _compared(column: Column, relation: Operator, values: Sequence[Value]) -> Condition:
    """A column that is not NULL compared with values of its kind."""
    first = values[0]
    match relation, first:
        case (("=" | "in"), _):
            return _equals_one(column, values)
        case "~", Text(text):
            return func.instr(column, fold(text)) > 0
        case _, Number():
            start = stop = first.number
        case _, Period():
            start, stop = first.start_seconds, first.stop_seconds
    match relation:
        case "<":
            return column < start
        case "<=":
            return column <= stop if isinstance(first, Number) else column < stop
        case ">":
            return column > stop if isinstance(first, Number) else column >= stop
        case _:
            return column >= start


def _equals_one(column: Column, values: Iterable[Value]) -> Condition:
    """Whether a column equals a value or is within it; see filtering.py for very many."""
    plain: list[str | float | bool] = []
    within = []
    for value in values:
        match value:
            case Text(text):
                plain.append(fold(text))
            case Number(number):
                plain.append(number)
            case Truth(is_true):
                plain.append(is_true)
            case Period(start, stop):
                within.append(and_(column >= start, column < stop))
    return or_(*([column.in_(plain)] if plain else []), *within)


def _fact_condition(about: Condition, relation: Operator, values: Sequence[Value]) -> Condition:
    """Whether a row of `facts` is about a key and has a value of it."""
    number, text = _FACTS.number, _FACTS.text_folded
    if relation == "~":
        return and_(about, _compared(text, relation, values))
    if relation not in ("=", "in"):
        return and_(about, number.is_not(None), _compared(number, relation, values))
    # What looks like a number may have been a text.
    written = [
        Text(value.text if isinstance(value, Text) else value.written)
        for value in values
        if not isinstance(value, Truth)
    ]
    numbers = [value for value in values if not isinstance(value, Text)]
    same_text = and_(about, _equals_one(text, written))
    if not numbers:
        return same_text
    # Each side with the key, so that SQLite takes the index of each.
    return or_(same_text, and_(about, number.is_not(None), _equals_one(number, numbers)))


def _name_condition(relation: Operator, text: str) -> Condition:
    """What stands behind the last slash of the path is or contains a text."""
    path, name = _VIDEOS.path_folded, fold(text)
    if "/" in name:
        return false()
    if relation != "~":
        return func.substr(path, -len(name) - 1) == f"/{name}"
    # All that is no slash, cut from the right, tells where the name begins; most paths need not.
    start = func.length(func.rtrim(path, func.replace(path, "/", ""))) + 1
    return and_(func.instr(path, name) > 0, func.instr(func.substr(path, start), name) > 0)


def _folder_condition(text: str) -> Condition:
    folder = fold(text).rstrip("/") + "/"
    if folder.startswith("/"):
        return func.substr(_VIDEOS.path_folded, 1, len(folder)) == folder
    return func.instr(_VIDEOS.path_folded, f"/{folder}") > 0


def _numbers_of(
    connection: Connection, table: type[CatalogTable], what: str, names: Iterable[str]
) -> list[int]:
    """The numbers of the collections or roots of these names; the exact name before other cases."""
    columns = table.__table__.c
    rows = connection.execute(select(columns.name, columns.number))
    known = {row.name: row.number for row in rows}
    found = []
    for name in names:
        alike = [number for each, number in known.items() if fold(each) == fold(name)]
        if not alike:
            has = ", ".join(shorten(each) for each in sorted(known)) or "none yet"
            raise FilterError(f"there is no {what} {shorten(name)} in this library; it has: {has}")
        found += [known[name]] if name in known else alike
    return found


def _texts(values: Iterable[Value]) -> list[str]:
    return [value.text for value in values if isinstance(value, Text)]
