"""A filter as JSON, for programs: the same tree as the text, both ways.

    {"and": [A, B]}   {"or": [A, B]}   {"not": A}   {"has": "transcript"}
    {"field": "duration", "op": "<", "value": 60}
    {"field": "meta.camera", "op": "in", "value": ["a", "b"]}

A string means what the same bare word means in the text, also with spaces in it: "2m" is a
duration, "2024-05" a date. Of metadata, whose types nobody declared, {"text": "2024"} is the text.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

from index.errors import FilterError
from index.filters.fields import OPERATORS, Field, Operator, field_of, thing_of
from index.filters.scanner import shorten
from index.filters.tree import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_VALUES,
    Comparison,
    Has,
    Joined,
    Node,
    Not,
    num_conditions,
    num_values,
)
from index.filters.values import Number, Period, Text, Truth, Value, number_text, value_of

_COMPARISON = {"field", "op", "value"}


def as_json(node: Node) -> dict[str, Any]:
    """What `json.dumps` can write."""
    match node:
        case Joined():
            return {node.word: [as_json(part) for part in node.parts]}
        case Not():
            return {"not": as_json(node.part)}
        case Has():
            return {"has": node.thing}
        case Comparison(field, operator, values):
            written = [_value_as_json(field, operator, value) for value in values]
            value = written if operator == "in" else written[0]
            return {"field": field.name, "op": operator, "value": value}


def from_json(value: object) -> Node:
    """The tree of what `json.loads` gave.

    Raises:
        FilterError: it is no filter; says where, as a JSON pointer, and what was expected.
    """
    node = _node(value, "", 0)
    if num_conditions(node) > MAX_CONDITIONS:
        raise _error("", f"a filter has at most {MAX_CONDITIONS:,} conditions")
    if num_values(node) > MAX_VALUES:
        raise _error("", f"a filter has at most {MAX_VALUES:,} values")
    return node


def _node(value: object, place: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise _error("", f"and, or and not stand at most {MAX_DEPTH} deep in each other")
    if not isinstance(value, Mapping):
        raise _error(place, 'expected an object such as {"field": "folder", "op": ":", ...}')
    match dict(value):
        case {"and": parts, **rest} if not rest:
            return _joined("and", parts, place, depth)
        case {"or": parts, **rest} if not rest:
            return _joined("or", parts, place, depth)
        case {"not": part, **rest} if not rest:
            return Not(_node(part, f"{place}/not", depth + 1))
        case {"has": str(thing), **rest} if not rest:
            try:
                return Has(thing_of(thing))
            except ValueError as error:
                raise _error(f"{place}/has", str(error)) from None
        case {"field": str(name), "op": str(operator), "value": compared, **rest} if not rest:
            return _comparison(name, operator, compared, place)
        case _:
            raise _error(place, "expected and, or, not or has alone, or field, op and value")


def _joined(word: Literal["and", "or"], parts: object, place: str, depth: int) -> Node:
    place = f"{place}/{word}"
    if not isinstance(parts, list) or not parts:
        raise _error(place, "expected a list of conditions")
    nodes = [_node(part, f"{place}/{i}", depth + 1) for i, part in enumerate(parts)]
    return nodes[0] if len(nodes) == 1 else Joined(word, tuple(nodes))


def _comparison(name: str, operator: str, compared: object, place: str) -> Comparison:
    try:
        field = field_of(name)
    except ValueError as error:
        raise _error(f"{place}/field", f"{shorten(name)}: {error}") from None
    for allowed in OPERATORS[field.kind]:
        if operator == allowed:
            break
    else:
        raise _error(
            f"{place}/op",
            f"{field.shown} is {field.kind.value} and is compared by one of "
            f"{' '.join(OPERATORS[field.kind])}",
        )
    place = f"{place}/value"
    if allowed != "in":
        return Comparison(field, allowed, (_value(field, allowed, compared, place),))
    if not isinstance(compared, list) or not compared:
        raise _error(place, "expected a list of values")
    values = (_value(field, "in", each, f"{place}/{i}") for i, each in enumerate(compared))
    return Comparison(field, "in", tuple(values))


def _value(field: Field, operator: Operator, value: object, place: str) -> Value:
    quoted = False
    match value:
        case {"text": str(written), **rest} if not rest:
            quoted = True
        case bool():
            written = "true" if value else "false"
        case int() | float():
            written = _number_as_text(value, place)
        case str():
            written = value
        case _:
            raise _error(place, "expected a text, a number, true or false")
    try:
        return value_of(field, written, operator=operator, quoted=quoted)
    except ValueError as error:
        raise _error(place, f"{shorten(written)}: {error}") from None


def _number_as_text(number: float, place: str) -> str:
    try:
        if math.isfinite(number):
            return number_text(number)
    except OverflowError:  # a whole number may have any number of digits
        pass
    raise _error(place, "the number is too large")


def _value_as_json(field: Field, operator: Operator, value: Value) -> Any:
    match value:
        case Number():
            whole = value.number == int(value.number)
            plain = int(value.number) if whole else value.number
            return plain if number_text(plain) == value.written else value.written
        case Period():
            return value.written
        case Truth():
            return value.is_true
        case Text():
            bare = value_of(field, value.text, operator=operator, quoted=False)
            return value.text if bare == value else {"text": value.text}


def _error(place: str, reason: str) -> FilterError:
    return FilterError(f"cannot read the filter at {place or 'its top'}: {reason}")
