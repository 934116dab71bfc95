"""A filter as a tree: conditions joined by and, or and not."""

from dataclasses import dataclass
from typing import Literal

from index.filters.fields import Field, Operator
from index.filters.values import Value

MAX_DEPTH = 100
"""Negations and parentheses within each other."""

MAX_CONDITIONS = 1000
"""Comparisons and `has:` in one filter."""

MAX_VALUES = 5000
"""All that one filter compares with; long lists of `in` have most of them."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a value, or by `in` with several.

    What a video does not have compares as false with everything; `!=` is `not ... =`.
    """

    field: Field
    operator: Operator
    values: tuple[Value, ...]
    """One, but for `in`."""

    @property
    def relation(self) -> Operator:
        """The operator, with `:` as what it means to the field."""
        return self.field.colon if self.operator == ":" else self.operator


@dataclass(frozen=True, slots=True)
class Has:
    """Whether a video has something at all."""

    thing: str
    """One of `fields.THINGS`, or `meta.KEY`."""


@dataclass(frozen=True, slots=True)
class Not:
    """The videos that a condition does not hold for."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions that must hold all, or one of them."""

    word: Literal["and", "or"]
    parts: tuple["Node", ...]
    """At least two."""


Node = Comparison | Has | Not | Joined


def num_conditions(node: Node) -> int:
    """Comparisons and `has:` in a tree."""
    match node:
        case Joined():
            return sum(num_conditions(part) for part in node.parts)
        case Not():
            return num_conditions(node.part)
        case _:
            return 1


def num_values(node: Node) -> int:
    """All that a tree compares with."""
    match node:
        case Joined():
            return sum(num_values(part) for part in node.parts)
        case Not():
            return num_values(node.part)
        case Comparison():
            return len(node.values)
        case Has():
            return 0


def depth(node: Node) -> int:
    """How many joins and negations stand within each other."""
    match node:
        case Joined():
            return 1 + max(depth(part) for part in node.parts)
        case Not():
            return 1 + depth(node.part)
        case _:
            return 0
