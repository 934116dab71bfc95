"""A watch over real files and what the system tells of them; who listens plays the user's part."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cpd_model.errors import InputError
from cpd_model.testing import tiny_bundle
from index.cli.loading import load_encoder_told
from index.errors import LibraryBusyError, LibraryNotFoundError
from index.library.add_report import AddFailure, AddReport
from index.library.library import Library
from index.watching.feed import LibraryFeed
from index.watching.folders import changes_below
from index.watching.watch import WatchTotals, watch
from tests.index.colored_videos import Scene, write_video

Step = Callable[[], None]


class Person:
    """Does one step after each add, and Ctrl-C when there is none left."""

    def __init__(self, *steps: Step) -> None:
        self._steps = iter(steps)
        self.said: list[str] = []
        self.reports: list[AddReport] = []

    def added(self, report: AddReport, *, is_first: bool) -> None:
        assert is_first is not bool(self.reports)
        self.reports.append(report)
        self._go_on()

    def removed(self, count: int) -> None:
        self.said.append(f"{count} removed")

    def told(self, sentence: str) -> None:
        self.said.append(sentence)

    def _go_on(self) -> None:
        step = next(self._steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()


class FeedOfPaths:
    """A feed that notes what it is given; its library is a file that it writes each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.given: list[list[str]] = []
        self.busy = 0
        self.busy_removals = 0
        self.failures: list[AddFailure] = []

    def add(self, paths: Sequence[Path]) -> AddReport:
        if self.busy:
            self.busy -= 1
            raise LibraryBusyError("process 77 is adding", holder=None)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "catalog.sqlite3").write_text(str(len(self.given)))
        self.given.append([path.name for path in paths])
        failures, self.failures = self.failures, []
        counts = {"added": 0, "updated": 0, "unchanged": 0, "ignored": 0, "segments": 0}
        return AddReport(**counts, failed=len(failures), seconds=0, failures=failures, warnings=[])

    def remove_gone(self, paths: Sequence[Path]) -> int:
        if self.busy_removals:
            self.busy_removals -= 1
            raise LibraryBusyError("process 77 is adding", holder=None)
        self.given.append([f"-{path.name}" for path in paths])
        return len(paths)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        color: write_video(folder / f"{color}.mp4", Scene(color, 3)) for color in ("red", "green")
    }


@pytest.fixture
def folder(tmp_path: Path, films: dict[str, Path]) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(films["red"], folder)
    return folder


def watched(
    folder: Path, feed: FeedOfPaths | LibraryFeed, person: Person, **options: Any
) -> WatchTotals:
    return watch([folder], feed, person, settle_seconds=0.1, **options)


def test_what_comes_changes_and_moves_is_in_the_library(
    folder: Path, films: dict[str, Path], tmp_path: Path
) -> None:
    bundle, library = tiny_bundle(tmp_path / "tiny"), tmp_path / "library"
    feed = LibraryFeed(library, load=load_encoder_told, model=str(bundle), num_workers=1)
    whole = tmp_path / "whole"
    person = Person(
        lambda: shutil.copy(films["green"], folder / "new.mp4"),
        lambda: (folder / "new.mp4").rename(folder / "moved.mp4"),
        lambda: (folder / "moved.txt").write_text("a green wall"),
        lambda: shutil.copytree(folder, whole).rename(folder / "below"),
        lambda: (folder / "red.mp4").replace(folder / "below" / "again.mp4"),
    )

    totals = watched(folder, feed, person, prune=True)

    done = [(report.added, report.updated) for report in person.reports]
    assert done == [(1, 0), (1, 0), (0, 1), (0, 1), (2, 0), (0, 1)]
    assert (totals.added, totals.updated, totals.failed, totals.removed) == (4, 3, 0, 0)
    with Library.open(library) as opened:
        names = [str(video.path.relative_to(folder)) for video in opened.each_video()]
    assert names == ["below/again.mp4", "moved.mp4", "below/moved.mp4", "below/red.mp4"]
    (folder / "moved.mp4").unlink()
    assert feed.remove_gone([folder / "moved.mp4", folder / "below"]) == 1
    shutil.rmtree(library)
    with pytest.raises(LibraryNotFoundError, match="is gone"):
        feed.add([folder])


@pytest.mark.parametrize("poll", [False, True])
def test_what_happens_is_added_once_it_has_settled(
    folder: Path, poll: bool, tmp_path: Path
) -> None:
    feed = FeedOfPaths(tmp_path / "library")
    person = Person(
        lambda: (folder / "a.mp4").write_bytes(b"one"),
        lambda: (folder / "a.srt").write_text("words"),
        lambda: (folder / "a.mp4").write_bytes(b"three"),
        lambda: (folder / "below").mkdir(),
    )

    watched(folder, feed, person, poll=poll)

    assert feed.given == [["videos"], ["a.mp4"], ["a.mp4"], ["a.mp4"], ["below"]]


