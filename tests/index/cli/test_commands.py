"""The commands as a person types them: what they print, how they end, what a program reads."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpd_model.testing import tiny_bundle
from index.cli.printing import clock_time, short_path, time_range
from index.library.library import Library
from tests.index.colored_videos import Ended, Scene, call_cpd, write_video

Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """red.mp4 (3 s), green.mp4 (9 s), broken.mp4, notes.txt"""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "red.mp4", Scene("red", 3))
    write_video(folder / "green.mp4", Scene("green", 5), Scene("blue", 4))
    (folder / "broken.mp4").write_bytes(b"not a video")
    (folder / "notes.txt").write_text("not a video either")
    return folder


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return lambda *words: call_cpd(capfd, words)


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, bundle: Path, videos: Path
) -> tuple[Path, Any]:
    """A library of the two good videos, and what `index add --json` said of it."""
    from index.decoding.pool import DecodePool
    from index.library.add import add_videos
    from index.library.opening import open_for_adding

    folder = tmp_path_factory.mktemp("library") / "lib"
    opened, encoder = open_for_adding(folder, model=str(bundle), device="cpu")
    with opened, DecodePool(num_workers=1) as pool:
        report = add_videos([videos / "red.mp4", videos / "green.mp4"], opened, encoder, pool)
    return folder, report.as_json()


@pytest.fixture
def lib(library: tuple[Path, Any]) -> Path:
    return library[0]


def test_add_lists_what_failed_and_exits_with_1(
    call: Call, bundle: Path, videos: Path, tmp_path: Path
) -> None:
    words = ("--library", tmp_path / "lib", "--model", bundle, "--workers", 1)
    first = call("index", "add", videos, *words, "--json")
    second = call("index", "add", videos, *words[:2])

    report = json.loads(first.out)
    assert first.code == second.code == 1
    assert list(report) == [
        "added",
        "updated",
        "unchanged",
        "failed",
        "ignored",
        "segments",
        "seconds",
        "failures",
    ]
    assert (report["added"], report["failed"], report["ignored"]) == (2, 1, 1)
    assert report["failures"][0]["path"] == str(videos / "broken.mp4")
    assert report["failures"][0]["reason"]
    assert "0 added, 0 updated, 2 unchanged, 1 failed, 1 ignored" in second.out
    assert f"{videos / 'broken.mp4'}" in second.out


def test_add_without_failures_exits_with_0(call: Call, lib: Path, videos: Path) -> None:
    ended = call("index", "add", videos / "red.mp4", "--library", lib)

    assert ended.code == 0
    assert "1 unchanged" in ended.out


def test_a_library_remembers_its_model(
    call: Call, lib: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    status = json.loads(call("index", "status", "--library", lib, "--json").out)

    assert status["model"] == str(bundle)
    assert (status["videos"], status["segments"], status["failed"]) == (2, 5, 0)
    assert (status["window_seconds"], status["hop_seconds"]) == (4.0, 2.0)
    assert status["search_device"]
    assert status["model_device"]


def test_status_for_people_names_the_devices(call: Call, lib: Path) -> None:
    ended = call("index", "status", "--library", lib)

    assert ended.code == 0
    assert "model runs on" in ended.out
    assert "search runs on" in ended.out


def test_the_folder_of_the_library_may_come_from_the_environment(
    call: Call, lib: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPD_LIBRARY", str(lib))

    assert call("index", "verify").code == 0


def test_verify_says_what_differs(call: Call, lib: Path, tmp_path: Path) -> None:
    import shutil

    broken = shutil.copytree(lib, tmp_path / "broken")
    for index in broken.glob("snapshots/*/index.faiss"):
        index.write_bytes(b"damaged")

    good = json.loads(call("index", "verify", "--library", lib, "--json").out)
    bad = call("index", "verify", "--library", broken, "--json")

    assert good == {"agrees": True, "differences": []}
    assert bad.code == 1
    assert json.loads(bad.out)["differences"]


def test_search_gives_the_promised_json(call: Call, lib: Path, bundle: Path) -> None:
    ended = call("search", "a red scene", "--library", lib, "-k", 2, "--json")

    content = json.loads(ended.out)
    assert ended.code == 0
    assert list(content) == ["query", "model", "hits"]
    assert content["query"] == "a red scene"
    assert content["model"] == str(bundle)
    assert 1 <= len(content["hits"]) <= 2
    assert list(content["hits"][0]) == [
        "video_id",
        "path",
        "start_seconds",
        "stop_seconds",
        "score",
        "segment_id",
    ]


def test_search_without_merging_gives_every_window(call: Call, lib: Path) -> None:
    ended = call("search", "red", "--library", lib, "--no-merge", "--json")

    assert len(json.loads(ended.out)["hits"]) == 5


def test_search_for_people_is_a_table(call: Call, lib: Path, videos: Path) -> None:
    ended = call("search", "red", "--library", lib, "--no-merge")

    assert ended.code == 0
    (line,) = (line for line in ended.out.splitlines() if "red.mp4" in line)
    assert str(videos / "red.mp4") in line
    assert "00:00:00-00:00:03" in line


def test_an_empty_library_has_no_hits_and_says_so(call: Call, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    call("index", "add", tmp_path / "nothing", "--library", tmp_path / "lib", "--model", bundle)

    ended = call("search", "red", "--library", tmp_path / "lib")

    assert ended.code == 0
    assert "no moments found" in ended.out


def test_label_gives_the_promised_json(call: Call, bundle: Path, videos: Path) -> None:
    ended = call(
        "label", videos / "green.mp4", "--labels", "red, green,blue", "--model", bundle, "--json"
    )

    content = json.loads(ended.out)
    assert ended.code == 0
    assert list(content) == ["video", "model", "labels", "segments"]
    assert {score["label"] for score in content["labels"]} == {"red", "green", "blue"}
    assert sum(score["probability"] for score in content["labels"]) == pytest.approx(1)
    assert [part["start_seconds"] for part in content["segments"]] == [0, 2, 4, 6]
    assert len(content["segments"][0]["labels"]) == 3


def test_label_for_people_shows_the_timeline_when_asked(
    call: Call, bundle: Path, videos: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("1 RedScene\n2 GreenScene\n3 BlueScene\n")
    words = ("label", videos / "green.mp4", "--labels-file", labels, "--model", bundle)

    short = call(*words, "--top", 2)
    long = call(*words, "--timeline")

    assert short.out.count("Scene") == 2
    assert "00:00:04-00:00:08" in long.out
    assert "00:00:04-00:00:08" not in short.out


ONE_SENTENCE = {
    "an absent path": (["index", "add", "{tmp}/absent", "--library", "{tmp}/lib"], "no such file"),
    "an absent model": (
        ["index", "add", "{videos}", "--library", "{tmp}/lib", "--model", "{tmp}/none"],
        "no model",
    ),
    "a file as library": (
        ["index", "add", "{videos}", "--library", "{videos}/notes.txt", "--model", "{bundle}"],
        "notes.txt",
    ),
    "no library": (["search", "red", "--library", "{tmp}/none"], "no library"),
    "status of no library": (["index", "status", "--library", "{tmp}/none"], "no library"),
    "an empty query": (["search", "  ", "--library", "{lib}"], "query is empty"),
    "another window": (
        ["index", "add", "{videos}", "--library", "{lib}", "--window", "8"],
        "window of 4 s, not 8 s",
    ),
    "another hop": (["index", "add", "{videos}", "--library", "{lib}", "--hop", "1"], "hop of 2 s"),
    "a hop with gaps": (
        ["index", "add", "{videos}", "--library", "{tmp}/lib", "--hop", "5"],
        "at most the window",
    ),
    "another model": (
        ["index", "add", "{videos}", "--library", "{lib}", "--model", "{other}"],
        "was built by",
    ),
    "an unknown device": (
        ["search", "red", "--library", "{lib}", "--device", "tpu"],
        "device",
    ),
    "one label": (["label", "{videos}/red.mp4", "--labels", "red"], "at least two"),
    "a label twice": (["label", "{videos}/red.mp4", "--labels", "red,blue,red"], "once"),
    "no labels": (["label", "{videos}/red.mp4"], "either"),
    "two sources of labels": (
        ["label", "{videos}/red.mp4", "--labels", "a,b", "--labels-file", "{videos}/notes.txt"],
        "either",
    ),
    "an absent video": (["label", "{tmp}/none.mp4", "--labels", "a,b"], "no such video"),
    "a video that is none": (
        ["label", "{videos}/broken.mp4", "--labels", "a,b", "--model", "{bundle}"],
        "broken.mp4",
    ),
}


@pytest.mark.parametrize("case", ONE_SENTENCE)
def test_what_cannot_run_is_one_sentence_and_exit_2(
    case: str, call: Call, lib: Path, bundle: Path, videos: Path, tmp_path: Path
) -> None:
    words, sentence = ONE_SENTENCE[case]
    other = tiny_bundle(tmp_path / "other", seed=1) if "{other}" in words else ""
    names = {"tmp": tmp_path, "lib": lib, "bundle": bundle, "videos": videos, "other": other}

    ended = call(*(word.format(**names) for word in words))

    assert ended.code == 2
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert ended.out == ""


def test_a_library_whose_model_changed_is_refused(call: Call, videos: Path, tmp_path: Path) -> None:
    """The folder of that name holds other weights now, whose vectors live in another space."""
    import shutil

    bundle = tiny_bundle(tmp_path / "model")
    words = ("--library", tmp_path / "lib", "--model", bundle)
    assert call("index", "add", videos / "red.mp4", *words).code == 0
    shutil.rmtree(bundle)
    tiny_bundle(bundle, seed=1)

    ended = call("search", "red", "--library", tmp_path / "lib")

    assert ended.code == 2
    assert "was built by" in ended.err


def test_a_name_that_is_no_utf8_prints(
    call: Call, bundle: Path, videos: Path, tmp_path: Path
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    odd.write_bytes((videos / "red.mp4").read_bytes())
    words = ("--library", tmp_path / "lib")
    added = call("index", "add", odd, *words, "--model", bundle, "--json")

    table = call("search", "red", *words)
    content = json.loads(call("search", "red", *words, "--json").out)

    assert json.loads(added.out)["added"] == 1
    assert r"caf\udce9.mp4" in table.out
    assert content["hits"][0]["path"] == str(odd)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00:00"), (64.9, "00:01:04"), (360_000, "100:00:00")]
)
def test_times_are_clock_times(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown


def test_a_range_covers_its_part_seconds() -> None:
    assert time_range(1.5, 3.2) == "00:00:01-00:00:04"


def test_paths_below_the_working_directory_are_shown_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert short_path(tmp_path / "clips/a.mp4") == "clips/a.mp4"
    assert short_path("/elsewhere/a.mp4") == "/elsewhere/a.mp4"


def test_the_library_can_be_used_from_python(lib: Path) -> None:
    with Library.open(lib) as opened:
        assert opened.status().videos == 2
