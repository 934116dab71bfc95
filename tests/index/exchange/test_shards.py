"""Plans and shards: every file is of one shard, and the shards are of like size."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd_model.errors import InputError
from index.exchange.plan import plan_shards, read_plan, write_plan
from index.exchange.shards import Shard, ShardFiles


def make_files(folder: Path, sizes: list[int]) -> Path:
    folder.mkdir()
    for number, size in enumerate(sizes):
        with (folder / f"{number}.mp4").open("wb") as file:
            file.truncate(size)
    return folder


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=12), num_shards=st.integers(1, 5))
def test_a_plan_has_each_file_once_in_shards_of_like_size(
    sizes: list[int], num_shards: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = make_files(tmp_path_factory.mktemp("plan") / "films", sizes)

    plan = plan_shards([folder], num_shards)

    assert plan == plan_shards([folder], num_shards)
    files = [file.path.name for shard in plan.shards for file in shard]
    assert sorted(files) == sorted(f"{number}.mp4" for number in range(len(sizes)))
    loads = [sum(file.size_bytes for file in shard) for shard in plan.shards]
    assert max(loads) - min(loads) <= max(sizes)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = plan_shards([make_files(tmp_path / "films", [5, 3, 3])], 2)

    write_plan(plan, tmp_path / "plan.json")

    assert read_plan(tmp_path / "plan.json") == plan
    assert [
        shard["bytes"] for shard in json.loads((tmp_path / "plan.json").read_text())["shards"]
    ] == [5, 6]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', '{"format": 9}'])
def test_what_is_no_plan_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(content)

    with pytest.raises(InputError, match=r"plan\.json is (no plan|a plan of format)"):
        read_plan(tmp_path / "plan.json")


def test_a_plan_of_another_number_of_shards_is_refused(tmp_path: Path) -> None:
    write_plan(plan_shards([make_files(tmp_path / "films", [5])], 2), tmp_path / "plan.json")

    with pytest.raises(InputError, match="has 2 shards, not 3: say 1/2"):
        ShardFiles.parse("1/3", [], plan=tmp_path / "plan.json")


@settings(max_examples=25, deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=9), max_size=20), of=st.integers(1, 7))
def test_a_hash_gives_each_path_to_one_shard(names: list[str], of: int) -> None:
    shards = [ShardFiles.parse(f"{number}/{of}", ["/films"]) for number in range(1, of + 1)]

    for name in names:
        assert sum(shard.selects(Path("/films") / name) for shard in shards) == 1


def test_the_hash_of_a_path_is_the_same_on_every_machine() -> None:
    (number,) = [n for n in (1, 2, 3) if ShardFiles.parse(f"{n}/3", []).selects(Path("/a.mp4"))]

    assert number == 3


def test_a_shard_can_be_sent_elsewhere(tmp_path: Path) -> None:
    files = ShardFiles.parse("1/2", [str(tmp_path)])
    shard = Shard(files=files, library=str(tmp_path / "lib"))

    assert pickle.loads(pickle.dumps(shard)) == shard
