"""`cpd.train` starts the runs of `training` as `cpd train` does, with people's paths."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cpd
from cpd_model.testing import COLORS, tiny_bundle
from tests.index.colored_videos import Scene, write_video
from tests.training.run_listener import RememberingListener

QUICK = {"epochs": 2, "data.num_workers": 1}


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder with coloured videos, captions.csv that tells of them, and a tiny model."""
    home = tmp_path_factory.mktemp("home")
    lines = ["path,caption"]
    for name in COLORS:
        write_video(home / f"{name}.mp4", Scene(name, 1))
        lines.append(f"{name}.mp4,all is {name}")
    (home / "captions.csv").write_text("\n".join(lines))
    tiny_bundle(home / "start", float16_features=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        yield home


def test_adapting_gives_a_model_that_opens_a_library(home: Path) -> None:
    listener = RememberingListener()

    result = cpd.train.adapt(
        "~/captions.csv",
        out="~/mine",
        model="~/start",
        settings=QUICK,
        device="cpu",
        listener=listener,
    )

    assert result.bundle == home / "mine" / "bundle"
    assert listener.messages
    with cpd.open("~/library", model=result.bundle, device="cpu") as library:
        library.add("~/red.mp4", num_workers=1)
        assert len(library.search("all is red")) == 1


def test_the_record_tells_a_command_that_does_the_same(home: Path) -> None:
    """So that a model says how it came about, wherever it was made from."""
    result = cpd.train.run("smoke", out=home / "smoke", settings={"epochs": 1}, max_steps=2)

    assert result.step == 2
    record = json.loads((home / "smoke" / "run.json").read_text())
    assert record["command"] == f"cpd train smoke --out {home}/smoke --max-steps 2 --set epochs=1"


def test_a_setting_that_is_not_there_is_refused() -> None:
    with pytest.raises(cpd.InputError, match="did you mean"):
        cpd.train.run("smoke", out="~/never", settings={"epoch": 1})


def test_adapt_is_a_function_of_its_own() -> None:
    with pytest.raises(ValueError, match=r"cpd\.train\.adapt"):
        cpd.train.run("adapt", out="~/never", pairs="~/captions.csv")


def test_an_encoder_is_no_start() -> None:
    with pytest.raises(TypeError, match="the name or the folder"):
        cpd.train.adapt("~/captions.csv", out="~/never", model=cpd.load_encoder("~/start"))


@pytest.mark.parametrize("max_steps", [0, -3])
def test_a_run_of_no_step_is_refused(home: Path, max_steps: int) -> None:
    """It would end at once with a model that learned nothing, recorded as finished."""
    with pytest.raises(cpd.InputError, match="max_steps must be 1 or more, got"):
        cpd.train.run("smoke", out=home / "never", max_steps=max_steps)

    assert not (home / "never").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"max_steps": "3"}, "max_steps is a whole number, got str"),
        ({"max_steps": True}, "max_steps is a whole number, got bool"),
        ({"settings": [("epochs", 1)]}, "settings is a dict of values by name, .* got list"),
        ({"settings": {1: 1}}, "settings is a dict of values by name, .* got int"),
    ],
)
def test_what_is_of_the_wrong_kind_is_one_sentence(
    home: Path, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        cpd.train.run("smoke", out=home / "never", **wrong)

    assert not (home / "never").exists()
