"""A filter means the videos that its twin in Python means, and no word of a person is ever SQL."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select
from sqlalchemy.dialects import sqlite

from index.catalog.conditions import comparison_condition
from index.catalog.filtering import condition_of, matching_videos
from index.catalog.tables import VideoRecord
from index.errors import FilterError
from index.filters.fields import FIELDS, Field, Kind
from index.filters.filter import Filter, filter_from_json, parse_filter
from index.filters.tree import MAX_DEPTH, MAX_VALUES, Comparison, Has, Joined, Not
from index.filters.values import Text
from tests.index.catalog.filter_twin import TwinVideo, meant
from tests.index.catalog.filter_videos import put_twins, random_video
from tests.index.filters import documented
from tests.index.filters.random_filters import FILTERS, comparisons
from tests.index.libraries import make_library

NUM_VIDEOS = 120


class Twins(NamedTuple):
    """A catalog that is open, and what is in it."""

    connection: Connection
    videos: list[TwinVideo]


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.long_faults)])
def twins(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Twins]:
    draw = random.Random(request.param)
    videos = [random_video(number, draw) for number in range(1, NUM_VIDEOS + 1)]
    with make_library(tmp_path_factory.mktemp("library")) as library:
        with library._catalog.maintenance_transaction() as connection:
            put_twins(connection, videos)
        with library._catalog.read_transaction() as connection:
            yield Twins(connection, videos)


@pytest.mark.slow
@given(filter=FILTERS)
@settings(max_examples=500, deadline=None)
def test_a_filter_means_what_its_twin_means(twins: Twins, filter: Filter) -> None:
    """Of each library, of which there are two; `make faults` asks the second."""
    found = matching_videos(twins.connection, filter)

    assert found.dtype == np.int64
    assert found.tolist() == meant(filter.root, twins.videos)


@given(comparison=comparisons())
@settings(max_examples=200, deadline=None)
def test_a_comparison_and_its_opposite_share_the_videos(
    twins: Twins, comparison: Comparison
) -> None:
    found = matching_videos(twins.connection, Filter(comparison))
    others = matching_videos(twins.connection, Filter(Not(comparison)))

    every = [video.number for video in twins.videos if video.is_indexed]
    assert sorted([*found.tolist(), *others.tolist()]) == every


@pytest.mark.parametrize("text", documented.EXAMPLES)
def test_every_example_of_the_page_runs(twins: Twins, text: str) -> None:
    filter = parse_filter(text)
    if text == "collection:favourites":
        with pytest.raises(FilterError, match='no collection "favourites"'):
            matching_videos(twins.connection, filter)
        return

    assert matching_videos(twins.connection, filter).tolist() == meant(filter.root, twins.videos)


EXAMPLES = [
    "folder:sea",
    'folder:"sea/day 1"',
    "folder:/videos/sea",
    "name~mp4",
    "name:sea",
    "name=sea",
    "path:a%_b",
    "title:car",
    "date=2024-05-01",
    "date>2024-04 and date<2024-06",
    "duration<2m",
    "size=2KiB or size=2MB",
    "meta.camera:sea",
    "meta.camera=5",
    'meta.camera="5"',
    "meta.camera>2.5",
    "meta.camera=2024-05",
    "meta.camera<2024-06",
    "meta.camera:true",
    "meta.tags=sea and meta.tags=60",
    "meta.gps.lat>=0",
    "has:meta.gps",
    "has:transcript and not has:date",
    "collection:best and root:home",
    "collection in (best, worst)",
    "segments>=2",
    "stale:true or audio:false",
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_finds_some_but_not_all(twins: Twins, text: str) -> None:
    filter = parse_filter(text)

    found = matching_videos(twins.connection, filter).tolist()

    assert 0 < len(found) < sum(video.is_indexed for video in twins.videos)
    assert found == meant(filter.root, twins.videos)


HALF = MAX_DEPTH // 2 - 1
LARGE = {
    "deep": parse_filter("not (stale:true or " * HALF + "name:sea" + ")" * HALF),
    "many": parse_filter(
        " or ".join([f"id={i:x}" for i in range(900)] + [f"id={i:032x}" for i in (1, 2, 3)])
    ),
    "all": parse_filter(" and ".join(["fps>=0", "name:s", "has:meta.tags"] * 250)),
    "lists": parse_filter(" or ".join([f"meta.tags in ({', '.join(['5', '2024-05'] * 20)})"] * 20)),
    **{
        name: filter_from_json({"field": name, "op": "in", "value": few * (MAX_VALUES // len(few))})
        for name, few in {
            "date": ["2024-05-01", "1960"],
            "folder": ["sea", "day"],
            "name": ["sea", "1.mp4"],
            "id": [f"{i:032x}" for i in range(0, 100, 7)],
            "meta.camera": ["sea", "5", "2024-05"],
        }.items()
    },
}


@pytest.mark.parametrize("filter", LARGE.values(), ids=LARGE)
def test_a_large_filter_is_answered_in_pieces(twins: Twins, filter: Filter) -> None:
    """SQLite alone would refuse most of them, see index/catalog/filtering.py."""
    found = matching_videos(twins.connection, filter).tolist()

    assert found != []
    assert found == meant(filter.root, twins.videos)


def test_a_nest_of_lists_is_within_the_limits_of_sqlite(twins: Twins) -> None:
    """The deepest statement that is asked at once."""
    node = parse_filter("folder:sea or has:transcript").root
    for i in range(7):
        part = Joined("and", (node, parse_filter("meta.camera=5 or date=2024").root))
        node = Not(part) if i % 2 else part

    found = matching_videos(twins.connection, Filter(node)).tolist()

    assert found == meant(node, twins.videos)


@pytest.mark.parametrize("what", ["collection", "root"])
def test_a_name_that_the_library_does_not_have_is_an_error_that_tells_those_it_has(
    twins: Twins, what: str
) -> None:
    has = {"collection": '"best", "worst"', "root": '"archive", "home"'}[what]

    with pytest.raises(FilterError) as caught:
        matching_videos(twins.connection, parse_filter(f"name:x and {what}:holidya"))

    assert str(caught.value) == f'there is no {what} "holidya" in this library; it has: {has}'


HOSTILE = [
    "' OR 1=1 --",
    '"; DROP TABLE videos; --',
    "%",
    "_",
    "a' UNION SELECT video_id FROM videos --",
    ":video_id",
    "?1",
    "%(number)s",
    "\\",
    "\ud800",
    "\udcff",
    "\U0001f600" * 500,
]
ASKED = [*(FIELDS[n] for n in ("id", "path", "name", "folder", "title", "codec", "hash"))]


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_a_hostile_text_finds_nothing_and_breaks_nothing(twins: Twins, hostile: str) -> None:
    for field in (*ASKED, Field("meta.camera", Kind.ANY), Field(f"meta.{hostile}", Kind.ANY)):
        root = Comparison(field, "=", (Text(hostile),))

        found = matching_videos(twins.connection, Filter(root)).tolist()
        assert found == meant(root, twins.videos)
    assert matching_videos(twins.connection, Filter(Has(f"meta.{hostile}"))).tolist() == []


@given(text=st.text(st.characters(exclude_characters="\0"), min_size=1), comparison=comparisons())
@settings(deadline=None)
def test_no_word_of_a_person_is_ever_part_of_the_sql(
    twins: Twins, text: str, comparison: Comparison
) -> None:
    """The statement is the same whatever is asked for."""
    if comparison.field.name in ("root", "collection"):
        return  # they are looked up in Python
    if not all(isinstance(value, Text) for value in comparison.values):
        return
    values = tuple(Text(text) for _ in comparison.values)
    asked = Comparison(comparison.field, comparison.operator, values)

    assert sql_of(twins.connection, asked) == sql_of(twins.connection, comparison)


def sql_of(connection: Connection, comparison: Comparison) -> str:
    """With a mark for each value; what begins with a slash and what does not are two statements."""
    values = tuple(Text(v.text.replace("/", "")) for v in comparison.values if isinstance(v, Text))
    asked = Comparison(comparison.field, comparison.operator, values)
    query = select(VideoRecord.number).where(comparison_condition(connection, asked))
    return str(query.compile(dialect=sqlite.dialect()))


def test_what_reaches_sqlite_has_marks_in_place_of_values(twins: Twins) -> None:
    with statements(twins.connection) as said:
        matching_videos(twins.connection, parse_filter("name:zebra or meta.a in (zebra, 77123)"))
        matching_videos(
            twins.connection, parse_filter("folder:zebra and size>77123 and has:meta.zebra")
        )

    assert len(said) == 2
    assert not any("zebra" in statement or "77123" in statement for statement in said)


@contextlib.contextmanager
def statements(connection: Connection) -> Iterator[list[str]]:
    """What is sent to SQLite meanwhile."""
    said: list[str] = []

    def listen(*sent: Any) -> None:
        said.append(sent[2])

    event.listen(connection.engine, "before_cursor_execute", listen)
    try:
        yield said
    finally:
        event.remove(connection.engine, "before_cursor_execute", listen)


def test_a_condition_is_true_or_false_for_each_video(twins: Twins) -> None:
    """Never NULL, of which `not` would be NULL as well."""
    for name, field in FIELDS.items():
        text = {"root": "home", "collection": "best"}.get(name, "5")
        written = {Kind.DATE: "2024", Kind.TRUTH: "true"}.get(field.kind, text)
        condition = condition_of(twins.connection, parse_filter(f"{name}:{written}").root)

        answers = set(
            twins.connection.execute(select(condition).select_from(VideoRecord)).scalars()
        )
        assert answers <= {True, False}
