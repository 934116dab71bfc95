"""Named sets of videos: what may be in one, what it is called, and what becomes of it."""

import pytest

from cpd_model.errors import InputError
from index.errors import FilterError, UnknownCollectionError, UnknownVideoError
from index.filters import parse_filter
from index.library.collections_of_run import make_collections
from index.library.library import Library
from tests.index.libraries import axis, file_version, put


@pytest.fixture
def ids(library: Library) -> dict[str, str]:
    """Of /a/1.mp4 /a/2.mp4 /b/3.mp4, indexed; /a/broken.mp4 failed."""
    with library.writer() as writer:
        ids = {path: put(writer, path, [axis(0)]) for path in ("/a/1.mp4", "/a/2.mp4", "/b/3.mp4")}
        broken = writer.put_failure(file_version("/a/broken.mp4"), reason="no frames")
    return ids | {"/a/broken.mp4": broken}


def held(library: Library, name: str) -> list[str]:
    """The paths of its videos."""
    rows = library.videos(limit=99, where=parse_filter(f'collection:"{name}"'))
    return [str(row.path) for row in rows]


def test_videos_are_put_in_by_path_folder_pattern_id_and_filter(
    library: Library, ids: dict[str, str]
) -> None:
    collections = library.collections
    for name in ("paths", "folder", "pattern", "id", "filter"):
        collections.create(name)

    assert collections.add("paths", ["/a/1.mp4", "/b/3.mp4"]) == 2
    assert collections.add("folder", "/a") == 2
    assert collections.add("pattern", "/*/[13].mp4") == 2
    assert collections.add("id", ids["/b/3.mp4"]) == 1
    assert collections.add("filter", parse_filter("folder:a")) == 2

    assert held(library, "paths") == held(library, "pattern") == ["/a/1.mp4", "/b/3.mp4"]
    assert held(library, "folder") == held(library, "filter") == ["/a/1.mp4", "/a/2.mp4"]
    assert held(library, "id") == ["/b/3.mp4"]


def test_a_list_tells_names_videos_and_hours(library: Library, ids: dict[str, str]) -> None:
    for name in ("walks", "Empty"):
        library.collections.create(name)
    library.collections.add("walks", "/a")

    listed = library.collections.list()

    assert [(row.name, row.videos) for row in listed] == [("Empty", 0), ("walks", 2)]
    assert listed[1].hours == pytest.approx(2 * 12.5 / 3600)


def test_a_video_is_in_a_collection_once_and_in_several_collections(
    library: Library, ids: dict[str, str]
) -> None:
    for name in ("one", "two"):
        library.collections.create(name)
        library.collections.add(name, "/a/1.mp4")

    assert library.collections.add("one", ["/a/1.mp4", "/a", "/b/3.mp4"]) == 2
    assert held(library, "two") == ["/a/1.mp4"]
    assert library.collections.remove("one", ["/a/1.mp4", "/b"]) == 2
    assert library.collections.remove("one", "/b") == 0
    assert held(library, "one") == ["/a/2.mp4"]


def test_videos_outlive_their_collection_and_not_the_other_way_round(
    library: Library, ids: dict[str, str]
) -> None:
    for name in ("kept", "dropped"):
        library.collections.create(name)
        library.collections.add(name, "/a")
    library.collections.drop("dropped")
    with library.writer() as writer:
        writer.remove_video(ids["/a/1.mp4"])

    assert library.count().videos == 2
    assert held(library, "kept") == ["/a/2.mp4"]
    with pytest.raises(FilterError, match="it has"):
        held(library, "dropped")


def test_a_video_keeps_its_collections_when_it_moves_changes_or_fails(
    library: Library, ids: dict[str, str]
) -> None:
    library.collections.create("kept")
    library.collections.add("kept", "/a")
    with library.writer() as writer:
        writer.move_video(ids["/a/1.mp4"], file_version("/c/1.mp4"))
        put(writer, "/c/1.mp4", [axis(1)], content_hash="cd" * 32)
        writer.put_failure(file_version("/a/2.mp4"), reason="no frames")

    assert held(library, "kept") == ["/c/1.mp4"]

    with library.writer() as writer:
        put(writer, "/a/2.mp4", [axis(1)])

    assert held(library, "kept") == ["/c/1.mp4", "/a/2.mp4"]


def test_a_name_means_one_collection_in_any_case_and_spelling(library: Library) -> None:
    library.collections.create("  Caf\u00e9 ")

    with pytest.raises(InputError, match='a collection "Caf\u00e9" already'):
        library.collections.create("cafe\u0301")
    library.collections.rename("CAF\u00c9", "caf\u00e9 Paris")
    library.collections.rename("caf\u00e9 paris", "CAF\u00c9 PARIS")

    assert [row.name for row in library.collections.list()] == ["CAF\u00c9 PARIS"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101, "\x1b[31m"], ids=repr)
def test_what_can_be_no_name_is_one_sentence(library: Library, name: str) -> None:
    with pytest.raises(InputError, match="1 to 100 printable characters"):
        library.collections.create(name)
    library.collections.create("x" * 100)


def test_what_is_not_there_is_named(library: Library, ids: dict[str, str]) -> None:
    library.collections.create("there")
    library.collections.create("other")

    with pytest.raises(UnknownCollectionError, match='it has: "other", "there"'):
        library.collections.drop("nowhere")
    with pytest.raises(UnknownCollectionError):
        library.collections.add("nowhere", "/a")
    with pytest.raises(InputError, match="nothing at /nowhere"):
        library.collections.add("there", ["/a", "/nowhere"])
    with pytest.raises(UnknownVideoError):
        library.collections.add("there", "0" * 32)
    with pytest.raises(InputError, match="empty path"):
        library.collections.add("there", "")
    with pytest.raises(InputError, match='a collection "other" already'):
        library.collections.rename("there", "OTHER")
    assert held(library, "there") == []


def test_each_change_is_a_generation_of_its_own(library: Library, ids: dict[str, str]) -> None:
    before = library.status().generation

    library.collections.create("c")
    library.collections.add("c", "/a")
    assert make_collections(library.catalog, ["C"]) == []

    assert library.status().generation == before + 2
