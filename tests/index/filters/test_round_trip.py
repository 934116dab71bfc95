"""Text, tree and JSON tell the same, whichever way one goes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import FilterError
from index.filters.fields import Field, Kind
from index.filters.filter import Filter, filter_from_json, parse_filter
from index.filters.folding import fold
from index.filters.tree import MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES, Comparison
from index.filters.values import Number, Text
from tests.index.filters.documented import JSON as JSON_OF_THE_PAGE
from tests.index.filters.random_filters import FILTERS

ANY_TEXT = st.text(st.characters(exclude_characters="\0"), min_size=1)


@given(FILTERS)
def test_a_filter_reads_back_from_its_text(filter: Filter) -> None:
    again = parse_filter(str(filter))

    assert again == filter
    assert str(again) == str(filter)
    assert hash(again) == hash(filter)


@given(FILTERS)
def test_a_filter_reads_back_from_its_json(filter: Filter) -> None:
    assert filter_from_json(json.loads(json.dumps(filter.as_json()))) == filter


@given(text=ANY_TEXT, key=ANY_TEXT)
def test_any_text_can_be_asked_for(text: str, key: str) -> None:
    for field in (Field("caption", Kind.TEXT, "~"), Field(f"meta.{key}", Kind.ANY)):
        filter = Filter(Comparison(field, "~", (Text(text),)))

        assert parse_filter(str(filter)) == filter
        assert filter_from_json(filter.as_json()) == filter


@given(st.text() | st.text(alphabet="()\"'\\:=!<>~, andortimes.12"))
def test_no_text_ends_but_in_a_filter_or_its_error(text: str) -> None:
    read = filter_or_error(parse_filter, text)

    if isinstance(read, Filter):
        assert parse_filter(str(read)) == read
    else:
        assert read.position is not None
        assert read.length is not None
        assert 0 <= read.position <= read.position + read.length <= len(text)
        assert str(read).isprintable()


def filter_or_error(read: Callable[[Any], Filter], value: object) -> Filter | FilterError:
    try:
        return read(value)
    except FilterError as error:
        return error


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["and", "or", "not", "has", "field", "op", "value", "text", "x"]), inner
        )
    ),
)


@pytest.mark.parametrize("key", ["\x1b[31m", "\n", "a" * 9000, "\ud800"], ids=ascii)
@pytest.mark.parametrize("rest", ["", "<a", ':""', " in b", ":"])
def test_a_strange_key_is_shown_in_a_sentence_of_its_usual_length(key: str, rest: str) -> None:
    read = filter_or_error(parse_filter, f'meta."{key}"{rest}')

    assert isinstance(read, FilterError)
    assert str(read).isprintable()
    assert len(str(read)) < 300


@given(JSON)
def test_no_json_ends_but_in_a_filter_or_its_error(value: object) -> None:
    read = filter_or_error(filter_from_json, value)

    assert isinstance(read, Filter) or (read.position is None and str(read).isprintable())


def test_the_json_of_the_page_is_a_filter() -> None:
    assert filter_from_json(json.loads(JSON_OF_THE_PAGE)) == parse_filter(
        "folder:holiday and meta.camera in (a, b) and (duration<60 or date>=2024-05) "
        "and not has:transcript"
    )


def test_json_gives_words_their_meaning() -> None:
    assert filter_from_json({"field": "duration", "op": "<", "value": "2m"}) == parse_filter(
        "duration<2m"
    )
    assert filter_from_json({"field": "meta.x", "op": "=", "value": 5.0}).root == Comparison(
        Field("meta.x", Kind.ANY), "=", (Number(5, "5"),)
    )
    assert filter_from_json({"field": "meta.x", "op": "=", "value": {"text": "5"}}) == parse_filter(
        'meta.x="5"'
    )
    assert filter_from_json({"field": "stale", "op": ":", "value": True}) == parse_filter(
        "stale:true"
    )
    assert filter_from_json({"and": [{"has": "title"}]}) == parse_filter("has:title")


CONDITION = {"has": "title"}


def nested(depth: int) -> dict[str, object]:
    value: dict[str, object] = CONDITION
    for _ in range(depth):
        value = {"not": value}
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "its top: expected an object"),
        ({}, "its top: expected and, or, not or has"),
        ({"and": []}, "/and: expected a list of conditions"),
        ({"and": [CONDITION, 5]}, "/and/1: expected an object"),
        ({"not": CONDITION, "has": "title"}, "its top: expected and, or, not or has alone"),
        ({"not": {"has": "x"}}, "/not/has: has: asks for transcript"),
        ({"field": "nmae", "op": ":", "value": "a"}, '/field: "nmae": there is no such field; did'),
        ({"field": "name", "op": "<", "value": "a"}, "/op: name is a text"),
        ({"field": "name", "op": ":", "value": None}, "/value: expected a text, a number"),
        ({"field": "name", "op": "in", "value": "a"}, "/value: expected a list of values"),
        ({"field": "width", "op": "in", "value": [1, "x"]}, '/value/1: "x": width is a number'),
        ({"field": "width", "op": "=", "value": float("nan")}, "/value: the number is too large"),
        ({"field": "width", "op": "=", "value": 10**5000}, "/value: the number is too large"),
        (nested(MAX_DEPTH + 1), "at most 100 deep"),
        (nested(5000), "at most 100 deep"),
        ({"or": [CONDITION] * (MAX_CONDITIONS + 1)}, "at most 1,000 conditions"),
        ({"field": "id", "op": "in", "value": ["a"] * (MAX_VALUES + 1)}, "at most 5,000 values"),
    ],
    ids=range(17),
)
def test_an_error_in_json_names_the_place(value: object, said: str) -> None:
    with pytest.raises(FilterError, match="cannot read the filter at ") as caught:
        filter_from_json(value)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("STRASSE", "strasse"),
        ("Stra\u00dfe", "strasse"),
        ("u\u0308", "\u00fc"),
        ("\udcff\ud800", "\ufffd\ufffd"),
    ],
)
def test_folding_evens_out_case_and_accents(text: str, folded: str) -> None:
    assert fold(text) == folded
