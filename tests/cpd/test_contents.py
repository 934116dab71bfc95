"""What `cpd.Library` lets one change in its contents: collections, removal, pruning, roots."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import cpd
from cpd_model.testing import ColorEncoder
from tests.index.colored_videos import Scene, write_video

ENCODER = ColorEncoder()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `videos` of two videos to copy."""
    folder = tmp_path_factory.mktemp("template")
    write_video(folder / "blue.mp4", Scene("blue", 3))
    write_video(folder / "red.mp4", Scene("red", 4))
    return folder


@pytest.fixture
def videos(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "videos")


@pytest.fixture
def library(videos: Path, tmp_path: Path) -> Iterator[cpd.Library]:
    with cpd.open(tmp_path / "library", model=ENCODER) as library:
        library.add(videos, num_workers=1, collections=["both"])
        yield library


def names(library: cpd.Library, where: str | None = None) -> list[str]:
    return sorted(row.path.name for row in library.videos(where))


def test_an_add_fills_collections_and_they_are_labelled(library: cpd.Library, videos: Path) -> None:
    library.collections.create("one")
    library.collections.add("one", videos / "red.mp4")

    (labelled,) = library.label_videos(["red", "blue"], where="collection:one")

    assert [row.videos for row in library.collections.list()] == [2, 1]
    assert names(library, "collection:both") == ["blue.mp4", "red.mp4"]
    assert (labelled.path.name, labelled.labels[0].label) == ("red.mp4", "red")
    assert len(list(library.label_videos(["red", "blue"]))) == 2
    with pytest.raises(cpd.FilterError, match="no collection"):
        library.label_videos(["red", "blue"], where="collection:none")
    with pytest.raises(TypeError, match="collections is a list of texts"):
        library.add(videos, collections="both")


def test_videos_are_removed_by_path_id_and_filter(library: cpd.Library, videos: Path) -> None:
    (red,) = library.videos("name:red.mp4")

    told = library.remove(str(videos), dry_run=True)
    gone = library.remove([red.video_id])
    rest = library.remove(cpd.parse_filter("duration<60"))

    assert len(told.removed) == 2
    assert [video.path.name for video in gone.removed] == ["red.mp4"]
    assert [video.path.name for video in rest.removed] == ["blue.mp4"]
    assert len(library) == 0
    assert library.search("red") == []
    assert repr(gone) == "RemovalReport(1 removed)"
    assert repr(told) == "RemovalReport(2 would be removed)"
    with pytest.raises(cpd.InputError, match="empty path"):
        library.remove("")


def test_what_is_gone_is_pruned_and_a_folder_that_moved_is_told(
    library: cpd.Library, videos: Path, tmp_path: Path
) -> None:
    (videos / "red.mp4").unlink()
    pruned = library.prune()
    videos.rename(tmp_path / "moved")
    with pytest.raises(cpd.RootGoneError):
        library.prune()
    change = library.roots.set("videos", tmp_path / "moved")

    assert [video.path.name for video in pruned.removal.removed] == ["red.mp4"]
    assert repr(pruned) == "PruneReport(2 files, 1 removed)"
    assert (change.made, change.moved) == (False, 1)
    assert [(root.name, root.path) for root in library.roots.list()] == [
        ("videos", tmp_path / "moved")
    ]
    report = library.add(tmp_path / "moved", prune=True)
    assert (report.unchanged, report.added) == (1, 0)
    assert report.pruned is not None
    assert report.pruned.removal.removed == []
