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
        return Filter(Joined("and", (self.root, other.root)))

    def as_json(self) -> dict[str, Any]:
        """What `filter_from_json` reads back as an equal one."""
        return as_json(self.root)


def parse_filter(text: str) -> Filter:
    """The filter of a text such as `folder:holiday and duration<60`; docs/filters.md has it all.

    Raises:
        FilterError: it is none; points at the word and says what was expected.
    """
    return Filter(parse(text))


def filter_from_json(value: object) -> Filter:
    """The filter of what `json.loads` gave; index.filters.json_form tells its form.

    Raises:
        FilterError: it is none; says where and what was expected.
    """
    return Filter(from_json(value))


def in_collections(names: Sequence[str]) -> Filter:
    """The videos of one collection or of several."""
    values = tuple(Text(name) for name in names)
    return Filter(Comparison(FIELDS["collection"], ":" if len(values) == 1 else "in", values))
