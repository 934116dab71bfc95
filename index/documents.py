"""Documents of metadata: free JSON objects of bounded size, what they say, and how they combine.

    container  {"title": "clip0007", "gps": {"lat": 48.85, "lon": 2.29}}
    sidecar    {"title": "Holiday", "tags": ["beach", "dog"]}
    user       {"gps": null}
    merged     {"title": "Holiday", "tags": ["beach", "dog"]}
    facts      title = Holiday; tags = beach; tags = dog

A document is an object whose values are numbers, texts, booleans, null, lists and objects. It is
checked where it comes in, so that what is stored can be read again by any JSON parser: no NaN, no
key twice, no halves of surrogate pairs, and bounded in size and depth.
"""

import functools
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

from cpd_model.errors import InputError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
Document: TypeAlias = dict[str, JsonValue]

MOST_CHARACTERS = 1 << 20
"""Of a document as JSON."""

MOST_VALUES = 10_000
"""Numbers, texts and booleans of one document, wherever they stand in it."""

DEEPEST_LEVEL = 32
"""Objects and lists within each other."""

LONGEST_KEY = 200
"""Characters of a fact's key: the keys on the way to a value, joined by dots."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_PART_OF_A_DATE = re.compile(
    r"(?P<year>\d{4})(?:[-:/.]?(?P<month>\d{2})(?:[-:/.]?(?P<day>\d{2}))?)?(?P<rest>[T ].*)?",
    re.ASCII,
)


class Fact(NamedTuple):
    """One value of a document."""

    key: str
    """`gps.lat`: the keys on the way to it. Values of a list share the list's key."""

    value: bool | int | float | str


def parse_document(text: str) -> Document:
    """Read a document that somebody wrote.

    Raises:
        InputError: as `parse_object` and `checked_document`.
    """
    return checked_document(parse_object(text))


def parse_object(text: str) -> dict[str, Any]:
    """Read a JSON object of any size.

    Raises:
        InputError: it is no JSON, no object, or holds what no document may; the sentence says
            where, without naming the file.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_object_of_pairs, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise InputError(_too_deep()) from error
    except ValueError as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "a number is too long"
        raise InputError(f"it is not JSON: {reason}") from error
    if not isinstance(value, dict):
        raise InputError(f"it must hold a JSON object, {{...}}, and holds {_kind_of(value)}")
    return value


def checked_document(value: Mapping[str, Any]) -> Document:
    """The same document, plain and within the bounds.

    Raises:
        InputError: a value is none of JSON's, or a bound is broken.
    """
    document = {_plain_text(key): _checked(item, level=1) for key, item in value.items()}
    dump_document(document)
    return document


def dump_document(document: Document) -> str:
    """A checked document as JSON, keys in their order; `json.loads` brings back the same.

    Raises:
        InputError: it grew too large.
    """
    text = _ENCODER.encode(document)
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"it has {len(text)} characters as JSON, and at most {MOST_CHARACTERS} are taken"
        )
    if len(text) > MOST_VALUES:  # each value takes a character at least
        num_values = len(_leaves(document))
        if num_values > MOST_VALUES:
            raise InputError(f"it holds {num_values} values, and at most {MOST_VALUES} are taken")
    return text


def merged(*documents: Document) -> Document:
    """Documents laid over each other, later ones above, as JSON Merge Patch does (RFC 7396).

    Objects are merged key by key; anything else replaces what is below; null hides it.
    """
    result: Document = {}
    for document in documents:
        result = _patched(result, document)
    return result


def facts_of(document: Document) -> list[Fact]:
    """The values of a merged document, each once, in their order; null and [] say nothing."""
    # By type too: True equals 1, and is another value all the same.
    leaves = ((key[:LONGEST_KEY], value, type(value)) for key, value in _leaves(document))
    return [Fact(key, value) for key, value, _ in dict.fromkeys(leaves)]


def set_values(document: Document, values: Mapping[str, JsonValue]) -> Document:
    """A document with values set; the key `gps.lat` reaches into the object `gps`, or makes it.

    Raises:
        InputError: a key is empty or too long, or reaches into what another one sets.
    """
    result = dict(document)
    for key, value in values.items():
        require_key(key)
        if "." in key:
            _require_apart(key, values)
        if key in result or "." not in key:
            result[key] = value
        else:
            first, rest = key.split(".", 1)
            inner = result.get(first)
            result[first] = set_values(inner if isinstance(inner, dict) else {}, {rest: value})
    return result


def unset_key(document: Document, key: str) -> Document:
    """A document without a key, `gps.lat` being that of the object `gps`; unchanged without it."""
    result: Document = {}
    for name, value in document.items():
        if name == key:
            continue
        if isinstance(value, dict) and key.startswith(f"{name}."):
            value = unset_key(value, key.removeprefix(f"{name}."))
            if not value:
                continue
        result[name] = value
    return result


def require_key(key: str) -> None:
    """Refuse a key that no fact can have.

    Raises:
        InputError: it is empty, too long, or a part between dots is empty.
    """
    if not _is_key(key):
        raise InputError(
            f"{key[:40]!r} cannot be a key: it is a name such as camera or gps.lat, of at most "
            f"{LONGEST_KEY} characters"
        )


def _require_apart(key: str, values: Mapping[str, JsonValue]) -> None:
    """Refuse a key within another key's value: the one would undo the other."""
    outer = key
    while "." in outer:
        outer = outer.rpartition(".")[0]
        if outer in values:
            raise InputError(
                f"{key[:40]!r} reaches into {outer[:40]!r}, which is set beside it: set one of them"
            )


