"""Videos whose files are gone: forgotten, unless it may be that a disk is away."""

import shutil
from pathlib import Path

import pytest

from index.errors import LibraryBusyError, RootGoneError, UnknownRootError
from index.library.library import Library
from index.library.lock import lease
from tests.index.fake_decoder import FakeDecoder
from tests.index.libraries import file_version
from tests.index.library.adding import DURATIONS, add, counts, ids, make_color_library


@pytest.fixture
def added(tmp_path: Path, folder: Path) -> Library:
    """a.mp4 b.mp4 c.mp4 of one folder."""
    library = make_color_library(tmp_path / "added")
    add(library, folder)
    return library


def pruned(library: Library, *roots: str, **how: bool) -> list[str]:
    report = library.prune(roots, **how)
    return sorted(video.path.name for video in report.removal.removed)


def test_what_is_gone_goes_and_the_rest_stays(added: Library, folder: Path) -> None:
    known = ids(added)
    (folder / "b.mp4").unlink()

    told = added.prune(dry_run=True)
    before = ids(added)
    report = added.prune()

    assert before == known
    assert [video.path.name for video in told.removal.removed] == ["b.mp4"]
    assert (report.files, report.removal.removed) == (3, told.removal.removed)
    assert ids(added) == {name: known[name] for name in ("a.mp4", "c.mp4")}
    assert pruned(added) == []


def test_a_failure_whose_file_is_gone_goes_too(added: Library, folder: Path) -> None:
    (folder / "bad.mp4").write_bytes(b"bad")
    add(added, folder, decoder=FakeDecoder(DURATIONS))
    assert [failure.path.name for failure in added.failures()] == ["bad.mp4"]
    (folder / "bad.mp4").unlink()

    assert pruned(added) == ["bad.mp4"]
    assert added.failures() == []


@pytest.mark.parametrize("how", ["gone", "empty", "hidden"])
def test_a_root_that_is_gone_or_empty_is_refused_by_name(
    added: Library, folder: Path, how: str
) -> None:
    shutil.rmtree(folder)
    if how != "gone":
        folder.mkdir()
    if how == "hidden":
        (folder / ".Trash").touch()
    known = ids(added)

    for dry_run in (True, False):
        with pytest.raises(RootGoneError, match=rf"root {folder} is gone or empty"):
            added.prune(dry_run=dry_run)
    assert ids(added) == known

    assert pruned(added, even_if_gone=True) == ["a.mp4", "b.mp4", "c.mp4"]
    assert ids(added) == {}


def test_one_root_that_is_away_stops_all_unless_others_are_named(
    added: Library, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "usb"
    other.mkdir()
    (other / "moved.mp4").write_text("moved")
    add(added, other)
    shutil.rmtree(other)
    (folder / "a.mp4").unlink()

    with pytest.raises(RootGoneError, match=f"root {other} is gone"):
        added.prune()
    assert pruned(added, "VIDEOS") == ["a.mp4"]
    with pytest.raises(UnknownRootError, match='it has: "usb", "videos"'):
        added.prune(["nowhere"])


def test_a_root_within_another_is_a_disk_of_its_own(added: Library, folder: Path) -> None:
    inner = folder / "usb"
    inner.mkdir()
    (inner / "moved.mp4").write_text("moved")
    added.roots.set("usb", inner)
    add(added, inner)
    shutil.rmtree(inner)

    with pytest.raises(RootGoneError, match=f"root {inner} is gone"):
        added.prune()
    assert pruned(added, "videos") == []


def test_a_file_that_cannot_be_looked_at_is_not_gone(added: Library, folder: Path) -> None:
    """As root one may look everywhere; at a name that is too long nobody may."""
    too_long = folder / ("x" * 300 + ".mp4")
    with added.writer() as writer:
        writer.put_failure(file_version(too_long), reason="no frames")

    report = added.prune()

    assert report.removal.removed == []
    assert report.unreachable == [(too_long, "file name too long")]
    assert len(added.failures()) == 1


def test_videos_of_no_root_are_pruned_by_the_folder_they_are_in(
    added: Library, folder: Path
) -> None:
    added.roots.drop("videos")
    (folder / "a.mp4").unlink()

    assert pruned(added) == ["a.mp4"]

    shutil.rmtree(folder)
    with pytest.raises(RootGoneError, match=f"folder {folder} is gone"):
        added.prune()


def test_nothing_is_pruned_beside_an_add_which_may_find_a_moved_file(added: Library) -> None:
    with lease(added.folder), pytest.raises(LibraryBusyError):
        added.prune()


def test_an_add_prunes_after_it_found_what_moved(added: Library, folder: Path) -> None:
    known = ids(added)
    (folder / "deep").mkdir()
    (folder / "a.mp4").rename(folder / "deep" / "moved.mp4")
    (folder / "b.mp4").unlink()

    report = add(added, folder, prune=True)

    assert counts(report) == (0, 1, 1, 0, 1)
    assert report.pruned is not None
    assert [video.path.name for video in report.pruned.removal.removed] == ["b.mp4"]
    assert ids(added) == {"moved.mp4": known["a.mp4"], "c.mp4": known["c.mp4"]}


def test_an_add_prunes_below_what_it_names_alone(
    added: Library, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "moved.mp4").write_text("moved")
    (folder / "a.mp4").unlink()

    report = add(added, other, prune=True)
    assert report.pruned is not None
    assert report.pruned.removal.removed == []

    report = add(added, folder / "*.mp4", prune=True)
    assert report.pruned is not None
    assert [video.path.name for video in report.pruned.removal.removed] == ["a.mp4"]


def test_an_add_that_may_not_prune_says_so_before_it_begins(added: Library, folder: Path) -> None:
    known = ids(added)
    for file in folder.iterdir():
        file.unlink()

    with pytest.raises(RootGoneError):
        add(added, folder, prune=True)

    assert ids(added) == known
