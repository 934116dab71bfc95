"""`cpd search` with all that it takes, as a person types it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.index.cli.test_cold_search import SLOW_TO_IMPORT, fresh_cpd, modules_of
from tests.index.colored_videos import Ended

Call = Callable[..., Ended]


@pytest.fixture
def ask(call: Call, lib: Path) -> Callable[..., dict[str, Any]]:
    def ask(*words: object) -> dict[str, Any]:
        ended = call("search", *words, "--library", lib, "--json")
        assert ended.code == 0, ended.err
        found: dict[str, Any] = json.loads(ended.out)
        return found

    return ask


Ask = Callable[..., dict[str, Any]]


def names(found: dict[str, Any]) -> list[str]:
    return [Path(hit["path"]).stem for hit in found["hits"]]


def test_pages_follow_each_other(ask: Ask) -> None:
    whole = ask("red", "--no-merge")
    first = ask("red", "--no-merge", "-k", 2)
    second = ask("red", "--no-merge", "-k", 2, "--cursor", first["cursor"])
    third = ask("red", "--no-merge", "-k", 2, "--cursor", second["cursor"])

    assert [*first["hits"], *second["hits"], *third["hits"]] == whole["hits"]
    assert whole["cursor"] is third["cursor"] is None


def test_a_person_sees_the_next_page_when_asking_for_one(call: Call, ask: Ask, lib: Path) -> None:
    cursor = ask("red", "--no-merge", "-k", 2)["cursor"]

    first = call("search", "red", "--no-merge", "-k", 2, "--library", lib)
    second = call("search", "red", "--no-merge", "-k", 2, "--cursor", cursor, "--library", lib)

    assert "next page" not in first.out
    assert "next page: --cursor " in second.out


def test_like_a_stored_video_needs_no_model_at_all(lib: Path, videos: Path) -> None:
    ended = fresh_cpd("search", "--like", videos / "red.mp4", "--library", lib, "--json")

    found = json.loads(ended.stdout)
    assert names(found)[0] == "red"
    assert found["query"] is None
    assert modules_of(ended).isdisjoint(SLOW_TO_IMPORT | {"tokenizers", "safetensors"})


def test_like_a_file_that_is_not_in_the_library(ask: Ask, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.mp4").write_bytes((videos / "red.mp4").read_bytes())

    found = ask("--like", tmp_path / "copy.mp4", "--per-video", 1)

    assert names(found)[0] == "red"


def test_unlike_a_stored_video(ask: Ask, videos: Path) -> None:
    like = ask("--like", videos / "red.mp4", "--no-merge")
    unlike = ask("--not-like", videos / "red.mp4", "--no-merge")

    scores = {hit["segment_id"]: hit["score"] for hit in like["hits"]}
    assert len(scores) == 5
    for hit in unlike["hits"]:
        assert hit["score"] == pytest.approx(-scores[hit["segment_id"]], abs=1e-6)


def test_like_a_segment(ask: Ask) -> None:
    hit = ask("red", "-k", 1)["hits"][0]

    found = ask("--like", f"segment:{hit['segment_id']}", "--no-merge", "-k", 1)

    assert found["hits"][0]["segment_id"] == hit["segment_id"]


def test_a_filter_and_groups(ask: Ask) -> None:
    found = ask("red", "--where", "name:green", "--per-video", 1)

    assert names(found) == ["green"]


def test_the_shortest_first(ask: Ask) -> None:
    found = ask("green", "--sort", "duration", "--per-video", 1)

    assert names(found) == ["red", "green"]


def test_nothing_that_fits_is_said_so(call: Call, lib: Path) -> None:
    ended = call("search", "red", "--where", "duration>1h", "--library", lib)

    assert ended.code == 0
    assert "no moments found: nothing that was asked for fits" in ended.out


def test_names_of_files_are_texts(call: Call, ask: Ask, lib: Path) -> None:
    found = ask("green", "--hybrid", "--text-weight", 0.9)
    table = call("search", "green", "--hybrid", "--library", lib)

    best = found["hits"][0]
    assert Path(best["path"]).stem == "green"
    assert best["text"]["kind"] == "name"
    assert best["fused_score"] > 0
    assert "name: green" in table.out


def test_it_explains_itself(call: Call, ask: Ask, lib: Path) -> None:
    found = ask("red", "--where", "name:green", "--distinct", 0.9, "--explain")
    table = call("search", "red", "--explain", "--library", lib)

    assert found["explanation"]["path"] == "exact"
    assert found["explanation"]["videos"] == 1
    assert "path: exact; 5 candidates, 0 widenings" in table.out
    assert "moments" in table.out


def test_a_file_of_queries(call: Call, ask: Ask, lib: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.txt").write_text("red\n\ngreen:1, -red:0.5\n")

    found = ask("--queries", tmp_path / "queries.txt", "-k", 1)
    table = call("search", "--queries", tmp_path / "queries.txt", "--library", lib)

    assert list(found) == ["model", "answers"]
    assert [each["query"] for each in found["answers"]] == ["red", "green:1, -red:0.5"]
    assert found["answers"][0]["hits"] == ask("red", "-k", 1)["hits"]
    assert "red:\n" in table.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing is asked for"),
        (["dog:1, cat"], "'cat' has no weight"),
        (["red", "--where", "duraton<3"], "duration"),
        (["red", "--cursor", "nonsense"], "the cursor is none that a search gave"),
        (["red", "--per-video", "0"], "per_video must be at least 1"),
        (["red", "--min-score", "7"], "min_score must be between -1 and 1"),
        (["--like", "nowhere.mp4"], "'nowhere.mp4' is neither a video of the library nor a file"),
        (["--queries", "nowhere.txt"], "cannot read the queries in nowhere.txt"),
        (["red", "--queries", "x.txt"], "give either QUERY or --queries"),
        (["red", "--sort", "name"], "name"),
    ],
    ids=str,
)
def test_a_slip_is_one_sentence(call: Call, lib: Path, words: list[str], said: str) -> None:
    ended = call("search", *words, "--library", lib)

    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
