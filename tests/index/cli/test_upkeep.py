"""Looking after a library from a shell."""

import json
import shutil
import sqlite3
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
    call: Call, copy: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there already is not built again: `cpd index compact` does that."""
    monkeypatch.setattr("index.vectors.kinds.IVF_AT_LEAST_ROWS", 1)
    new = shutil.copy(videos / "red.mp4", tmp_path / "again.mp4")

    ended = call("index", "add", new, "--library", copy, "--index-kind", "ivf")

    assert ended.code == 0
    told = json.loads(call("index", "status", "--library", copy, "--json").out)
    assert [part["kind"] for part in told["part_list"]] == ["exact", "ivf"]


def test_repair_says_what_it_made_anew_and_what_has_to_be_indexed_again(
    call: Call, copy: Path, videos: Path
) -> None:
    for file in copy.glob("parts/*/rows.bin"):
        file.unlink()
    mended = call("index", "repair", "--library", copy)
    again = call("index", "repair", "--library", copy, "--json")

    assert mended.code == again.code == 0
    assert "which was damaged or missing" in mended.out
    assert json.loads(again.out) == {"whole": True, "rebuilt": [], "index_again": [], "left": []}

    with sqlite3.connect(copy / "catalog.sqlite3") as connection:
        connection.execute("DELETE FROM embeddings WHERE video_number = 1")
    connection.close()
    lost = call("index", "repair", "--library", copy)

    assert lost.code == 1
    (line,) = (line for line in lost.out.splitlines() if "cpd index add" in line)
    assert str(videos) in line
    assert call("search", "red", "--library", copy).code == 0
    assert (
        call("index", "add", videos / "red.mp4", videos / "green.mp4", "--library", copy).code == 0
    )
    assert call("index", "repair", "--library", copy).code == 0
