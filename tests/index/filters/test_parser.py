"""The language as people write it: what a text means, and where an error points."""

import re

import pytest

from index.errors import FilterError
from index.filters.fields import FIELDS, Field, Kind, field_of
from index.filters.filter import Filter, as_filter, chosen, in_collections, parse_filter
from index.filters.parser import MAX_CHARACTERS
from index.filters.tree import MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES, Comparison, Joined, Not
from index.filters.values import Number, Period, Text
from tests.index.filters.documented import ERRORS, EXAMPLES, PAGE


def the_error(text: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    return caught.value


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_of_the_page_reads_back(text: str) -> None:
    parsed = parse_filter(text)

    assert parse_filter(str(parsed)) == parsed


def test_the_page_has_an_example_for_each_field() -> None:
    assert len(EXAMPLES) >= 30
    assert len(ERRORS) == 5
    for name in FIELDS:
        assert re.search(rf"^\| `[^|]*\b{name}`", PAGE, re.MULTILINE), name


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_every_error_of_the_page_is_said(text: str, message: str) -> None:
    assert str(the_error(text)) == message


def test_not_binds_before_and_and_that_before_or() -> None:
    a, b, c = (parse_filter(f"name:{name}").root for name in "abc")

    assert parse_filter("NOT name:a And name:b oR name:c") == Filter(
        Joined("or", (Joined("and", (Not(a), b)), c))
    )
    assert parse_filter("not (name:a and (name:b or name:c))") == Filter(
        Not(Joined("and", (a, Joined("or", (b, c)))))
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("duration=60", 60),
        ("duration = 60s", 60),
        ("duration=1.5h", 5400),
        ("duration=250ms", 0.25),
        ('duration="2 min"', 120),
        ("DURATION=-1", -1),
        ("size=10MB", 10_000_000),
        ("size=1GiB", 2**30),
        ("size=1gib", 2**30),
    ],
)
def test_a_number_may_have_a_unit(text: str, number: float) -> None:
    root = parse_filter(text).root

    assert isinstance(root, Comparison)
    assert isinstance(root.values[0], Number)
    assert root.values[0].number == number


DAY = 86400.0
MAY_1 = 1714521600.0


@pytest.mark.parametrize(
    ("written", "start", "seconds"),
    [
        ("1970", 0, 365 * DAY),
        ("2024-02", MAY_1 - 90 * DAY, 29 * DAY),
        ("2024-05-01", MAY_1, DAY),
        ("2024-05-01T00:01", MAY_1 + 60, 60),
        ("2024-05-01T00:00:10", MAY_1 + 10, 1),
        ("2024-05-01T00:00:10.5", MAY_1 + 10.5, 0.1),
        ("2024-05-01T02:00+02:00", MAY_1, 60),
        ("2024-04-30T22:30-0130", MAY_1, 60),
        ("2024-05-01T00:00Z", MAY_1, 60),
        ("0001-01-01T00:00+14:00", -62135596800 - 14 * 3600, 60),
        ("9999", 253370764800, 365 * DAY),
    ],
)
def test_a_date_covers_the_time_that_it_names(written: str, start: float, seconds: float) -> None:
    root = parse_filter(f"date={written}").root

    assert isinstance(root, Comparison)
    assert root.values == (Period(start, start + seconds, written),)


@pytest.mark.parametrize(
    "written", ["2024-13", "2024-02-30", "24-05", "2024-5", "2024-05-01T25:00", "may"]
)
def test_what_is_no_date_is_said(written: str) -> None:
    error = the_error(f"name:a and date>{written}")

    assert (error.position, error.length) == (16, len(written))
    assert "write one such as 2024" in str(error)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5", Number(5, "5")),
        ("1.50", Number(1.5, "1.50")),
        ("2024", Number(2024, "2024")),
        ("2024-05-01", Period(MAY_1, MAY_1 + DAY, "2024-05-01")),
        ("5s", Text("5s")),
        ("1e999", Text("1e999")),
        ('"5"', Text("5")),
        ("'2024-05'", Text("2024-05")),
        ("true", Text("true")),
        (r'"a \"b\" \\ \'c\'"', Text(r"""a "b" \ 'c'""")),
    ],
)
def test_metadata_is_compared_with_what_the_word_looks_like(written: str, value: object) -> None:
    assert parse_filter(f"meta.x={written}").root == Comparison(
        Field("meta.x", Kind.ANY), "=", (value,)
    )


