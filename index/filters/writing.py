"""From tree to text: the shortest that reads back as the same tree."""

import re

from index.filters.fields import META, Field, Operator
from index.filters.scanner import KEYWORDS
from index.filters.tree import Comparison, Has, Joined, Node, Not
from index.filters.values import Number, Period, Text, Truth, Value, value_of

_BARE_VALUE = re.compile(r"[\w./@+*-]+")
_BARE_KEY = re.compile(r"[\w./@+*-]*[\w/@+*-]")


def write(node: Node) -> str:
    """The text of a tree."""
    match node:
        case Joined():
            return f" {node.word} ".join(_within(part) for part in node.parts)
        case Not():
            return f"not {_within(node.part)}"
        case Has():
            return f"has:{_name(node.thing)}"
        case Comparison(field, "in", values):
            return f"{_name(field.name)} in ({', '.join(_value(field, 'in', v) for v in values)})"
        case Comparison(field, operator, values):
            return f"{_name(field.name)}{operator}{_value(field, operator, values[0])}"


def _within(node: Node) -> str:
    return f"({write(node)})" if isinstance(node, Joined) else write(node)


def _name(name: str) -> str:
    key = name.removeprefix(META)
    return name if key == name or _BARE_KEY.fullmatch(key) else META + quoted(key)


def _value(field: Field, operator: Operator, value: Value) -> str:
    match value:
        case Number() | Period():
            return value.written
        case Truth():
            return "true" if value.is_true else "false"
        case Text():
            return value.text if _is_bare(field, operator, value) else quoted(value.text)


def _is_bare(field: Field, operator: Operator, value: Text) -> bool:
    """Whether a text reads as itself without quotes."""
    text = value.text
    if not _BARE_VALUE.fullmatch(text) or text.lower() in KEYWORDS:
        return False
    return value_of(field, text, operator=operator, quoted=False) == value


def quoted(text: str) -> str:
    """A text in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
