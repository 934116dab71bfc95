"""PATH arguments become a list of videos: each once, in order, nothing lost silently."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from cpd_model.errors import InputError
from index.ingest.files import FoundFiles, Unreadable, find_videos, printable


def is_mp4(path: Path) -> bool:
    return path.suffix == ".mp4"


class Everything(NamedTuple):
    """What a walk came to when it was gone through to its end."""

    videos: list[Path]
    num_ignored: int
    unreadable: list[Unreadable]


def drained(found: FoundFiles) -> Everything:
    videos = list(found)
    assert found.num_videos == len(videos)
    return Everything(videos, found.num_ignored, found.unreadable)


def found(*paths: str | Path, leave_out: Path | None = None) -> Everything:
    return drained(find_videos(paths, leave_out=leave_out, is_video=is_mp4))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """b/1.mp4 b/2.mp4 b/deep/3.mp4 a.mp4 notes.txt .hidden.mp4 .git/4.mp4"""
    for name in ("b/1.mp4", "b/2.mp4", "b/deep/3.mp4", "a.mp4", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/4.mp4").touch()
    return tmp_path


def names(result: Everything, root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in result.videos]


def test_a_folder_is_searched_to_its_bottom_and_hidden_files_are_passed_over(tree: Path) -> None:
    result = found(tree)

    assert names(result, tree) == ["a.mp4", "b/1.mp4", "b/2.mp4", "b/deep/3.mp4"]
    assert result.num_ignored == 1
    assert result.unreadable == []


def test_a_hidden_file_that_is_named_is_taken(tree: Path) -> None:
    assert names(found(tree / ".hidden.mp4"), tree) == [".hidden.mp4"]


def test_a_file_given_three_ways_counts_once(tree: Path) -> None:
    (tree / "again.mp4").symlink_to(tree / "a.mp4")

    result = found(tree / "a.mp4", tree, tree / "b/../a.mp4")

    assert names(result, tree).count("a.mp4") == 1
    assert len(result.videos) == 4


def test_a_loop_of_links_ends(tree: Path) -> None:
    (tree / "b/up").symlink_to(tree)

    assert len(found(tree).videos) == 4


def test_the_library_inside_the_folder_is_left_out(tree: Path) -> None:
    assert names(found(tree, leave_out=tree / "b"), tree) == ["a.mp4"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.mp4", ["a.mp4"]),
        ("b/*.mp4", ["b/1.mp4", "b/2.mp4"]),
        ("**/*.mp4", ["a.mp4", "b/1.mp4", "b/2.mp4", "b/deep/3.mp4"]),
        ("b/[2]*", ["b/2.mp4"]),
    ],
)
def test_a_pattern_the_shell_left_alone_is_expanded(
    tree: Path, pattern: str, expected: list[str]
) -> None:
    assert names(found(f"{tree}/{pattern}"), tree) == expected


def test_a_name_that_looks_like_a_pattern_is_first_of_all_a_name(tmp_path: Path) -> None:
    (tmp_path / "take[1].mp4").touch()
    (tmp_path / "take1.mp4").touch()

    assert names(found(tmp_path / "take[1].mp4"), tmp_path) == ["take[1].mp4"]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("absent.mp4", "no such file or folder"), ("*.nothing", "no file matches the pattern")],
)
def test_a_path_that_is_not_there_is_one_sentence(tree: Path, path: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        found(tree / path)


def test_no_path_at_all_is_one_sentence() -> None:
    with pytest.raises(InputError, match="no PATH"):
        found()


def test_a_link_to_nowhere_and_a_pipe_are_ignored_not_opened(tree: Path) -> None:
    (tree / "broken.mp4").symlink_to(tree / "gone.mp4")
    os.mkfifo(tree / "pipe.mp4")

    result = found(tree)

    assert len(result.videos) == 4
    assert result.num_ignored == 3


def test_a_named_link_to_nowhere_is_reported(tree: Path) -> None:
    (tree / "broken.mp4").symlink_to(tree / "gone.mp4")

    result = found(tree / "broken.mp4", tree / "a.mp4")

    assert names(result, tree) == ["a.mp4"]
    assert result.unreadable == [(tree / "gone.mp4", "no such file or directory")]


def test_a_folder_that_cannot_be_read_is_reported_and_the_others_are_found(tree: Path) -> None:
    @contextmanager
    def scan(folder: str) -> Iterator[Iterator["os.DirEntry[str]"]]:
        if folder.endswith("deep"):
            raise PermissionError(13, "Permission denied")
        with os.scandir(folder) as entries:
            yield entries

    result = drained(find_videos([tree], is_video=is_mp4, scan_folder=scan))

    assert names(result, tree) == ["a.mp4", "b/1.mp4", "b/2.mp4"]
    assert result.unreadable == [(tree / "b/deep", "permission denied")]


def test_a_file_whose_content_cannot_be_looked_at_is_reported(tree: Path) -> None:
    def is_video(path: Path) -> bool:
        if path.suffix == ".txt":
            raise PermissionError(13, "Permission denied")
        return is_mp4(path)

    result = drained(find_videos([tree], is_video=is_video))

    assert result.unreadable == [(tree / "notes.txt", "permission denied")]
    assert len(result.videos) == 4


def test_the_first_video_comes_before_the_rest_was_looked_at(tree: Path) -> None:
    """A hundred thousand files in a folder, or a slow disk, must not hold up the first."""
    listed: list[str] = []
    asked: list[str] = []

    def scan(folder: str) -> AbstractContextManager[Iterator["os.DirEntry[str]"]]:
        listed.append(os.path.relpath(folder, tree))
        return os.scandir(folder)

    def is_video(path: Path) -> bool:
        asked.append(path.name)
        return is_mp4(path)

    result = find_videos([tree], is_video=is_video, scan_folder=scan)
    assert (listed, asked) == ([], [])
    first = next(iter(result))

    assert first == tree / "a.mp4"
    assert (listed, asked) == (["."], ["a.mp4"])
    assert (result.num_videos, result.num_ignored) == (1, 0)


def test_a_walk_goes_on_where_it_was_left(tree: Path) -> None:
    result = find_videos([tree], is_video=is_mp4)

    first = next(iter(result))
    rest = list(result)

    assert [path.name for path in (first, *rest)] == ["a.mp4", "1.mp4", "2.mp4", "3.mp4"]
    assert (result.num_videos, result.num_ignored) == (4, 1)


def test_a_path_that_is_not_there_is_told_before_anything_is_looked_at(tree: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_videos([tree, tree / "absent"], is_video=is_mp4)


def test_a_link_to_a_folder_is_followed_and_its_files_have_their_real_names(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.mp4").touch()
    (tree / "link").symlink_to(elsewhere)
    (tree / "b/film.mp4").symlink_to(elsewhere / "far.mp4")

    result = found(tree)

    assert elsewhere / "far.mp4" in result.videos
    assert len(result.videos) == 5


def test_names_that_are_no_utf8_are_found_and_print(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    path.touch()

    (only,) = found(tmp_path).videos

    assert only == path
    assert printable(only.name) == r"caf\udce9.mp4"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("beach.mp4", "beach.mp4"),
        ("\u6d77.mp4", "\u6d77.mp4"),
        ("\x1b[31m.mp4", r"\x1b[31m.mp4"),
        ("a\nb.mp4", r"a\nb.mp4"),
    ],
)
def test_names_print_without_moving_the_cursor(name: str, shown: str) -> None:
    assert printable(name) == shown
