"""What can be asked of a video: the fields of the language, and what each can be compared with."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Literal

from index.filters.showing import shown

Operator = Literal[":", "=", "!=", "<", "<=", ">", ">=", "~", "in"]

META = "meta."
"""What the name of a field of the metadata begins with."""

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)},
}


class Kind(Enum):
    """What a field holds; the value is what an error says of it."""

    TEXT = "a text"
    NAME = "a name"
    NUMBER = "a number"
    DATE = "a date"
    TRUTH = "true or false"
    ANY = "of any type"


_SAME: tuple[Operator, ...] = (":", "=", "!=")
_ORDER: tuple[Operator, ...] = ("<", "<=", ">", ">=")
OPERATORS: Mapping[Kind, tuple[Operator, ...]] = MappingProxyType(
    {
        Kind.TEXT: (*_SAME, "~", "in"),
        Kind.NAME: (*_SAME, "in"),
        Kind.NUMBER: (*_SAME, *_ORDER, "in"),
        Kind.DATE: (*_SAME, *_ORDER, "in"),
        Kind.TRUTH: _SAME,
        Kind.ANY: (*_SAME, *_ORDER, "~", "in"),
    }
)


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be asked of a video."""

    name: str
    """As it is written: `duration`, `meta.camera`."""

    kind: Kind

    colon: Literal["=", "~"] = "="
    """What `:` means."""

    measures: Literal["seconds", "bytes"] | None = None

    @property
    def units(self) -> Mapping[str, float]:
        """How many seconds or bytes each unit has, its name in small letters."""
        return {"seconds": _SECONDS, "bytes": _BYTES, None: {}}[self.measures]

    @property
    def shown(self) -> str:
        """The name as it can stand in a sentence."""
        return shown(self.name)

    @property
    def meta_key(self) -> str | None:
        """The key of the metadata that it stands for; None for all other fields."""
        return self.name.removeprefix(META) if self.kind is Kind.ANY else None


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        field.name: field
        for field in (
            Field("id", Kind.NAME),
            Field("path", Kind.TEXT, "~"),
            Field("name", Kind.TEXT, "~"),
            Field("folder", Kind.NAME),
            Field("root", Kind.NAME),
            Field("collection", Kind.NAME),
            Field("title", Kind.TEXT, "~"),
            Field("caption", Kind.TEXT, "~"),
            Field("place", Kind.TEXT, "~"),
            Field("date", Kind.DATE),
            Field("added", Kind.DATE),
            Field("updated", Kind.DATE),
            Field("duration", Kind.NUMBER, measures="seconds"),
            Field("size", Kind.NUMBER, measures="bytes"),
            Field("width", Kind.NUMBER),
            Field("height", Kind.NUMBER),
            Field("fps", Kind.NUMBER),
            Field("frames", Kind.NUMBER),
            Field("rotation", Kind.NUMBER),
            Field("segments", Kind.NUMBER),
            Field("codec", Kind.TEXT),
            Field("container", Kind.TEXT),
            Field("hash", Kind.NAME),
            Field("audio", Kind.TRUTH),
            Field("stale", Kind.TRUTH),
        )
    }
)
"""All fields but those of the metadata, by name."""

THINGS = ("transcript", "title", "caption", "date", "place", "collection")
"""What `has:` can ask for beside `meta.KEY`."""


def field_of(name: str) -> Field:
    """The field of a name, in capital or small letters; the key behind `meta.` as it is written.

    Raises:
        ValueError: there is none; says which was perhaps meant.
    """
    if name[: len(META)].lower() == META and len(name) > len(META):
        return Field(META + name[len(META) :], Kind.ANY)
    field = FIELDS.get(name.lower())
    if field is None:
        known = (*FIELDS, "has")
        near = difflib.get_close_matches(name.lower(), known, n=1)
        raise ValueError(
            f"there is no such field; did you mean {near[0]}?"
            if near
            else f"there is no such field: take one of {', '.join(known)} or {META}KEY"
        )
    return field


def thing_of(name: str) -> str:
    """What `has:` asks for.

    Raises:
        ValueError: it cannot.
    """
    if name[: len(META)].lower() == META and len(name) > len(META):
        return META + name[len(META) :]
    if name.lower() not in THINGS:
        raise ValueError(f"has: asks for {', '.join(THINGS)} or {META}KEY")
    return name.lower()
