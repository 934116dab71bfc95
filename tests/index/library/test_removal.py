"""Videos forgotten on request: which are meant, and that nothing else goes."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from cpd_model.errors import InputError
from index.errors import UnknownVideoError
from index.filters import parse_filter
from index.library.library import Library
from index.library.removal import plan_removal
from tests.index.libraries import MADE_BY, axis, file_version, paths, put


@pytest.fixture
def filled(library: Library) -> Library:
    """/a/1.mp4 /a/2.mp4 /a/deep/3.mkv /ab/4.mp4, published; /a/broken.mp4 failed."""
    with library.writer() as writer:
        for number, path in enumerate(("/a/1.mp4", "/a/2.mp4", "/a/deep/3.mkv", "/ab/4.mp4")):
            put(writer, path, [axis(number)])
        writer.put_failure(file_version("/a/broken.mp4"), reason="no frames")
        writer.publish()
    return library


def left(library: Library) -> list[str]:
    rows = [*library.videos(limit=99), *library.failures()]
    return sorted(str(row.path) for row in rows)


ALL = ["/a/1.mp4", "/a/2.mp4", "/a/broken.mp4", "/a/deep/3.mkv", "/ab/4.mp4"]


@pytest.mark.parametrize(
    ("named", "gone"),
    [
        ("/a/1.mp4", ["/a/1.mp4"]),
        ("/a/broken.mp4", ["/a/broken.mp4"]),
        ("/a", ["/a/1.mp4", "/a/2.mp4", "/a/broken.mp4", "/a/deep/3.mkv"]),
        ("/a/../a/", ["/a/1.mp4", "/a/2.mp4", "/a/broken.mp4", "/a/deep/3.mkv"]),
        ("/a/*.mp4", ["/a/1.mp4", "/a/2.mp4", "/a/broken.mp4"]),
        ("/*/[24].mp4", ["/a/2.mp4", "/ab/4.mp4"]),
        ("/**/?.m*", ["/a/1.mp4", "/a/2.mp4", "/a/deep/3.mkv", "/ab/4.mp4"]),
        ("/a/d*", ["/a/deep/3.mkv"]),
        (["/ab", Path("/a/1.mp4"), "/ab/4.mp4"], ["/a/1.mp4", "/ab/4.mp4"]),
        (parse_filter("folder:a"), ["/a/1.mp4", "/a/2.mp4", "/a/deep/3.mkv"]),
        (parse_filter("name:nothing"), []),
        ("/", ALL),
    ],
    ids=str,
)
def test_what_is_named_goes_and_nothing_else(
    filled: Library, named: "str | list[str | Path]", gone: list[str]
) -> None:
    """Of no path here a file is there: what was indexed may be gone."""
    told = filled.remove(named, dry_run=True)
    before = left(filled)

    report = filled.remove(named)

    assert before == ALL
    assert sorted(str(video.path) for video in report.removed) == gone
    assert (told.removed, told.dry_run, report.dry_run) == (report.removed, True, False)
    assert report.changed == []
    assert left(filled) == [path for path in ALL if path not in gone]
    assert filled.verify() == []


def test_a_removal_is_seen_by_the_next_search(filled: Library) -> None:
    with Library.open(filled.folder) as reader:
        assert paths(reader, 0) == ["/a/1.mp4"]
        (video,) = filled.remove(reader.videos(limit=1)[0].video_id).removed

        assert str(video.path) == "/a/1.mp4"
        assert paths(reader, 0) == []
        assert paths(reader, 1) == ["/a/2.mp4"]


def test_all_that_is_known_of_a_video_goes_with_it(filled: Library) -> None:
    filled.collections.create("c")
    filled.collections.add("c", "/a")
    filled.metadata.set("/a/1.mp4", {"title": "rare words"})
    filled.remove("/")

    with filled.catalog.read_transaction() as connection:
        for table in (
            *("videos", "segments", "embeddings", "embedded_videos", "texts", "metadata", "facts"),
            "collection_videos",
        ):
            rows = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()
            assert (table, rows) == (table, 0)
        match = text("SELECT count(*) FROM texts_fts WHERE texts_fts MATCH 'rare'")
        assert connection.execute(match).scalar() == 0


def test_a_path_through_a_link_and_a_path_that_became_a_link(
    filled: Library, tmp_path: Path
) -> None:
    """The catalog has real paths; what it knows by the name itself comes first."""
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to("real")
    (tmp_path / "real" / "now_a_link.mp4").symlink_to("other.mp4")
    with filled.writer() as writer:
        for name in ("other.mp4", "now_a_link.mp4", "third.mp4"):
            put(writer, "/x", [axis(0)])
            known = writer.find_at("/x")
            assert known is not None
            writer.move_videos({})
            _move_unresolved(filled, known.video_id, tmp_path / "real" / name)

    filled.remove(tmp_path / "way" / "now_a_link.mp4")
    filled.remove(tmp_path / "way" / "third.mp4")

    assert left(filled) == sorted([*ALL, str(tmp_path / "real" / "other.mp4")])


def _move_unresolved(library: Library, video_id: str, path: Path) -> None:
    with library.catalog.write_transaction() as transaction:
        statement = text("UPDATE videos SET path = :path WHERE video_id = :video_id")
        asked = {"path": os.fsencode(path), "video_id": video_id}
        transaction.connection.execute(statement, asked)


@pytest.mark.parametrize("named", ["/nowhere", "/a/*.avi", "/a/3.mkv", ["/a", "/b"]], ids=str)
def test_a_path_that_means_nothing_stops_all(filled: Library, named: "str | list[str]") -> None:
    with pytest.raises(InputError, match="has nothing at"):
        filled.remove(named)

    assert left(filled) == ALL


def test_an_unknown_id_and_no_name_at_all_are_refused(filled: Library) -> None:
    with pytest.raises(UnknownVideoError):
        filled.remove("0" * 32)
    with pytest.raises(InputError, match="no video is named"):
        filled.remove([])
    with pytest.raises(InputError, match="empty path"):
        filled.remove("")
    assert left(filled) == ALL


def test_a_large_removal_is_several_transactions_and_leaves_what_changed_meanwhile(
    filled: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.catalog.removal.MOST_VIDEOS", 2)
    generation = filled.status().generation
    removal = plan_removal(filled.catalog, "/")
    with filled.writer() as writer:
        put(writer, "/a/2.mp4", [axis(3)])

    report = removal.carry_out()

    assert filled.status().generation == generation + 1 + 3
    assert len(report.removed) == 4
    assert [str(video.path) for video in report.changed] == ["/a/2.mp4"]
    assert left(filled) == ["/a/2.mp4"]
    hits = filled.search(axis(3), fingerprint=MADE_BY)
    assert [str(hit.path) for hit in hits] == ["/a/2.mp4"]
    assert filled.verify() == []


def test_a_video_of_very_many_segments_has_a_transaction_of_its_own(
    filled: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.catalog.removal.MOST_SEGMENTS", 2)
    with filled.writer() as writer:
        put(writer, "/long.mp4", [axis(0)] * 5)
    generation = filled.status().generation

    filled.remove("/")

    assert filled.status().generation == generation + 3
    assert left(filled) == []


def test_videos_may_be_named_by_anything_that_can_be_gone_through(filled: Library) -> None:
    (first, *_) = filled.videos(limit=None)

    assert len(filled.remove((path for path in [first.path]), dry_run=True).removed) == 1
    with pytest.raises(InputError, match="no video is named"):
        filled.remove(iter([]))
