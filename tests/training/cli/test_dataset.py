"""`cpd dataset` as a person types it."""

import json

import pytest

from tests.index.colored_videos import call_cpd
from tests.training.data.datasets.trees import LISTS, TREES, UCF101, make_tree
from training.data.manifest import read_manifest
from training.data.pairs import read_pairs


@pytest.mark.parametrize("name", [*LISTS, "folder"])
def test_the_command_writes_a_manifest_and_says_what_is_in_it(tmp_path, capfd, name):
    root = make_tree(tmp_path / "data", TREES.get(name, {"train/run/a.mp4": "", "b.mp4": ""}))

    done = call_cpd(capfd, ["dataset", name, root, "--json"])
    told = json.loads(done.out)
    rows = read_manifest(root / "cpd-manifest.csv")

    assert done.code == 0
    assert (told["rows"], told["manifest"]) == (len(rows), str(root / "cpd-manifest.csv"))
    assert sum(told["splits"].values()) == told["media"] == len({row.path for row in rows})


def test_the_command_speaks_to_people_too(tmp_path, capfd):
    root = make_tree(tmp_path / "data", UCF101)

    done = call_cpd(capfd, ["dataset", "ucf101", root, "--out", tmp_path / "u.csv"])

    assert done.out == f"wrote {tmp_path / 'u.csv'}: 3 media (test 1, train 2), 3 rows\n"
    assert "1 media that the annotations name are not there, such as YoYo/v_YoYo_g24" in done.err
    wrong = call_cpd(capfd, ["dataset", "msrvtt", root, "--split", "2k"])
    assert wrong.code == 2
    assert "full or 1k-a" in wrong.err


def test_pairs_are_packed_from_the_command_line(tmp_path, capfd):
    make_tree(tmp_path, {"a.mp4": "x", "b.mp4": "y", "p.csv": "path,caption\na.mp4,1\nb.mp4,2\n"})

    done = call_cpd(
        capfd, ["dataset", "pack", "--pairs", tmp_path / "p.csv", "--out", tmp_path / "o", "--json"]
    )

    told = json.loads(done.out)
    assert (done.code, told["pairs"], len(told["shards"])) == (0, 2, 1)
    assert [pair.id for pair in read_pairs(tmp_path / "o")] == ["a.mp4", "b.mp4"]
    again = call_cpd(
        capfd, ["dataset", "pack", "--pairs", tmp_path / "p.csv", "--out", tmp_path / "o"]
    )
    assert again.code == 2
    assert "holds .tar files already" in again.err