def test_what_is_no_video_or_hidden_or_the_library_calls_for_no_add(
    folder: Path, tmp_path: Path
) -> None:
    """The library's own writes would call for the next add, without end."""
    feed = FeedOfPaths(folder / "library")

    def clutter() -> None:
        for name in ("notes.pdf", ".hidden.mp4", "alone.txt", "z.mp4"):
            (folder / name).write_bytes(b"one")

    watched(folder, feed, Person(clutter, lambda: (folder / "zz.mp4").write_bytes(b"one")))

    assert feed.given == [["videos"], ["z.mp4"], ["zz.mp4"]]


def test_videos_whose_files_are_gone_are_removed_where_that_was_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    feed = FeedOfPaths(tmp_path / "library")
    (folder / "old.mp4").write_bytes(b"one")

    def replace() -> None:
        (folder / "old.mp4").unlink()
        (folder / "new.mp4").write_bytes(b"one")

    person = Person(replace, lambda: (folder / "newer.mp4").write_bytes(b"one"))
    totals = watched(folder, feed, person, prune=True)

    assert feed.given == [["videos"], ["-videos"], ["new.mp4"], ["-old.mp4"], ["newer.mp4"]]
    assert totals.removed == 2


def test_while_another_run_has_the_library_what_is_to_be_done_waits(
    folder: Path, tmp_path: Path
) -> None:
    feed = FeedOfPaths(tmp_path / "library")

    def keep_busy() -> None:
        feed.busy = 3
        (folder / "a.mp4").write_bytes(b"one")

    person = Person(keep_busy)
    watched(folder, feed, person)

    assert feed.given == [["videos"], ["a.mp4"]]
    assert person.said == ["waiting: process 77 is adding"]


def test_an_add_counts_once_where_another_run_has_the_library_before_what_is_gone_is_removed(
    folder: Path, tmp_path: Path
) -> None:
    feed, red = FeedOfPaths(tmp_path / "library"), folder / "red.mp4"
    feed.busy_removals = 1
    feed.failures = [AddFailure(red, "it is still being written", "changed")]
    person = Person(lambda: None)

    # It settles long after the removal is tried again.
    totals = watch([folder], feed, person, settle_seconds=1, prune=True)

    assert feed.given == [["videos"], ["-videos"], ["red.mp4"]]
    assert totals.failed == 1
    assert person.said == ["waiting: process 77 is adding", "1 removed"]


def test_a_file_that_changed_while_it_was_read_is_read_again(folder: Path, tmp_path: Path) -> None:
    feed = FeedOfPaths(tmp_path / "library")
    red = folder / "red.mp4"
    feed.failures = [AddFailure(red, "it is still being written", "changed")]

    totals = watched(folder, feed, Person(lambda: None))

    assert feed.given == [["videos"], ["red.mp4"]]
    assert totals.failed == 1


def test_a_folder_that_goes_away_ends_it_with_a_sentence(folder: Path, tmp_path: Path) -> None:
    feed = FeedOfPaths(tmp_path / "library")

    with pytest.raises(InputError, match="cannot be watched"):
        watched(folder, feed, Person(lambda: folder.rename(tmp_path / "away")), prune=True)

    assert feed.given == [["videos"], ["-videos"]]


@pytest.mark.parametrize(
    ("instead", "poll"),
    [("folder", False), ("folder of its number", False), ("file", False), ("file", True)],
)
def test_a_folder_in_whose_place_another_comes_at_once_ends_it_too(
    folder: Path, instead: str, poll: bool, tmp_path: Path
) -> None:
    """The system tells of the folder that was there, and of the new one nothing."""

    def replace() -> None:
        if instead == "folder":
            folder.rename(tmp_path / "away")
        else:
            shutil.rmtree(folder)  # its number goes to the next that is made
        folder.write_bytes(b"") if instead == "file" else folder.mkdir()

    feed = FeedOfPaths(tmp_path / "library")
    with pytest.raises(InputError, match="cannot be watched"):
        watched(folder, feed, Person(replace), poll=poll, prune=True)

    assert feed.given == [["videos"], ["-videos"]]


def test_a_folder_that_is_gone_when_it_is_to_be_listened_to_is_told(
    folder: Path, tmp_path: Path
) -> None:
    """It may be back a moment later, and nobody would listen to it."""
    told = changes_below(
        [folder / "gone"], leave_out=tmp_path / "library", poll=False, tick_seconds=0.1, tell=print
    )

    with pytest.raises(InputError, match="cannot be watched"):
        next(told)


def test_links_in_a_circle_which_polling_cannot_pass_are_one_sentence(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "circle").symlink_to(folder)

    with pytest.raises(InputError, match=r"cannot watch .*circle"):
        watched(folder, FeedOfPaths(tmp_path / "library"), Person(lambda: None), poll=True)


def test_a_file_that_is_named_is_watched_also_where_another_takes_its_place(
    folder: Path, tmp_path: Path
) -> None:
    feed, red = FeedOfPaths(tmp_path / "library"), folder / "red.mp4"

    def replace() -> None:
        (folder / "other.mp4").write_bytes(b"one")
        (folder / "new").write_bytes(b"one")
        (folder / "new").rename(red)

    watch([red], feed, Person(replace), settle_seconds=0.1)

    assert feed.given == [["red.mp4"], ["red.mp4"]]


def test_a_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no patterns"):
        watch([tmp_path / "*.mp4"], FeedOfPaths(tmp_path), Person())
