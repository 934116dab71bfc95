"""`cpd index export|import|plan|merge` and `add --shard`, as a person calls them."""

import json
from pathlib import Path

import pytest

from index.library.library import Library
from tests.index.cli.conftest import Call
from tests.index.libraries import SETTINGS, make_library


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """A library of /videos/0.mp4, and one of that and /videos/1.mp4."""
    for name, num_videos in (("a", 1), ("b", 2)):
        make_library(tmp_path / name, num_videos=num_videos).close()
    return [tmp_path / "a", tmp_path / "b"]


def test_merge_says_what_came(call: Call, folders: list[Path]) -> None:
    ended = call("index", "merge", *map(str, folders))

    assert ended.code == 0
    assert ended.out.startswith("1 added, 0 updated, 1 unchanged, 0 kept")


def test_merge_into_a_new_folder_as_json(call: Call, folders: list[Path], tmp_path: Path) -> None:
    ended = call("index", "merge", str(tmp_path / "new"), *map(str, folders), "--json")

    assert ended.code == 0
    assert json.loads(ended.out)["added"] == 2
    with Library.open(tmp_path / "new") as library:
        assert library.settings == SETTINGS


def test_a_library_that_is_not_there_is_one_sentence(
    call: Call, folders: list[Path], tmp_path: Path
) -> None:
    ended = call("index", "merge", str(folders[0]), str(tmp_path / "none"))

    assert ended.code == 2
    assert "there is no library in" in ended.err


def test_export_and_import(call: Call, folders: list[Path], tmp_path: Path) -> None:
    library, table = str(folders[1]), str(tmp_path / "table.parquet")

    exported = call("index", "export", table, "--library", library)
    imported = call("index", "import", table, "--library", str(tmp_path / "copy"), "--json")

    assert (exported.code, imported.code) == (0, 0)
    assert exported.out.startswith("2 videos, 6 segments in ")
    assert json.loads(imported.out)["added"] == 2


@pytest.mark.parametrize("format", ["fiftyone", "embedding-atlas"])
def test_export_for_viewers(format: str, call: Call, folders: list[Path], tmp_path: Path) -> None:
    words = ["--library", str(folders[1]), "--format", format, "--where", "name:0", "--json"]

    ended = call("index", "export", str(tmp_path / "out"), *words)

    assert ended.code == 0
    assert json.loads(ended.out)["videos"] == 1


def test_shards_of_a_plan_and_of_a_hash_merge_to_all_videos(
    call: Call, bundle: Path, videos: Path, tmp_path: Path
) -> None:
    plan = str(tmp_path / "plan.json")
    planned = call("index", "plan", str(videos), "-n", "2", "--out", plan, "--json")
    model = ["--model", str(bundle), "--device", "cpu", "--workers", "1", "--json"]

    for number in (1, 2):
        words = [
            "--plan",
            plan,
            "--shard",
            f"{number}/2",
            "--library",
            str(tmp_path / f"p{number}"),
        ]
        call("index", "add", *words, *model)
        words = [str(videos), "--shard", f"{number}/2", "--library", str(tmp_path / f"h{number}")]
        call("index", "add", *words, *model)
    for name in "ph":
        parts = [str(tmp_path / f"{name}{number}") for number in (1, 2)]
        assert call("index", "merge", str(tmp_path / name), *parts).code == 0

    assert json.loads(planned.out)["videos"] == 3
    for name in "ph":
        with Library.open(tmp_path / name) as library:
            assert sorted(video.path.name for video in library.videos(limit=None)) == [
                "green.mp4",
                "red.mp4",
            ]
            assert [failed.path.name for failed in library.failures()] == ["broken.mp4"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["add"], "no PATH was given"),
        (["add", ".", "--shard", "3/2"], "is no shard"),
        (["add", ".", "--shard", "x"], "is no shard"),
        (["add", "--plan", "none.json"], "--shard"),
        (["add", "--plan", "none.json", "--shard", "1/2"], "cannot read none.json"),
    ],
)
def test_a_shard_that_cannot_be_is_one_sentence(
    words: list[str], sentence: str, call: Call, tmp_path: Path
) -> None:
    ended = call("index", *words, "--library", str(tmp_path / "lib"))

    assert ended.code == 2
    assert sentence in ended.err
    assert not (tmp_path / "lib").exists()
