"""Which videos a filter means.

A filter of a usual size is one SQL statement, for which SQLite finds the best indexes. SQLite
bounds how deep an expression may be, in older versions very much so, and how many values a
statement may have; so a larger filter is asked piece by piece, and the answers are joined here.

Axes: N videos.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, func, not_, or_, select

from index.catalog.conditions import Condition, comparison_condition, has_condition
from index.catalog.tables import VideoRecord
from index.filters.filter import Filter
from index.filters.tree import Comparison, Has, Joined, Node, Not, depth
from index.filters.values import Period

_MAX_DEPTH = 8
"""Of a tree that is one statement."""
_MAX_SIZE = 100
"""Of a tree that is one statement, in expressions that compare."""


def matching_videos(connection: Connection, filter: Filter) -> NDArray[np.int64]:
    """The numbers of the indexed videos that a filter means, ascending.

    Raises:
        FilterError: it names a collection or a root that the library does not have.
    """
    return _matching(connection, _without_long_lists(filter.root))


def _matching(connection: Connection, node: Node) -> NDArray[np.int64]:
    if depth(node) <= _MAX_DEPTH and _size(node) <= _MAX_SIZE:
        return _numbers_where(connection, condition_of(connection, node))
    match node:
        case Joined(word, parts):
            join = np.intersect1d if word == "and" else np.union1d
            found = (_matching(connection, part) for part in _packed(word, parts))
            return reduce(join, found)
        case Not(part):
            every = _numbers_where(connection)
            return np.setdiff1d(every, _matching(connection, part), assume_unique=True)
        case _:
            raise AssertionError("a condition alone is small")


def condition_of(connection: Connection, node: Node) -> Condition:
    """Where a tree holds, as one SQL expression over `videos` with nothing but bound values.

    Raises:
        FilterError: it names a collection or a root that the library does not have.
    """
    match node:
        case Joined(word, parts):
            join = and_ if word == "and" else or_
            return join(*(condition_of(connection, part) for part in parts))
        case Not(part):
            return not_(condition_of(connection, part))
        case Comparison():
            return comparison_condition(connection, node)
        case Has():
            return has_condition(node)


def _numbers_where(connection: Connection, *conditions: Condition) -> NDArray[np.int64]:
    # In one text: a hundred thousand rows would take six times as long to hand over. And not
    # `= 'indexed'`, for SQLite would take the index of the state, which nearly all videos share.
    query = select(func.group_concat(VideoRecord.number))
    query = query.where(VideoRecord.state != "failed", *conditions)
    numbers_N = np.fromstring(connection.execute(query).scalar() or "", dtype=np.int64, sep=",")
    numbers_N.sort()
    return numbers_N


def _packed(word: Literal["and", "or"], parts: Sequence[Node]) -> list[Node]:
    """The same parts, small ones together as long as they are one statement."""
    packed: list[Node] = []
    together: list[Node] = []
    for part in parts:
        if depth(part) >= _MAX_DEPTH or _size(part) > _MAX_SIZE:
            packed.append(part)
            continue
        if sum(map(_size, [*together, part])) > _MAX_SIZE:
            packed.append(_joined(word, together))
            together = []
        together.append(part)
    return [*packed, *([_joined(word, together)] if together else [])]


def _joined(word: Literal["and", "or"], parts: Sequence[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))


def _without_long_lists(node: Node) -> Node:
    """The same tree, with long lists of alternatives cut into several comparisons."""
    match node:
        case Joined(word, parts):
            return Joined(word, tuple(_without_long_lists(part) for part in parts))
        case Not(part):
            return Not(_without_long_lists(part))
        case Comparison(field, operator, values) if _size(node) > _MAX_SIZE:
            starts = range(0, len(values), _MAX_SIZE)
            pieces = (values[start : start + _MAX_SIZE] for start in starts)
            return _joined("or", [Comparison(field, operator, piece) for piece in pieces])
        case _:
            return node


def _size(node: Node) -> int:
    """How many expressions compare: in lists of dates, folders and file names each does."""
    match node:
        case Joined():
            return sum(_size(part) for part in node.parts)
        case Not():
            return _size(node.part)
        case Comparison(field, _, values):
            one_each = field.name in ("folder", "name") or any(
                isinstance(value, Period) for value in values
            )
            return len(values) if one_each else 1
        case Has():
            return 1
