"""Which videos a filter means, the slow and obvious way: one dictionary a video, no database."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from index.filters.tree import Comparison, Has, Joined, Node, Not
from index.filters.values import Number, Period, Text, Truth, Value, period_of


@dataclass(frozen=True, kw_only=True)
class TwinVideo:
    """All that a filter can ask of one video."""

    number: int
    path: str
    is_indexed: bool
    fields: dict[str, Any]
    """The plain ones by name; texts as they are written, None where there is none."""
    root: str | None
    collections: set[str]
    document: dict[str, Any]
    """Its metadata."""
    num_transcripts: int


def even(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def meant(node: Node, videos: Sequence[TwinVideo]) -> list[int]:
    """The numbers of the indexed videos that a tree means."""
    return [video.number for video in videos if video.is_indexed and holds(node, video)]


def holds(node: Node, video: TwinVideo) -> bool:
    match node:
        case Joined("and", parts):
            return all(holds(part, video) for part in parts)
        case Joined(_, parts):
            return any(holds(part, video) for part in parts)
        case Not(part):
            return not holds(part, video)
        case Has(thing):
            return has(thing, video)
        case Comparison(field, "!=", values):
            return not holds(Comparison(field, "=", values), video)
        case Comparison():
            return compares(node, video)


def has(thing: str, video: TwinVideo) -> bool:
    if thing == "transcript":
        return video.num_transcripts > 0
    if thing == "collection":
        return len(video.collections) > 0
    key = thing.removeprefix("meta.")
    return any(
        each == key or (thing != key and each.startswith(f"{key}."))
        for each, _ in flat(video.document)
    )


def compares(comparison: Comparison, video: TwinVideo) -> bool:
    name, relation = comparison.field.name, comparison.relation
    match name:
        case "path":
            found: list[Any] = [video.path]
        case "name":
            found = [video.path.split("/")[-1]]
        case "folder":
            return any(
                is_folder(v.text, video.path) for v in comparison.values if isinstance(v, Text)
            )
        case "root":
            found = [video.root]
        case "collection":
            found = [*video.collections]
        case "title" | "caption" | "place":
            found = [value for key, value in flat(video.document) if key == name]
        case _ if name.startswith("meta."):
            key = name.removeprefix("meta.")
            there = [value for each, value in flat(video.document) if each == key]
            return any(meta(each, relation, v) for each in there for v in comparison.values)
        case _:
            found = [video.fields[name]]
    return any(
        plain(each, relation, value)
        for each in found
        if each is not None
        for value in comparison.values
    )


def is_folder(asked: str, path: str) -> bool:
    wanted = [part for part in even(asked).split("/") if part]
    folders = even(path).split("/")[1:-1]
    starts = [0] if asked.startswith("/") else range(len(folders))
    return any(folders[i : i + len(wanted)] == wanted for i in starts)


def plain(found: Any, relation: str, value: Value) -> bool:
    match value:
        case Truth(is_true):
            return bool(found) == is_true
        case Text(text):
            return even(text) in even(found) if relation == "~" else even(found) == even(text)
        case Number(number):
            return ordered(found, relation, number, number, inclusive=True)
        case Period(start, stop):
            return ordered(found, relation, start, stop, inclusive=False)


def ordered(found: float, relation: str, start: float, stop: float, *, inclusive: bool) -> bool:
    before_stop = found <= stop if inclusive else found < stop
    match relation:
        case "<":
            return found < start
        case "<=":
            return before_stop
        case ">":
            return not before_stop
        case ">=":
            return found >= start
        case _:
            return found >= start and before_stop


def meta(found: Any, relation: str, value: Value) -> bool:
    written = value.text if isinstance(value, Text) else value.written
    if relation == "~":
        return even(written) in even(as_text(found))
    if relation in ("=", "in") and even(written) == even(as_text(found)):
        return True
    number = as_number(found)
    return number is not None and not isinstance(value, Text) and plain(number, relation, value)


def flat(document: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its key; a list gives each of its elements."""
    if isinstance(document, dict):
        for name, inner in document.items():
            yield from flat(inner, f"{key}.{name}" if key else name)
    elif isinstance(document, list):
        for inner in document:
            yield from flat(inner, key)
    else:
        yield key, document


def as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_number(value: Any) -> float | None:
    if isinstance(value, str):
        period = period_of(value)
        return None if period is None else period.start_seconds
    return float(value)
