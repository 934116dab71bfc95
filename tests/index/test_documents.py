"""Documents: what is stored is what was given, and what they say is told value by value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.errors import InputError
from index.documents import (
    Document,
    Fact,
    checked_document,
    date_seconds,
    dump_document,
    facts_of,
    merged,
    parse_document,
    set_values,
    unset_key,
)

DAY = 1714521600.0
"""2024-05-01 00:00 UTC."""

texts = st.text(st.characters(exclude_categories=("Cs",)))
numbers = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(texts, values, max_size=5)


@given(documents)
def test_a_document_survives_being_stored(document: dict[str, Any]) -> None:
    assert parse_document(dump_document(checked_document(document))) == document


def patched(target: Any, patch: Any) -> Any:
    """RFC 7396's own pseudo code."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


@given(documents, documents, documents)
def test_documents_merge_as_the_standard_says(a: Document, b: Document, c: Document) -> None:
    assert merged(a, b, c) == patched(patched(patched({}, a), b), c)


def test_what_a_document_says() -> None:
    document: Document = {
        "camera": "A7",
        "iso": 400,
        "good": True,
        "gps": {"lat": 1.5, "names": ["here", "there", "here"]},
        "takes": [1, True, {"of": 2}],
        "nothing": None,
        "empty": [],
        "date": "2024",
    }

    assert facts_of(document) == [
        Fact("camera", "A7"),
        Fact("iso", 400),
        Fact("good", True),
        Fact("gps.lat", 1.5),
        Fact("gps.names", "here"),
        Fact("gps.names", "there"),
        Fact("takes", 1),
        Fact("takes", True),
        Fact("takes.of", 2),
        Fact("date", "2024"),
    ]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2024-05-01", DAY),
        ("20240501", DAY),
        (20240501, DAY),
        ("2024-05", DAY),
        ("2024:05:01 10:00:00", DAY + 36000),
        ("2024-05-01T12:00:00+0200", DAY + 36000),
        ("2024-05-01T10:00:00.000000Z", DAY + 36000),
        (" 2024-05-01 ", DAY),
        ("2024", 1704067200.0),
        (2024, 1704067200.0),
        (1714521600, DAY),
        (-1.5, -1.5),
        (20241399, 20241399.0),
        ("20241399", None),
        ("yesterday", None),
        ("", None),
        (True, None),
        (None, None),
        (["2024"], None),
    ],
)
def test_dates_in_all_their_forms(value: Any, seconds: float | None) -> None:
    assert date_seconds(value) == seconds


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        ({}, "a", 1, {"a": 1}),
        ({"a": 1}, "a", None, {"a": None}),
        ({}, "a.b.c", 1, {"a": {"b": {"c": 1}}}),
        ({"a": {"x": 0}}, "a.b", 1, {"a": {"x": 0, "b": 1}}),
        ({"a": 5}, "a.b", 1, {"a": {"b": 1}}),
        ({"a.b": 5}, "a.b", 1, {"a.b": 1}),
    ],
)
def test_a_value_is_set(before: Document, key: str, value: Any, after: Document) -> None:
    assert set_values(before, {key: value}) == after


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        ({"a": 1, "b": 2}, "a", {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, "a.b", {"a": {"c": 2}}),
        ({"a": {"b": 1}}, "a.b", {}),
        ({"a": {"b": 1}}, "a", {}),
        ({"a.b": 1, "a": {"b": 2, "c": 3}}, "a.b", {"a": {"c": 3}}),
        ({"a": 1}, "b", {"a": 1}),
        ({"a": 1}, "a.b", {"a": 1}),
    ],
)
def test_a_key_is_unset(before: Document, key: str, after: Document) -> None:
    assert unset_key(before, key) == after


@pytest.mark.parametrize("key", ["", " ", ".", "a.", ".a", "a..b", "k" * 201])
def test_a_key_that_cannot_be_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="cannot be a key"):
        set_values({}, {key: 1})


@pytest.mark.parametrize(
    "value", [{"a": {1, 2}}, {"a": float("nan")}, {"a": float("inf")}, {"a": 10**400}, {1: 2}]
)
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InputError):
        checked_document(value)


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    assert parse_document('{"\\ud800": "x\\udfff"}') == {"?": "x?"}


def test_what_is_stored_is_plain_json() -> None:
    assert json.loads(dump_document({"a": ["\u00e9", 1, None]})) == {"a": ["\u00e9", 1, None]}
