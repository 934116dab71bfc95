"""Roots: which videos lie in one, and what happens when it moves."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd_model.errors import InputError
from index.errors import LibraryBusyError, UnknownRootError
from index.filters import parse_filter
from index.library.library import Library
from index.library.lock import lease
from index.library.roots import make_roots, named_folders
from tests.index.libraries import axis, file_version, make_library, put


def fill(library: Library, *paths: str) -> dict[str, str]:
    with library.writer() as writer:
        return {path: put(writer, path, [axis(0)]) for path in paths}


def paths_of(library: Library) -> dict[str, str]:
    return {row.video_id: str(row.path) for row in library.videos(limit=999)}


def in_root(library: Library, name: str) -> list[str]:
    rows = library.videos(limit=999, where=parse_filter(f'root:"{name}"'))
    return sorted(str(row.path) for row in rows)


def set_root(library: Library, name: str, path: str) -> int:
    return library.roots.set(name, path, even_if_missing=True).moved


def test_a_root_moves_with_all_its_videos(library: Library) -> None:
    ids = fill(library, "/old/a.mp4", "/old/deep/b.mp4", "/older/c.mp4")
    with library.writer() as writer:
        failed = writer.put_failure(file_version("/old/d.mp4"), reason="no frames")
    set_root(library, "films", "/old")
    generation = library.status().generation

    change = library.roots.set("films", "/new/place", even_if_missing=True)

    assert (change.made, change.moved, str(change.path)) == (False, 3, "/new/place")
    assert library.status().generation == generation + 1
    assert paths_of(library) == {
        ids["/old/a.mp4"]: "/new/place/a.mp4",
        ids["/old/deep/b.mp4"]: "/new/place/deep/b.mp4",
        ids["/older/c.mp4"]: "/older/c.mp4",
    }
    assert [(f.video_id, str(f.path)) for f in library.failures()] == [(failed, "/new/place/d.mp4")]
    assert len(library.videos(limit=9, where=parse_filter("path:new/place/deep"))) == 1
    assert in_root(library, "films") == ["/new/place/a.mp4", "/new/place/deep/b.mp4"]
    assert library.verify() == []


def test_a_name_that_is_no_utf8_moves_byte_by_byte(library: Library) -> None:
    odd = os.fsdecode(b"/old/caf\xe9/\xff.mp4")
    fill(library, odd)
    set_root(library, "films", os.fsdecode(b"/old/caf\xe9"))

    assert set_root(library, "films", os.fsdecode(b"/n\xfcw")) == 1

    (path,) = paths_of(library).values()
    assert os.fsencode(path) == b"/n\xfcw/\xff.mp4"
    assert library.verify() == []


@pytest.mark.parametrize(("old", "new"), [("/a", "/a/a"), ("/a/a", "/a"), ("/a", "/b")])
def test_a_root_may_move_into_itself_and_out(library: Library, old: str, new: str) -> None:
    """Then some videos come to where others of the same root were."""
    fill(library, f"{old}/x.mp4", f"{old}/a/x.mp4", f"{old}/a/a/x.mp4")
    set_root(library, "films", old)

    assert set_root(library, "films", new) == 3

    expected = [f"{new}/x.mp4", f"{new}/a/x.mp4", f"{new}/a/a/x.mp4"]
    assert sorted(paths_of(library).values()) == sorted(expected)
    assert set_root(library, "films", new) == 0


def test_a_root_within_another_keeps_its_place_and_its_videos(library: Library) -> None:
    fill(library, "/disk/a.mp4", "/disk/usb/b.mp4")
    set_root(library, "disk", "/disk")
    set_root(library, "usb", "/disk/usb")

    assert set_root(library, "disk", "/elsewhere") == 1

    assert in_root(library, "disk") == ["/elsewhere/a.mp4"]
    assert in_root(library, "usb") == ["/disk/usb/b.mp4"]
    assert set_root(library, "usb", "/elsewhere/usb") == 1
    assert library.roots.drop("usb", dry_run=True) == library.roots.get("usb")
    assert library.roots.drop("usb").path == Path("/elsewhere/usb")
    assert in_root(library, "disk") == ["/elsewhere/a.mp4", "/elsewhere/usb/b.mp4"]


def test_what_would_meet_another_video_is_refused_whole(library: Library) -> None:
    ids = fill(library, "/a/x.mp4", "/a/y.mp4", "/b/y.mp4")
    set_root(library, "films", "/a")

    with pytest.raises(InputError, match=r"another video at /b/y\.mp4"):
        set_root(library, "films", "/b")

    assert paths_of(library) == {video_id: path for path, video_id in ids.items()}


def test_what_cannot_be_a_root_is_one_sentence(library: Library, tmp_path: Path) -> None:
    set_root(library, "films", "/a")

    with pytest.raises(InputError, match=r"no folder .*none: check"):
        library.roots.set("films", tmp_path / "none")
    with pytest.raises(InputError, match="cannot be a root: all files lie in it"):
        library.roots.set("top", "/")
    with pytest.raises(InputError, match='/a is the root "films" already'):
        set_root(library, "other", "/a")
    with pytest.raises(InputError, match="1 to 100 printable"):
        set_root(library, " ", "/b")
    with pytest.raises(UnknownRootError, match='it has: "films"'):
        library.roots.drop("nowhere")
    set_root(library, "other", "/b")
    with pytest.raises(InputError, match='a root "other" already'):
        library.roots.rename("films", "Other")
    assert library.roots.rename("FILMS", "Films") == library.roots.get("films")
    assert [row.name for row in library.roots.list()] == ["Films", "other"]


def test_a_root_does_not_move_under_a_run_that_adds(library: Library) -> None:
    with lease(library.folder), pytest.raises(LibraryBusyError):
        set_root(library, "films", "/a")


def test_a_list_tells_what_is_in_each(library: Library) -> None:
    fill(library, "/a/1.mp4", "/a/b/2.mp4", "/c/3.mp4")
    with library.writer() as writer:
        writer.put_failure(file_version("/a/4.mp4"), reason="no frames")
    for name, path in {"outer": "/a", "inner": "/a/b", "empty": "/d"}.items():
        set_root(library, name, path)

    listed = [(row.name, str(row.path), row.videos, row.failed) for row in library.roots.list()]

    assert listed == [("empty", "/d", 0, 0), ("inner", "/a/b", 1, 0), ("outer", "/a", 1, 1)]


def test_an_add_names_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent of a file, the fixed front of a pattern, without symbolic links."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "a[1].mp4").touch()
    (tmp_path / "link").symlink_to("real")

    def folders(*paths: str) -> set[str]:
        return {str(path.relative_to(tmp_path)) for path in named_folders(paths)}

    assert folders("link", "real/a[1].mp4") == {"real"}
    assert folders("link/**/*.mp4", "real/d*/x.mp4") == {"real"}
    assert folders("*.mp4", "link/deep") == {".", "real/deep"}


def test_roots_are_made_of_the_outermost_folders_and_named_after_them(library: Library) -> None:
    fill(library, "/a/Videos/1.mp4", "/b/videos/2.mp4", "/c/3.mp4", "/4.mp4")
    folders = ["/a/Videos/deep", "/b/videos", "/a/Videos", "/", os.fsdecode(b"/\xff\n")]

    made = make_roots(library.catalog, map(Path, folders))
    again = make_roots(library.catalog, [Path("/a/Videos/other"), Path("/b/videos")])

    assert sorted(made) == ["Videos", "videos-2", "\ufffd_"]
    assert again == []
    assert in_root(library, "Videos") == ["/a/Videos/1.mp4"]
    assert in_root(library, "videos-2") == ["/b/videos/2.mp4"]


names = st.sampled_from(["a", "b"])
folders = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))


@settings(max_examples=12, deadline=None)
@given(
    videos=st.sets(st.tuples(folders, st.integers(0, 2)), min_size=1, max_size=8),
    steps=st.lists(st.tuples(st.sampled_from("xyz"), folders | st.none()), max_size=6),
)
def test_each_video_lies_in_its_innermost_root_after_any_changes(
    videos: set[tuple[str, int]],
    steps: list[tuple[str, str | None]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Against plain dictionaries of roots and paths; None drops the root, a folder sets it."""
    with make_library(tmp_path_factory.mktemp("roots") / "library") as library:
        paths = {v: p for p, v in fill(library, *(f"{f}/{n}.mp4" for f, n in videos)).items()}
        roots: dict[str, str] = {}
        for name, folder in steps:
            if folder is None:
                if roots.pop(name, None):
                    library.roots.drop(name)
                continue
            expected = moved(paths, roots, name, folder)
            if expected is None:
                with pytest.raises(InputError):
                    set_root(library, name, folder)
                continue
            set_root(library, name, folder)
            paths, roots[name] = expected, folder

            assert paths_of(library) == paths
            for each in roots:
                inside = [p for p in paths.values() if innermost(p, roots) == each]
                assert in_root(library, each) == sorted(inside)


def moved(
    paths: dict[str, str], roots: dict[str, str], name: str, folder: str
) -> dict[str, str] | None:
    """The paths after a root is set; None where that has to be refused."""
    if roots.get(name) == folder:
        return paths
    if folder in roots.values():
        return None
    new = {
        video: folder + path.removeprefix(roots[name]) if innermost(path, roots) == name else path
        for video, path in paths.items()
    }
    return new if len(set(new.values())) == len(new) else None


def innermost(path: str, roots: dict[str, str]) -> str | None:
    around = [name for name, folder in roots.items() if path.startswith(folder + "/")]
    return max(around, key=lambda name: len(roots[name]), default=None)