@functools.lru_cache(maxsize=10_000)  # lists of many videos have few keys
def _is_key(key: str) -> bool:
    return all(part.strip() for part in key.split(".")) and len(key) <= LONGEST_KEY


def date_seconds(value: JsonValue) -> float | None:
    """Seconds since 1970 UTC of a date; None where it is none.

    Texts are ISO 8601 (`2024-05-01`, `2024-05-01T10:00:00+02:00`), also cut short (`2024-05`,
    `2024`), with other separators (`2024:05:01 10:00:00`, as in EXIF) or without (`20240501`);
    without a zone they are UTC. A number of four or eight digits is read as such a text, any other
    is seconds since 1970.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int | float) and not re.fullmatch(r"\d{4}|\d{8}", str(value)):
        return _as_float(value)
    match = _PART_OF_A_DATE.fullmatch(str(value).strip())
    if match is None:
        return None
    day = f"{match['year']}-{match['month'] or '01'}-{match['day'] or '01'}"
    seconds = _iso_seconds(day + (match["rest"] or ""))
    return _as_float(value) if seconds is None and not isinstance(value, str) else seconds


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"the key {twice[:40]!r} stands twice in one object")
    return result


def _refuse_constant(name: str) -> None:
    raise InputError(f"{name} is no JSON number")


def _checked(value: Any, *, level: int) -> JsonValue:
    if isinstance(value, str):
        return _plain_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        number = _as_float(value)
        if number is None or not math.isfinite(number):
            raise InputError("a number in it is too large")
        return value
    if level >= DEEPEST_LEVEL:
        raise InputError(_too_deep())
    if isinstance(value, list | tuple):
        return [_checked(item, level=level + 1) for item in value]
    if isinstance(value, Mapping):
        return {_plain_text(key): _checked(item, level=level + 1) for key, item in value.items()}
    raise InputError(f"{type(value).__name__} is no JSON value")


def _plain_text(text: object) -> str:
    """A text that UTF-8 can hold: halves of surrogate pairs are replaced."""
    if not isinstance(text, str):
        raise InputError(f"a key must be a text, got {type(text).__name__}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _patched(below: Document, above: Document) -> Document:
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            under = result.get(key)
            result[key] = _patched(under if isinstance(under, dict) else {}, value)
        else:
            result[key] = value
    return result


def _leaves(document: Document) -> list[tuple[str, bool | int | float | str]]:
    """The values that are no null, with the keys on the way to them."""
    leaves: list[tuple[str, bool | int | float | str]] = []

    def collect(value: JsonValue, key: str) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                collect(item, f"{key}.{name}" if key else name)
        elif isinstance(value, list):
            for item in value:
                collect(item, key)
        elif value is not None:
            leaves.append((key, value))

    collect(document, "")
    return leaves


def _iso_seconds(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _as_float(value: JsonValue) -> float | None:
    assert isinstance(value, int | float)
    try:
        return float(value)
    except OverflowError:
        return None


def _kind_of(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _too_deep() -> str:
    return f"it has more than {DEEPEST_LEVEL} levels of objects and lists within each other"
