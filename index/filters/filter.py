"""A filter: which videos are meant. One value for the command line, Python and REST."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from index.filters.fields import FIELDS
from index.filters.json_form import as_json, from_json
from index.filters.parser import parse
from index.filters.tree import Comparison, Joined, Node
from index.filters.values import Text
from index.filters.writing import write


@dataclass(frozen=True, slots=True)
class Filter:
    """Which videos are meant; `str` gives its text, which reads back as an equal one."""

    root: Node

    def __str__(self) -> str:
        return write(self.root)

    def __and__(self, other: "Filter") -> "Filter":
        """The videos that both mean."""
        return Filter(Joined("and", (*_conditions(self.root), *_conditions(other.root))))

    def as_json(self) -> dict[str, Any]:
        """What `filter_from_json` reads back as an equal one."""
        return as_json(self.root)


def _conditions(root: Node) -> tuple[Node, ...]:
    """What all must hold."""
    return root.parts if isinstance(root, Joined) and root.word == "and" else (root,)


def parse_filter(text: str) -> Filter:
    """The filter of a text such as `folder:holiday and duration<60`; docs/filters.md has it all.

    Raises:
        FilterError: it is none; points at the word and says what was expected.
    """
    return Filter(parse(text))


def as_filter(where: Filter | str | None) -> Filter | None:
    """A filter as people may give it to Python: as one, or as its text; None is none.

    Raises:
        FilterError: the text is none.
        TypeError: it is neither.
    """
    if isinstance(where, str):
        return parse_filter(where)
    if not isinstance(where, Filter | None):
        raise TypeError(f"a filter is a Filter or its text, got {type(where).__name__}")
    return where


def filter_from_json(value: object) -> Filter:
    """The filter of what `json.loads` gave; index.filters.json_form tells its form.

    Raises:
        FilterError: it is none; says where and what was expected.
    """
    return Filter(from_json(value))


def in_collections(names: Sequence[str]) -> Filter:
    """The videos of one collection or of several."""
    field, values = FIELDS["collection"], tuple(Text(name) for name in names)
    return Filter(Comparison(field, ":" if len(values) == 1 else "in", values))


def chosen(where: str | None, collections: Sequence[str]) -> Filter | None:
    """What `--where` and some `--collection` mean together; None is all videos.

    Raises:
        FilterError: the text is no filter.
    """
    asked = None if where is None else parse_filter(where)
    if not collections:
        return asked
    within = in_collections(collections)
    return within if asked is None else within & asked
