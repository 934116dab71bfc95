"""Looking after a library from a shell."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.index.colored_videos import Ended

Call = Callable[..., Ended]


@pytest.fixture
def copy(lib: Path, tmp_path: Path) -> Path:
    """A library that a test may change."""
    return shutil.copytree(lib, tmp_path / "copy")


def test_compact_says_what_it_did(call: Call, copy: Path) -> None:
    told = json.loads(call("index", "compact", "--library", copy, "--json").out)
    shown = call("index", "compact", "--library", copy, "--index-kind", "exact", "--wait", 1)

    assert list(told) == [
        *("parts_before", "parts_after", "cleared", "rows", "kind", "recall", "seconds")
    ]
    assert (told["parts_after"], told["rows"], told["kind"]) == (1, 5, "exact")
    assert shown.code == 0
    assert "parts: 1 before, 1 now (exact); 5 segments" in shown.out


def test_a_kind_that_there_is_not_is_one_sentence(call: Call, copy: Path) -> None:
    ended = call("index", "compact", "--library", copy, "--index-kind", "hnsw")

    assert ended.code == 2
    assert "'hnsw' is not one of 'auto', 'exact', 'ivf'" in ended.err


def test_status_tells_of_each_part(call: Call, lib: Path) -> None:
    told = json.loads(call("index", "status", "--library", lib, "--json").out)
    shown = call("index", "status", "--library", lib)

    assert told["part_list"] == [{"kind": "exact", "rows": 5, "removed": 0, "recall": None}]
    assert "exact, 5 segments" in shown.out


def test_add_builds_the_kind_that_is_asked_for(
    call: Call, copy: Path, videos: Path, tmp_path: Path
) -> None:
    """What is there already is not built again: `cpd index compact` does that."""
    new = shutil.copy(videos / "red.mp4", tmp_path / "again.mp4")

    ended = call("index", "add", new, "--library", copy, "--index-kind", "ivf")

    assert ended.code == 0
    told = json.loads(call("index", "status", "--library", copy, "--json").out)
    assert [part["kind"] for part in told["part_list"]] == ["exact", "ivf"]
