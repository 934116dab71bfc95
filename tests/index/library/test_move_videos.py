"""Videos that are given other paths, several at once."""

import pytest

from index.errors import UnknownVideoError
from index.filters import parse_filter
from index.library.library import Library
from tests.index.libraries import axis, file_version, put


def paths_of(library: Library) -> dict[str, str]:
    return {row.video_id: str(row.path) for row in library.videos(limit=9)}


def test_videos_change_places_in_one_transaction(library: Library) -> None:
    with library.writer() as writer:
        first, second = (put(writer, f"/{name}.mp4", [axis(0)]) for name in "ab")
        generation = library.status().generation

        moved = writer.move_videos({first: file_version("/b.mp4"), second: file_version("/a.mp4")})

    assert moved == {first, second}
    assert paths_of(library) == {first: "/b.mp4", second: "/a.mp4"}
    assert library.status().generation == generation + 1
    assert library.videos(limit=9, where=parse_filter("path:b.mp4"))[0].video_id == first
    assert library.verify() == []


def test_who_stood_there_and_does_not_move_is_removed(library: Library) -> None:
    with library.writer() as writer:
        first, second, third = (put(writer, f"/{name}.mp4", [axis(0)]) for name in "abc")

        writer.move_videos({first: file_version("/b.mp4"), third: file_version("/d.mp4")})

    assert paths_of(library) == {first: "/b.mp4", third: "/d.mp4"}
    assert second not in paths_of(library)
    assert library.verify() == []


def test_a_video_that_is_gone_or_another_by_now_is_passed_over(library: Library) -> None:
    """Then nobody comes to the path that it was to have, and who is there stays."""
    with library.writer() as writer:
        first, second = (put(writer, f"/{name}.mp4", [axis(0)]) for name in "ab")
        writer.remove_video(first)

        moved = writer.move_videos(
            {
                first: file_version("/b.mp4"),
                second: file_version("/c.mp4", content_hash="ef" * 32),
            }
        )

    assert moved == set()
    assert paths_of(library) == {second: "/b.mp4"}


def test_two_videos_cannot_have_one_path(library: Library) -> None:
    with library.writer() as writer:
        ids = [put(writer, f"/{name}.mp4", [axis(0)]) for name in "ab"]

        with pytest.raises(ValueError, match="a path of its own"):
            writer.move_videos(dict.fromkeys(ids, file_version("/c.mp4")))
        with pytest.raises(UnknownVideoError):
            writer.move_video("0" * 32, file_version("/a.mp4"))

    assert sorted(paths_of(library).values()) == ["/a.mp4", "/b.mp4"]
