"""A hub is asked once, answers in one of few ways, and what it gave stays usable without it.

The tests run against a small hub of their own, in processes of their own: huggingface_hub reads its
address from the environment when it is imported, and here it was imported as offline.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cpd_model.bundles.bundle import verify_bundle
from cpd_model.encoders.adapters import open_adapter
from cpd_model.testing import tiny_bundle
from tests.cpd_model.fake_hub import serving

FETCH = """
import sys
from cpd_model.errors import CPDError
from cpd_model.bundles.hub import cached_models, fetch
for name in sys.argv[1:]:
    try:
        print("found", fetch(name, on_message=lambda message: print("said", message)))
    except CPDError as error:
        print(type(error).__name__, error)
print("cached", *[model.name for model in cached_models()])
"""
NOWHERE = "http://127.0.0.1:9"


def run_fetch(*names: str, home: Path, address: str) -> list[str]:
    """The lines of FETCH in a fresh Python that knows a hub at `address` and caches in `home`."""
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, *names],
        env=environment | {"HF_HOME": str(home), "HF_ENDPOINT": address},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_hub_that_cannot_be_reached_is_one_sentence_within_seconds(tmp_path: Path) -> None:
    started = time.monotonic()

    lines = run_fetch("openai/clip-vit-base-patch32", home=tmp_path, address=NOWHERE)

    assert time.monotonic() - started < 20  # its retries alone would take 23 seconds
    assert lines[0].startswith(
        "ModelNotFoundError openai/clip-vit-base-patch32 is not cached here and the hub cannot be "
        "reached ("
    )
    assert lines[0].endswith("or use cpd-base, which needs no network")
    assert lines[1:] == ["cached"]


def test_a_model_of_a_hub_is_fetched_once_and_stays(
    tmp_path: Path, dual_encoder_folder: Any
) -> None:
    original = dual_encoder_folder("clip")

    with serving({"org/clip": original}) as address:
        first = run_fetch("org/clip", home=tmp_path, address=address)
    second = run_fetch("org/clip", home=tmp_path, address=NOWHERE)

    assert first == ["said fetching org/clip from the hub, once (0 MB)", *second]
    assert second[1] == "cached org/clip"
    fetched = open_adapter(found_in(second), name="org/clip", device="cpu")
    assert fetched.fingerprint == open_adapter(original, name="clip", device="cpu").fingerprint


def test_a_bundle_of_a_hub_is_fetched_like_any_model(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "mine", video_tower="frames")

    with serving({"org/mine": tmp_path / "mine"}) as address:
        lines = run_fetch("org/mine", home=tmp_path / "home", address=address)

    assert lines[2] == "cached org/mine"
    assert verify_bundle(found_in(lines)) == []


def test_a_fetch_that_broke_off_is_taken_up_again(tmp_path: Path, dual_encoder_folder: Any) -> None:
    with serving({"org/clip": dual_encoder_folder("clip")}) as address:
        folder = found_in(run_fetch("org/clip", home=tmp_path, address=address))
        (folder / "model.safetensors").unlink()

        lines = run_fetch("org/clip", home=tmp_path, address=address)

    assert found_in(lines) == folder
    assert (folder / "model.safetensors").is_file()


def test_what_a_hub_refuses_is_told_apart(tmp_path: Path) -> None:
    other, bare = tmp_path / "other", tmp_path / "bare"
    for folder, model_type in ((other, "bert"), (bare, "clip")):
        folder.mkdir()
        (folder / "config.json").write_text(f'{{"model_type": "{model_type}"}}')
    names = {"org/other": other, "org/bare": bare, "org/terms": 403, "org/down": 503}

    with serving(names) as address:
        lines = run_fetch("org/none", *names, home=tmp_path / "home", address=address)

    assert lines[0].startswith("ModelNotFoundError the hub has no model org/none that you may see")
    assert lines[1].startswith("BundleError org/other holds a model of type 'bert': supported are")
    assert lines[2].startswith("BundleError org/bare has no weights for PyTorch on the hub")
    assert lines[3].startswith("ModelNotFoundError the hub gives org/terms only to those who acc")
    assert lines[4].startswith("ModelNotFoundError the hub answered with HTTP 503 for org/down")
    assert lines[5:] == ["cached"]


def found_in(lines: list[str]) -> Path:
    (found,) = [line.removeprefix("found ") for line in lines if line.startswith("found ")]
    return Path(found)
