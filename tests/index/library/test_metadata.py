"""What a person says of videos counts before what files say, and is taken back without a trace."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from cpd_model.errors import InputError
from index.catalog.filtering import matching_videos
from index.catalog.metadata import Said, put_documents
from index.catalog.texts import search_texts
from index.documents import Document, merged
from index.errors import UnknownVideoError
from index.filters.filter import parse_filter
from index.filters.values import period_of
from index.library.library import Library
from index.library.metadata import SetReport
from index.sidecars.reading import SidecarContent
from index.sidecars.subtitles import Cue
from tests.index.libraries import FACTS, file_version, put, unit_rows, windows

CONTAINER: Document = {"title": "clip0001", "date": "2020", "gps": {"lat": 1, "lon": 2}}
SIDECAR: Document = {"title": "A dog", "tags": ["dog", "beach"]}


@pytest.fixture
def said(library: Library) -> str:
    """The id of /a.mp4, of which its container and its sidecars say something; /b.mp4 is there."""
    content = SidecarContent(SIDECAR, [Cue(1.0, 2.0, "he barks")], [])
    with library.writer() as writer:
        video_id = writer.put_video(
            file_version("/a.mp4", content_hash="ab" * 32),
            facts=FACTS,
            segments=windows(1),
            embeddings_SD=unit_rows(1, seed=1),
            said=Said(CONTAINER, content, "stamp"),
        )
        put(writer, "/b.mp4", unit_rows(1, seed=2))
    return video_id


def found(library: Library, words: str) -> set[int]:
    with library._catalog.read_transaction() as connection:
        return {row.video_number for row in search_texts(connection, words, limit=9)}


def filtered(library: Library, filter_text: str) -> list[int]:
    with library._catalog.read_transaction() as connection:
        return [int(n) for n in matching_videos(connection, parse_filter(filter_text))]


def test_what_files_say_is_told_by_whom(library: Library, said: str) -> None:
    metadata = library.metadata.get(said)

    assert (metadata.container, metadata.sidecar, metadata.user) == (CONTAINER, SIDECAR, {})
    assert metadata.merged == {**CONTAINER, **SIDECAR}
    assert [text.kind for text in library.metadata.texts("/a.mp4")] == [
        "name",
        "title",
        "transcript",
    ]


def test_what_a_person_says_counts_first(library: Library, said: str) -> None:
    assert library.metadata.set("/a.mp4", {"title": "My dog", "gps.lat": 5, "rating": 4}) == 1

    metadata = library.metadata.get(said)
    assert metadata.user == {"title": "My dog", "gps": {"lat": 5}, "rating": 4}
    assert metadata.merged["gps"] == {"lat": 5, "lon": 2}
    assert (metadata.container, metadata.sidecar) == (CONTAINER, SIDECAR)
    assert (found(library, "my"), found(library, "clip0001")) == ({1}, set())
    assert filtered(library, "meta.rating>=4 and meta.gps.lat=5") == [1]


def test_null_hides_what_files_say(library: Library, said: str) -> None:
    library.metadata.set(said, {"title": None, "date": None})

    assert set(library.metadata.get(said).merged) == {"gps", "tags"}
    assert found(library, "dog") == set()
    assert filtered(library, "date<1971") == [1, 2]  # by the time of the file


def test_what_is_unset_is_as_before(library: Library, said: str) -> None:
    before = library.metadata.get(said)
    library.metadata.set(said, {"title": "My dog", "gps.lat": 5, "rating": 4})

    assert library.metadata.unset(said, ["title", "gps.lat", "rating", "never"], dry_run=True) == 1
    assert library.metadata.unset(said, ["title", "gps.lat", "rating", "never"]) == 1

    assert library.metadata.get(said) == before
    assert found(library, "my") == set()
    assert library.metadata.unset([said, "/b.mp4"], ["title"]) == 0


def test_a_filter_names_many(library: Library, said: str) -> None:
    assert library.metadata.set(parse_filter("segments>=1"), {"seen": True}) == 2
    assert library.metadata.unset(parse_filter("meta.seen=true"), ["seen"], dry_run=True) == 2
    assert filtered(library, "meta.seen=true") == [1, 2]
    assert library.metadata.unset(parse_filter("name:b"), ["seen"]) == 1
    assert filtered(library, "meta.seen=true") == [1]


def test_a_list_says_something_else_of_each(library: Library, said: str) -> None:
    report = library.metadata.set_each(
        [("/a.mp4", {"n": 1}), ("/b.mp4", {"n": 2}), ("/gone.mp4", {"n": 3}), (said, {"m": 4})]
    )

    assert report == SetReport(2, ["/gone.mp4"])
    assert library.metadata.get("/a.mp4").user == {"n": 1, "m": 4}
    assert library.metadata.get("/b.mp4").user == {"n": 2}


def test_a_link_leads_to_its_video(library: Library, tmp_path: Path) -> None:
    (tmp_path / "real.mp4").touch()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    with library.writer() as writer:
        put(writer, tmp_path / "real.mp4", unit_rows(1, seed=1))

    assert library.metadata.set(tmp_path / "link.mp4", {"a": 1}) == 1


@pytest.mark.parametrize(
    ("video", "sentence"),
    [
        ("f" * 32, f"no video {'f' * 32} in this library"),
        ("/gone.mp4", "no video /gone.mp4 in this library: name it by the path of its file"),
        ("/", "no video / in this library: it is a folder"),
    ],
)
def test_an_unknown_video_is_one_sentence(library: Library, video: str, sentence: str) -> None:
    for ask in (library.metadata.get, library.metadata.texts):
        with pytest.raises(UnknownVideoError, match=sentence):
            ask(video)
    with pytest.raises(UnknownVideoError, match=sentence):
        library.metadata.set(video, {"a": 1})


@pytest.mark.parametrize("values", [{"": 1}, {"a..b": 1}, {"a": float("nan")}, {"a": {1}}])
def test_what_cannot_be_said_changes_nothing(
    library: Library, said: str, values: dict[str, Any]
) -> None:
    before = library.status().generation

    with pytest.raises(InputError):
        library.metadata.set(said, values)

    assert library.status().generation == before


def test_it_grows_no_further_than_its_bounds(library: Library, said: str) -> None:
    library.metadata.set(said, {"a": "x" * 900_000})

    with pytest.raises(InputError, match="characters as JSON"):
        library.metadata.set(said, {"b": "x" * 900_000})


def test_what_a_person_said_outlives_new_bytes_and_failure(library: Library, said: str) -> None:
    library.metadata.set(said, {"title": "My dog"})
    row = library.video(said)
    with library.writer() as writer:
        writer.put_failure(row, reason="it is damaged")
        put(writer, "/a.mp4", unit_rows(1, seed=3))

    assert library.metadata.get(said).merged == {"title": "My dog"}
    assert found(library, "my") == {1}


def test_what_was_said_before_is_not_written_again(library: Library, said: str) -> None:
    library.metadata.set([said, "/b.mp4"], {"rating": 2})
    with library._catalog.write_transaction() as transaction:  # which writing again would undo
        transaction.connection.execute(text("UPDATE facts SET key = 'mark' WHERE key = 'rating'"))

    assert library.metadata.set([said, "/b.mp4"], {"rating": 2}) == 2
    assert library.metadata.set_each([(said, {"rating": 2}), ("/b.mp4", {})]).videos == 2
    assert filtered(library, "meta.mark=2") == [1, 2]

    library.metadata.set(said, {"rating": 3})
    assert (filtered(library, "meta.mark=2"), filtered(library, "meta.rating=3")) == ([2], [1])


@pytest.mark.parametrize(("before", "after"), [(1, True), (True, 1), (1, 1.0), (0, False)])
def test_what_only_python_takes_for_the_same_is_written(
    library: Library, said: str, before: Any, after: Any
) -> None:
    library.metadata.set(said, {"seen": before})

    library.metadata.set(said, {"seen": after})

    seen = library.metadata.get(said).user["seen"]
    assert (seen, type(seen)) == (after, type(after))


KEYS = st.sampled_from(["a", "b", "title", "caption", "date"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["x", "2024-05-01", "2024"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=3)


def walk(value: Any, key: str) -> list[tuple[str, str, float | None]]:
    """The facts of a document, the plain way."""
    if isinstance(value, dict):
        return [fact for name, inner in value.items() for fact in walk(inner, f"{key}.{name}")]
    if isinstance(value, list):
        return [fact for inner in value for fact in walk(inner, key)]
    if value is None:
        return []
    if isinstance(value, str):
        period = period_of(value)
        return [(key[1:], value, None if period is None else period.start_seconds)]
    return [(key[1:], str(value).lower(), float(value))]


@settings(max_examples=60, deadline=None)
@given(container=DOCUMENTS, sidecar=DOCUMENTS, user=DOCUMENTS)
def test_facts_are_those_of_the_merged_documents(
    tmp_path_factory: pytest.TempPathFactory,
    templates: Path,
    container: Document,
    sidecar: Document,
    user: Document,
) -> None:
    with Library.open(templates / "full") as library:
        catalog = library._catalog
        with catalog.engine.connect() as connection, connection.begin() as transaction:
            put_documents(connection, {1: container}, source="container")
            put_documents(connection, {1: sidecar}, source="sidecar")
            put_documents(connection, {1: user}, source="user")
            query = text("SELECT key, text_folded, number FROM facts WHERE video_number = 1")
            facts = [tuple(row) for row in connection.execute(query)]
            transaction.rollback()

    expected = walk(merged(container, sidecar, user), "")
    assert {fact[:2] for fact in facts} == {fact[:2] for fact in expected}
    # The date itself takes more forms, which test_documents holds.
    assert {f for f in facts if f[0] != "date"} == {f for f in expected if f[0] != "date"}


def test_videos_are_named_as_elsewhere(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with library.writer() as writer:
        put(writer, tmp_path / "at_home.mp4", unit_rows(1, seed=1))

    assert library.metadata.set((name for name in ["~/at_home.mp4"]), {"a": 1}) == 1
    assert library.metadata.get("~/at_home.mp4").user == {"a": 1}
    assert library.metadata.set(["~/at_home.mp4", tmp_path / "at_home.mp4"], {"b": 2}) == 1
    with pytest.raises(TypeError, match=r"keys is a list of texts, such as \['a'\]"):
        library.metadata.unset("~/at_home.mp4", "a")