def test_the_key_of_metadata_stays_as_it_is_written() -> None:
    assert field_of("Meta.GPS.lat") == Field("meta.GPS.lat", Kind.ANY)
    assert parse_filter('meta."shot by, in":x') == Filter(
        Comparison(Field("meta.shot by, in", Kind.ANY), ":", (Text("x"),))
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", ""),
        ("   ", ""),
        ("and", "and"),
        ("name:a and", ""),
        ("name:a or or name:b", "or"),
        ("not", ""),
        ("()", ")"),
        ("(name:a", ""),
        ("name:a)", ")"),
        ("name", ""),
        ("name a", "a"),
        ("name not :a", ":"),
        ("name:", ""),
        ("name:and", "and"),
        ("name:a,b", ","),
        ('name:a"b"', '"b"'),
        ('name:"a', '"a'),
        (r'name:"a\n"', r"\n"),
        ("name in a", "a"),
        ("name in ()", ")"),
        ("name in (a b)", "b"),
        ("name in (a,", ""),
        ('name:""', '""'),
        ("nmae:a", "nmae"),
        ("width:a", "a"),
        ("width~1", "~"),
        ("width=1s", "1s"),
        ("width=1e999", "1e999"),
        ("stale<true", "<"),
        ("stale:perhaps", "perhaps"),
        ("collection~a", "~"),
        ("meta.:a", "meta."),
        ("meta.x<a", "a"),
        ('meta.x<"5"', '"5"'),
        ("has:nothing", "nothing"),
        ("has transcript", "transcript"),
        ("has=title", "="),
        ("has:", ""),
        ("name:a\0b", "a\0b"),
        ("(" * (MAX_DEPTH + 1) + "name:a" + ")" * (MAX_DEPTH + 1), "("),
        ("not " * (MAX_DEPTH + 1) + "name:a", "not"),
    ],
)
def test_an_error_points_at_the_word(text: str, word: str) -> None:
    error = the_error(text)

    assert error.position is not None
    assert error.length is not None
    assert text[error.position : error.position + error.length] == word
    assert str(error).isprintable()
    assert word or error.position == len(text)


def test_a_slip_of_the_pen_is_told_the_nearest_field() -> None:
    assert "did you mean duration?" in str(the_error("duraton<60"))
    assert "take one of id, path" in str(the_error("quux:1"))


def test_a_filter_may_be_as_deep_and_as_long_as_the_page_says() -> None:
    parse_filter("not (" * (MAX_DEPTH // 2) + "name:a" + ")" * (MAX_DEPTH // 2))
    parse_filter(" or ".join(["id=a"] * MAX_CONDITIONS))
    parse_filter(f"id in ({','.join(['a'] * (MAX_VALUES - 10))})")


@pytest.mark.parametrize(
    "text",
    [
        "name:" + "a" * MAX_CHARACTERS,
        " or ".join(["id=a"] * (MAX_CONDITIONS + 1)),
        "(" * MAX_CHARACTERS,
        "not " * (MAX_CHARACTERS // 4),
    ],
)
def test_a_filter_beyond_the_bounds_is_refused(text: str) -> None:
    assert "most" in str(the_error(text)) or "allowed" in str(the_error(text))


def test_collections_are_a_filter_as_any_other() -> None:
    assert in_collections(["my cats"]) == parse_filter('collection:"my cats"')
    assert in_collections(["a", "b"]) == parse_filter("collection in (a, b)")
    assert chosen(None, []) is None
    assert chosen("width>5", []) == parse_filter("width>5")
    assert chosen("width>5 and fps=1", ["a"]) == parse_filter("collection:a and width>5 and fps=1")
    assert chosen("width>5 or fps=1", ["a", "b"]) == parse_filter(
        "collection in (a, b) and (width>5 or fps=1)"
    )


def test_python_takes_a_filter_or_its_text() -> None:
    filter = parse_filter("width>5")

    assert as_filter("width>5") == as_filter(filter) == filter
    with pytest.raises(TypeError, match="a filter is a Filter or its text, got int"):
        as_filter(5)  # type: ignore[arg-type]
