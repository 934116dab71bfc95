"""Collections, removal and roots from a shell: what is said, what a program reads, what asks."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.library.library import Library
from tests.index.colored_videos import Ended
from tests.index.libraries import axis, file_version, make_library, put

Call = Callable[..., Ended]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A library of twelve videos in /videos and one failure; no file of them is there."""
    folder = tmp_path / "many"
    with make_library(folder, num_videos=12) as library, library.writer() as writer:
        writer.put_failure(file_version("/videos/bad.mp4"), reason="no frames")
        put(writer, "/other/x.mp4", [axis(0)])
    return folder


@pytest.fixture
def index(call: Call, many: Path) -> Callable[..., Ended]:
    return lambda *words: call("index", *words, "--library", many)


def read(ended: Ended) -> Any:
    return json.loads(ended.out)


def test_a_collection_from_its_making_to_its_end(index: Callable[..., Ended]) -> None:
    assert index("collection", "list").out.startswith("no collections")
    assert read(index("collection", "create", "empty", "--json"))["videos"] == 0
    assert index("collection", "drop", "empty").code == 0
    assert index("collection", "create", "Walks").out == "Walks: made\n"
    assert index("collection", "add", "walks", "/videos/1.mp4", "/other").out == (
        "walks: 2 videos put in\n"
    )
    assert read(index("collection", "add", "walks", "--where", "name:1.mp4", "--json")) == {
        "collection": "walks",
        "videos": 1,
    }
    assert "Walks" in index("collection", "list").out
    (row,) = read(index("collection", "list", "--json"))["collections"]
    assert (row["name"], row["videos"]) == ("Walks", 3)
    out = index("collection", "remove", "walks", "/other", "--dry-run").out
    assert out == "walks: 1 video would be taken out\n"
    assert index("collection", "remove", "walks", "/other").out == "walks: 1 video taken out\n"
    assert index("collection", "rename", "walks", "runs").code == 0
    told = read(index("collection", "drop", "runs", "--dry-run", "--json"))
    assert (told["dropped"]["name"], told["dropped"]["videos"], told["dry_run"]) == (
        "runs",
        2,
        True,
    )
    assert index("collection", "drop", "runs").out == (
        "runs: dropped; 2 videos of it stay in the library\n"
    )
    assert read(index("list", "--json"))["total"] == 13


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["collection", "drop", "x"], "unknown-collection", "no collection"),
        (["collection", "create", ""], "input", "1 to 100 printable"),
        (["collection", "add", "x"], "input", "name videos by PATH or ID, or give --where"),
        (["collection", "add", "x", "/a", "--where", "audio:true"], "input", "one of the two"),
        (["remove"], "input", "name videos by PATH or ID, or give --where"),
        (["remove", "/none"], "input", "the library has nothing at /none"),
        (["remove", "--id", "0" * 32], "unknown-video", "no video 000"),
        (["remove", "--where", "nme:x"], "filter", "did you mean name"),
        (["remove", "/videos"], "input", "13 videos would be removed, and nobody can be asked"),
        (["prune"], "root-gone", "folder /videos (and 1 more) is gone or empty"),
        (["prune", "x"], "unknown-root", "no root"),
        (["root", "set", "x", "/none"], "input", "no folder /none"),
        (["root", "drop", "x"], "unknown-root", "no root"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_sentence_with_a_code(
    index: Callable[..., Ended], words: list[str], code: str, said: str
) -> None:
    ended = index(*words, "--json")

    error = read(ended)["error"]
    assert (ended.code, error["code"]) == (2, code)
    assert said in error["message"]
    assert read(index("list", "--json"))["total"] == 13


def test_a_few_are_removed_unasked_and_many_with_yes(index: Callable[..., Ended]) -> None:
    told = index("remove", "/videos/[0-3].mp4", "/videos/bad.mp4", "--dry-run")
    assert "5 videos would be removed" in told.out

    report = read(index("remove", "/videos/[0-3].mp4", "/videos/bad.mp4", "--json"))
    assert (report["count"], report["dry_run"], report["changed"]) == (5, False, [])
    assert {"video_id", "path"} == set(report["removed"][0])

    rest = index("remove", "--where", "duration<60", "--yes")
    assert rest.code == 0
    assert "9 videos removed from the library; the files stay" in rest.out
    assert index("remove", "--where", "duration<60").out.startswith("0 videos removed")


class Terminal(io.StringIO):
    """Where somebody types."""

    def isatty(self) -> bool:
        return True


def test_a_person_at_a_terminal_is_asked(
    index: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\ny\n"))

    no = index("remove", "/videos")
    kept = read(index("list", "--json"))["total"]
    yes = index("remove", "/videos")

    assert (no.code, kept) == (130, 13)
    assert yes.code == 0
    assert "... and" not in yes.out
    assert "13 videos removed" in yes.out


def test_long_lists_are_cut_for_people_and_whole_for_programs(
    index: Callable[..., Ended], many: Path
) -> None:
    with Library.open(many) as library, library.writer() as writer:
        for number in range(12, 30):
            put(writer, f"/videos/{number}.mp4", [axis(0)])

    shown = index("remove", "/videos", "--dry-run")
    whole = read(index("remove", "/videos", "--dry-run", "--json"))

    assert "... and 11 more (--json lists all)" in shown.out
    assert len(whole["removed"]) == 31


def test_prune_tells_what_it_found(index: Callable[..., Ended], many: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "kept.mp4").touch()
    with Library.open(many) as library, library.writer() as writer:
        for name in ("kept.mp4", "gone.mp4"):
            put(writer, there / name, [axis(0)])
    index("root", "set", "there", there)

    told = index("prune", "there", "--dry-run")
    done = read(index("prune", "there", "--json"))

    assert "1 video would be removed, whose files are gone; 2 looked for" in told.out
    assert list(done) == ["files", "count", "dry_run", "removed", "changed", "unreachable"]
    assert [Path(video["path"]).name for video in done["removed"]] == ["gone.mp4"]
    assert "13 videos removed" not in index("prune", "--even-if-gone", "--dry-run").out
    assert read(index("prune", "--even-if-gone", "--json"))["count"] == 14


def test_roots_are_listed_moved_renamed_and_dropped(
    index: Callable[..., Ended], tmp_path: Path
) -> None:
    assert index("root", "list").out.startswith("no roots")
    assert index("root", "set", "films", "/videos", "--even-if-missing").out == (
        "films: a new root at /videos\n"
    )
    moved = read(index("root", "set", "Films", tmp_path, "--json"))
    assert moved == {"name": "films", "path": str(tmp_path), "made": False, "moved": 13}
    assert "films" in index("root", "list").out
    assert index("root", "rename", "films", "old").out == "films is old now\n"
    (row,) = read(index("root", "list", "--json"))["roots"]
    assert (row["name"], row["path"], row["videos"], row["failed"]) == ("old", str(tmp_path), 12, 1)
    assert index("root", "drop", "old", "--dry-run").out == (
        "old: would be dropped; 12 videos and 1 failure of it stay in the library\n"
    )
    assert read(index("root", "drop", "old", "--json"))["dropped"] == row
    assert read(index("root", "list", "--json")) == {"roots": []}


@pytest.fixture
def copy(lib: Path, tmp_path: Path) -> Path:
    """A library of real videos that a test may change."""
    return shutil.copytree(lib, tmp_path / "copy")


def test_an_add_collects_and_prunes(call: Call, copy: Path, videos: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for name in ("red.mp4", "green.mp4"):
        shutil.copy(videos / name, place / name)
    words = ("index", "add", place, "--library", copy)

    first = call(*words, "--collection", "both", "--collection", "all")
    (place / "red.mp4").unlink()
    second = call(*words, "--prune", "--collection", "ALL")
    third = json.loads(call(*words, "--prune", "--collection", "new", "--json").out)

    assert "collection both: made, for there was none" in first.out
    assert "1 removed whose files are gone" in second.out
    assert "made" not in second.out
    assert third["collections_made"] == ["new"]
    assert third["pruned"]["count"] == 0
    rows = json.loads(call("index", "collection", "list", "--library", copy, "--json").out)
    assert {row["name"]: row["videos"] for row in rows["collections"]} == {
        "all": 1,
        "both": 1,
        "new": 1,
    }


def test_videos_of_a_collection_are_labelled_from_their_vectors(
    call: Call, copy: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is decoded: no decoder could be started."""
    monkeypatch.setattr("index.decoding.pool.DecodePool", None)
    call("index", "collection", "create", "some", "--library", copy)
    call("index", "collection", "add", "some", videos / "green.mp4", "--library", copy)
    words = ("label", "--library", copy, "--labels", "red,green,blue")

    told = json.loads(call(*words, "--collection", "some", "--json").out)
    both = call(*words, "--where", "duration>1", "--top", 1)
    timeline = call(*words, "--collection", "some", "--timeline")

    (one,) = told["videos"]
    assert list(one) == ["video_id", "video", "model", "labels"]
    assert one["video"] == str(videos / "green.mp4")
    assert {score["label"] for score in one["labels"]} == {"red", "green", "blue"}
    assert "2 videos labelled" in both.out
    assert "red.mp4" in both.out
    assert "00:00:04-00:00:08" in timeline.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--labels", "a,b"], "nothing to label"),
        (["x.mp4", "--collection", "c"], "leave VIDEO out"),
        (["--collection", "c", "--model", "m"], "leave --model, --window and --hop out"),
        (["--collection", "c", "--labels", "a,b"], 'there is no collection "c"'),
        (["--collection", "c"], "labels come from one place"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_labelled_is_one_sentence(
    call: Call, lib: Path, words: list[str], said: str
) -> None:
    ended = call("label", *words, "--library", lib)

    assert ended.code == 2
    assert said in ended.err
