"""docs/retrain.md, from a list of captions to a search: adapt, evaluate, index anew, find."""

import csv
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import cpd
from cpd_model.bundles.bundle import recorded_fingerprint
from cpd_model.testing import COLORS, tiny_bundle
from tests.index.colored_videos import Scene, write_video

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "retrain.md"


def say(*words: object) -> Result:
    return CliRunner().invoke(cpd.app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose random backbone tells colours apart."""
    return tiny_bundle(tmp_path_factory.mktemp("start") / "start", float16_features=True)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of coloured videos, and captions.csv that tells of them."""
    folder = tmp_path_factory.mktemp("videos")
    with (folder / "captions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "caption"])
        for name in COLORS:
            write_video(folder / f"{name}.mp4", Scene(name, 1))
            writer.writerow([f"{name}.mp4", f"all is {name}"])
    return folder


def test_captions_become_a_model_that_searches(start: Path, videos: Path, tmp_path: Path) -> None:
    captions, out, library = videos / "captions.csv", tmp_path / "mine", tmp_path / "library"

    adapted = say(
        *("train", "adapt", "--pairs", captions, "--out", out, "--model", start),
        *("--set", "epochs=20", "--set", "data.num_workers=1", "--device", "cpu"),
    )
    measured = say(
        *("evaluate", "retrieval", "--manifest", captions),
        *("--model", out / "bundle", "--json", "--device", "cpu"),
    )
    added = say(
        *("index", "add", videos, "--library", library, "--model", out / "bundle"),
        *("--workers", "1", "--device", "cpu"),
    )
    found = say("search", "all is red", "--library", library, "--json", "--device", "cpu")

    assert (adapted.exit_code, measured.exit_code, added.exit_code, found.exit_code) == (0,) * 4
    assert f"search with it by --model {out / 'bundle'}" in adapted.stdout
    record = json.loads((out / "run.json").read_text())
    assert record["figures"]["mean_mrr"] >= record["before"]["mean_mrr"]
    assert json.loads(measured.stdout)["num_queries"] == len(COLORS)
    assert recorded_fingerprint(out / "bundle") == record["bundle_fingerprint"]
    assert "red.mp4" in found.stdout


def test_the_page_says_commands_that_there_are() -> None:
    commands = re.findall(r"^cpd (\w+) (\w+)?", PAGE.read_text(), re.MULTILINE)

    assert {first for first, _ in commands} == {"train", "evaluate", "index", "search"}
    for first, second in commands:
        words = [first, second] if first in {"evaluate", "index"} else [first]
        assert say(*words, "--help").exit_code == 0
