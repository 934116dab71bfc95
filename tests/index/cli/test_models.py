"""Several models of a library from a shell, with files and models that are real, if tiny."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cpd_model.testing import tiny_bundle
from tests.index.colored_videos import Ended

Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("other") / "other", seed=1)


@pytest.fixture
def copy(lib: Path, tmp_path: Path) -> Path:
    """A library that a test may change."""
    return shutil.copytree(lib, tmp_path / "copy")


def test_from_one_model_to_another_and_back(call: Call, copy: Path, other: Path) -> None:
    at = ("--library", copy)
    built = call("index", "reembed", "--model", other, *at)
    again = call("index", "reembed", "--model", other, *at, "--json")
    listed = call("index", "model", "list", *at)
    would = call("index", "switch", "2", *at, "--dry-run")
    switched = call("index", "switch", other, *at)
    found = call("search", "a red thing", *at, "--json")
    back = call("index", "switch", *at, "--json")

    assert built.code == 0
    assert "2 videos embedded, 0 failed; 5 segments" in built.out
    assert "`cpd index switch 2` lets it answer" in built.out
    assert json.loads(again.out)["embedded"] == 0
    assert listed.out.count("4 s every 2 s") == 2
    assert "2 of 2" in listed.out
    assert "would answer" in would.out
    assert f"model 2 ({other}) answers" in switched.out
    assert json.loads(found.out)["hits"][0]["segment_id"] > 1 << 40
    assert (json.loads(back.out)["number"], json.loads(back.out)["answers"]) == (1, True)


def test_status_shows_the_models_beside(call: Call, copy: Path, other: Path) -> None:
    call("index", "reembed", "--model", other, "--library", copy)

    told = json.loads(call("index", "status", "--library", copy, "--json").out)
    shown = call("index", "status", "--library", copy).out

    assert [model["answers"] for model in told["models"]] == [True, False]
    assert "ready: 4 s every 2 s, 2 of 2 videos" in shown


def test_a_model_is_dropped_by_its_number(call: Call, copy: Path, other: Path) -> None:
    at = ("--library", copy)
    call("index", "reembed", "--model", other, "--window", "3", *at)

    refused = call("index", "model", "drop", "1", *at)
    would = call("index", "model", "drop", "2", *at, "--dry-run")
    dropped = call("index", "model", "drop", "2", *at, "--json")

    assert refused.code == 2
    assert "is the one that answers" in refused.err
    assert "would be dropped" in would.out
    assert json.loads(dropped.out)["dropped"]["number"] == 2
    assert len(json.loads(call("index", "model", "list", *at, "--json").out)["models"]) == 1


def test_compare_shows_both_sides(call: Call, copy: Path, other: Path) -> None:
    at = ("--library", copy)
    call("index", "reembed", "--model", other, *at)

    told = json.loads(call("index", "compare", "--model", "2", *at, "--json").out)
    shown = call("index", "compare", "--model", other, *at).out

    assert told["source"] == "names of files"
    assert sorted(query["query"] for query in told["queries"]) == ["green", "red"]
    assert told["live"]["encode_ms"] > 0
    assert "overlap@10" in shown


def test_files_that_are_gone_are_told(call: Call, copy: Path, other: Path, videos: Path) -> None:
    (videos / "red.mp4").rename(videos / "away.mp4")
    try:
        ended = call("index", "reembed", "--model", other, "--library", copy)
    finally:
        (videos / "away.mp4").rename(videos / "red.mp4")
    refused = call("index", "switch", "2", "--library", copy)

    assert ended.code == 1
    assert "red.mp4" in ended.out
    assert "1 lack them" in ended.out
    assert refused.code == 2
    assert "--anyway" in refused.err
    assert call("index", "switch", "2", "--library", copy, "--anyway").code == 0


def test_the_library_has_to_be_named(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CPD_LIBRARY", raising=False)

    ended = call("index", "model", "list")

    assert ended.code == 2
    assert "--library" in ended.err
