"""Words find texts: whatever a person types, and only what holds them."""

import re
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, text

from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.tables import TextRecord, VideoRecord
from index.catalog.texts import (
    FEW_TEXTS,
    VideoText,
    put_texts,
    search_texts,
    texts_of,
    words_of_name,
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog of ten videos without a text."""
    path = tmp_path_factory.mktemp("catalog") / CATALOG_NAME
    path.touch()
    catalog = Catalog(path)
    catalog.migrate()
    with catalog.maintenance_transaction() as connection:
        rows = [
            {
                "number": number,
                "video_id": f"{number:032x}",
                "path": Path(f"/{number}.mp4"),
                "path_folded": "",
                "size_bytes": 1,
                "mtime_ns": 1,
                "state": "indexed",
                "added_at": 0,
                "updated_at": 0,
                "generation": 0,
            }
            for number in range(1, 11)
        ]
        connection.execute(insert(VideoRecord.__table__), rows)  # type: ignore[arg-type]
    yield catalog
    catalog.close()


@pytest.fixture
def connection(catalog: Catalog) -> Iterator[Connection]:
    """An open transaction that nobody sees later."""
    with catalog.engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def fill(connection: Connection, *bodies: str) -> None:
    """Give video 1 the first caption, video 2 the second ..."""
    for number, body in enumerate(bodies, start=1):
        put_texts(connection, {number: [VideoText("caption", body)]}, replacing=["caption"])


def found(connection: Connection, words: str, *, limit: int = 100) -> list[int]:
    return [row.video_number for row in search_texts(connection, words, limit=limit)]


def test_a_text_tells_what_it_is_and_where(connection: Connection) -> None:
    said = VideoText("transcript", "and there a dog barks", 1.5, 4.0)
    put_texts(connection, {3: [said]}, replacing=["transcript"])

    (row,) = search_texts(connection, "DOG", limit=5)

    assert row[:4] == (3, "transcript", 1.5, 4.0)
    assert row.score > 0
    assert row.snippet == "and there a dog barks"


def test_more_and_rarer_words_come_first(connection: Connection) -> None:
    fill(connection, "a dog", "a cat", "a dog and a frisbee", "a dog runs", "a bird")

    assert found(connection, "dog frisbee")[0] == 3
    assert set(found(connection, "dog frisbee")) == {1, 3, 4}
    assert found(connection, "dog frisbee", limit=1) == [3]


def test_a_long_text_is_cut_around_what_fits(connection: Connection) -> None:
    fill(connection, "before " * 100 + "the frisbee flies " + "after " * 100)

    (row,) = search_texts(connection, "frisbee", limit=1)

    assert "frisbee" in row.snippet
    assert len(row.snippet.split()) <= 18


def test_a_text_of_a_hundred_thousand_times_the_same_word_is_told_at_once(
    connection: Connection,
) -> None:
    fill(connection, "before " + "frisbee " * 100_000)

    began = time.process_time()
    (row,) = search_texts(connection, "Frisbee", limit=1)

    assert time.process_time() - began < 5
    assert row.snippet == "..." + "frisbee " * 15 + "frisbee..."


@pytest.mark.parametrize(
    "words", ["", " ", "...", '"', "***", "( )", "\0", "- :", "\ud800", "AND", "NOT", "dog*x"]
)
def test_what_is_no_word_finds_nothing(connection: Connection, words: str) -> None:
    fill(connection, "a dog")

    assert found(connection, words) == []


@pytest.mark.parametrize(
    "words",
    ['dog"', '"dog', "dog*", "body:dog", "^dog", "dog NEAR(x)", "dog AND zebra", "NOT dog", "-dog"],
)
def test_nothing_that_a_person_types_is_a_command(connection: Connection, words: str) -> None:
    fill(connection, "a body: dog", "a zebra", "near and not")

    assert 1 in found(connection, words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Caf\u00e9", "cafe"),
        ("cafe", "CAF\u00c9"),
        ("Stra\u00dfe", "stra\u00dfe"),
        ("\u0421\u043e\u0431\u0430\u043a\u0430", "\u0441\u043e\u0431\u0430\u043a\u0430"),
        ("it was rock'n'roll", "rock'n'roll"),
        ("on 2024-05-01 at sea", "2024-05-01"),
    ],
)
def test_case_and_accents_do_not_matter(connection: Connection, body: str, words: str) -> None:
    fill(connection, body, "roll rock")

    assert found(connection, words) == [1]


def test_a_part_of_a_word_is_none(connection: Connection) -> None:
    fill(connection, "a carpet")

    assert found(connection, "car") == []


def test_only_the_asked_videos_are_found(connection: Connection) -> None:
    fill(connection, *["a dog"] * 6)

    rows = search_texts(connection, "dog", limit=9, videos=np.array([2, 5, 99], dtype=np.int64))
    none = search_texts(connection, "dog", limit=9, videos=np.array([], dtype=np.int64))

    assert {row.video_number for row in rows} == {2, 5}
    assert none == []


def test_texts_are_replaced_by_kind(connection: Connection) -> None:
    title, caption = VideoText("title", "one"), VideoText("caption", "two")
    put_texts(connection, {1: [title, caption]}, replacing=["title", "caption"])
    put_texts(connection, {1: [VideoText("caption", "three")]}, replacing=["caption"])

    assert set(texts_of(connection, 1)) == {title, VideoText("caption", "three")}
    assert (found(connection, "one"), found(connection, "two")) == ([1], [])


def test_what_stays_is_not_written_again(connection: Connection) -> None:
    cues = [VideoText("transcript", f"word{i}", float(i), i + 1.0) for i in range(3)]
    put_texts(connection, {1: cues}, replacing=["transcript"])
    before = connection.execute(text("SELECT id, body FROM texts")).all()

    new = [*cues[:2], VideoText("transcript", "new", 9, 10)]
    put_texts(connection, {1: new}, replacing=["transcript"])

    after = connection.execute(text("SELECT id, body FROM texts")).all()
    assert set(before[:2]) <= set(after)
    assert [text.body for text in texts_of(connection, 1)] == ["word0", "word1", "new"]


def test_a_video_that_goes_takes_its_words_along(connection: Connection) -> None:
    fill(connection, "a dog", "a dog too")
    connection.execute(text("DELETE FROM videos WHERE number = 1"))

    assert found(connection, "dog") == [2]
    connection.execute(text("INSERT INTO texts_fts (texts_fts) VALUES ('integrity-check')"))


def test_words_as_common_as_the_are_left_out(connection: Connection) -> None:
    rows = [{"video_number": 1, "kind": "transcript", "body": "the"}] * (FEW_TEXTS + 1)
    connection.execute(insert(TextRecord), rows)
    fill(connection, "the dog", "a cat")

    assert found(connection, "the dog") == [1]
    assert len(found(connection, "the zebra", limit=50)) == 50


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("holiday.mp4", "holiday"),
        ("IMG_2041.MOV", "IMG 2041"),
        ("a-dog.at+the beach.mp4", "a dog at the beach"),
        ("HolidayInRome2024.mp4", "HolidayInRome2024 Holiday In Rome 2024"),
        ("GXHDVideo.mp4", "GXHDVideo GXHD Video"),
        ("clip007.mp4", "clip007 clip 007"),
        ("caf\udce9.mp4", "caf"),
        ("---.mp4", "---"),
    ],
)
def test_a_name_is_told_in_words(name: str, words: str) -> None:
    assert words_of_name(Path("/videos") / name) == words


def tokens(body: str) -> set[str]:
    """The slow twin of FTS5's unicode61, for the characters of this test."""
    plain = unicodedata.normalize("NFD", body.lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return set(re.findall(r"[^\W_]+", plain))


LETTERS = st.sampled_from("abAB \u00e9\u00c9\u00fc_-.,!?'\"*():^0 1\n")
BODIES = st.lists(st.text(LETTERS, max_size=12), max_size=8)


@settings(max_examples=80, deadline=None)
@given(bodies=BODIES, words=st.text(st.sampled_from("abAB \u00e9\u00c9\u00fc01"), max_size=10))
def test_the_index_of_words_agrees_with_looking_at_each_text(
    catalog: Catalog, bodies: list[str], words: str
) -> None:
    with catalog.engine.connect() as connection, connection.begin() as transaction:
        fill(connection, *bodies)
        rows = search_texts(connection, words, limit=100)
        transaction.rollback()

    asked = tokens(words)
    expected = {
        number
        for number, body in enumerate(bodies, start=1)
        if body.strip() and asked & tokens(body)
    }
    assert {row.video_number for row in rows} == expected
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
