"""The commands as a person types them: what they print, how they end, what a program reads."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from index.library.library import Library
from tests.index.colored_videos import Ended

Call = Callable[..., Ended]


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
        "warnings",
    ]
    assert (report["added"], report["failed"], report["ignored"]) == (2, 1, 1)
    assert report["failures"][0]["path"] == str(videos / "broken.mp4")
    assert report["failures"][0]["reason"]
    assert report["failures"][0]["code"] == "not-a-video"
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


def test_status_tells_of_videos_that_are_stale(call: Call, lib: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(lib, tmp_path / "copy")
    with Library.open(copy) as opened, opened.writer() as writer:
        writer.mark_stale(opened.videos(limit=1)[0].video_id, reason="the disk was asleep")

    fresh = call("index", "status", "--library", lib)
    stale = call("index", "status", "--library", copy)

    assert "stale" not in fresh.out
    assert "1, searched as they were: their newest bytes could not be read" in stale.out
    assert json.loads(call("index", "status", "--library", copy, "--json").out)["stale"] == 1


def test_the_folder_of_the_library_may_come_from_the_environment(
    call: Call, lib: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPD_LIBRARY", str(lib))

    assert call("index", "verify").code == 0


def test_verify_says_what_differs(call: Call, lib: Path, tmp_path: Path) -> None:
    import shutil

    broken = shutil.copytree(lib, tmp_path / "broken")
    for index in broken.glob("parts/*/rows.bin"):
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
    assert list(content) == ["query", "model", "exact", "recall", "complete", "hits", "cursor"]
    assert (content["exact"], content["recall"], content["complete"]) == (True, None, True)
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


def test_the_library_can_be_used_from_python(lib: Path) -> None:
    with Library.open(lib) as opened:
        assert opened.status().videos == 2
