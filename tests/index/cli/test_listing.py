"""Which videos a library holds, from a shell."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from index.library.library import Library
from tests.index.colored_videos import Ended
from tests.index.libraries import make_library

Call = Callable[..., Ended]


def names(ended: Ended) -> list[str]:
    """The file names that `--json` tells."""
    return [Path(video["path"]).name for video in json.loads(ended.out)["videos"]]


def test_all_videos_are_listed_with_date_length_and_id(call: Call, lib: Path) -> None:
    told = json.loads(call("index", "list", "--library", lib, "--json").out)
    shown = call("index", "list", "--library", lib)

    assert [Path(video["path"]).name for video in told["videos"]] == ["red.mp4", "green.mp4"]
    assert list(told) == ["where", "total", "videos"]
    assert list(told["videos"][0]) == ["video_id", "path", "date", "duration_seconds", "segments"]
    assert shown.code == 0
    assert shown.out.splitlines()[-1] == "2 videos"
    for video in told["videos"]:
        assert video["video_id"] in shown.out
        assert video["date"][:16].replace("T", " ") in shown.out
    assert "00:00:09" in shown.out


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("duration<5s", ["red.mp4"]),
        ("not name:red", ["green.mp4"]),
        ("date>2000 and segments in (1, 2)", ["red.mp4"]),
        ("NAME=RED.MP4 or duration>1h", ["red.mp4"]),
        ("collection:best", ["green.mp4"]),
        ("stale:true", []),
    ],
)
def test_a_filter_chooses(call: Call, best: Path, where: str, found: list[str]) -> None:
    told = call("index", "list", "--library", best, "--where", where, "--json")

    assert names(told) == found
    assert json.loads(told.out)["total"] == len(found)


@pytest.fixture
def best(lib: Path) -> Path:
    """The library, with the green video in the collection `best`, and `rest` without any."""
    from sqlalchemy import text

    with (
        Library.open(lib) as library,
        library._catalog.maintenance_transaction() as connection,
    ):
        for statement in (
            "INSERT OR IGNORE INTO collections VALUES (1, 'best', 0), (2, 'rest', 0)",
            "INSERT OR IGNORE INTO collection_videos SELECT 1, number FROM videos"
            " WHERE path_folded LIKE '%green%'",
        ):
            connection.execute(text(statement))
    return lib


def test_collections_are_a_filter_beside_the_other(call: Call, best: Path) -> None:
    one = call("index", "list", "--library", best, "--collection", "best", "--json")
    words = ("--collection", "rest", "--collection", "best", "--where", "duration<5")
    both = call("index", "list", "--library", best, *words, "--json")

    assert names(one) == ["green.mp4"]
    assert names(both) == []
    assert json.loads(both.out)["where"] == "collection in (rest, best) and duration<5"


def test_a_collection_that_there_is_not_is_told_with_those_that_there_are(
    call: Call, best: Path
) -> None:
    ended = call("index", "list", "--library", best, "--collection", "bets", "--json")

    assert ended.code == 2
    assert json.loads(ended.out)["error"] == {
        "code": "filter",
        "message": 'there is no collection "bets" in this library; it has: "best", "rest"',
    }


def test_an_error_points_at_the_word(call: Call, lib: Path) -> None:
    ended = call("index", "list", "--library", lib, "--where", "name:a and duraton<5")

    assert ended.code == 2
    assert ended.err == (
        'error: cannot read the filter at "duraton" (character 12): there is no such field; did '
        "you mean duration?\n"
    )


def test_a_limit_shows_the_first_and_says_how_many_there_are(call: Call, tmp_path: Path) -> None:
    make_library(tmp_path, num_videos=5).close()

    told = call("index", "list", "--library", tmp_path, "--where", "id!=x", "-k", 2, "--json")
    shown = call("index", "list", "--library", tmp_path, "--limit", 2)

    assert names(told) == ["0.mp4", "1.mp4"]
    assert json.loads(told.out)["total"] == 5
    assert shown.out.splitlines()[-1] == "5 videos; the first 2 are shown, --limit shows more"
