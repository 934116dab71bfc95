"""A name becomes an encoder: the built-in model, a folder, a hub name - or one clear sentence."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cpd_model.built_in.models import ensure_built_in
from cpd_model.cache import CACHE_VARIABLE
from cpd_model.encoder import Encoder, FrameEncoder, TextEncoder
from cpd_model.encoders.numpy_text_encoder import NumpyTextEncoder
from cpd_model.errors import BundleError, DeviceError, ModelError, ModelNotFoundError
from cpd_model.loading import (
    find_model,
    list_models,
    load_encoder,
    load_text_encoder,
    verify_model,
)
from cpd_model.testing import tiny_bundle

MAKE = """
import sys
from cpd_model.built_in.models import ensure_built_in
print(ensure_built_in("cpd-start", on_message=lambda message: print(message)))
"""


@pytest.mark.parametrize("video_tower", ["frames", "resnet3d"])
def test_a_bundle_is_opened_by_its_folder(tmp_path: Path, video_tower: Any) -> None:
    tiny_bundle(tmp_path / "mine", video_tower=video_tower)

    encoder = load_encoder(str(tmp_path / "mine"), device="cpu")

    assert isinstance(encoder, Encoder)
    assert isinstance(encoder, FrameEncoder) == (video_tower == "frames")
    assert encoder.name == str(tmp_path / "mine")
    assert encoder.device == "cpu"


@pytest.mark.parametrize("model_type", ["clip", "siglip", "siglip2", "xclip"])
def test_a_model_of_transformers_is_opened_by_its_folder(
    dual_encoder_folder: Any, model_type: str
) -> None:
    folder = dual_encoder_folder(model_type)

    encoder = load_encoder(str(folder), device="cpu")

    assert isinstance(encoder, Encoder)
    assert encoder.encode_text(["a dog"]).shape == (1, encoder.embed_dim)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_for_texts_alone_a_bundle_is_not_loaded_whole(tmp_path: Path, device: str) -> None:
    tiny_bundle(tmp_path / "mine")

    encoder = load_text_encoder(tmp_path / "mine", device=device)

    assert isinstance(encoder, NumpyTextEncoder)
    assert encoder.name == str(tmp_path / "mine")


@pytest.mark.slow
def test_for_texts_alone_a_built_in_model_is_made_first_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    said: list[str] = []

    encoders = [load_text_encoder("cpd-start", on_message=said.append) for _ in range(2)]

    assert [type(encoder) for encoder in encoders] == [NumpyTextEncoder, NumpyTextEncoder]
    (message,) = said
    assert message.startswith("making cpd-start in")


def test_for_texts_alone_a_model_of_another_kind_is_loaded_whole(dual_encoder_folder: Any) -> None:
    folder = dual_encoder_folder("clip")
    whole = load_encoder(folder, device="cpu")

    encoder = load_text_encoder(folder, device="cpu")

    assert isinstance(encoder, TextEncoder)
    assert type(encoder) is type(whole)
    assert encoder.fingerprint == whole.fingerprint


def test_for_texts_alone_a_word_that_is_no_device_is_refused_all_the_same(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "mine")

    with pytest.raises(DeviceError, match="unknown device 'tpu'"):
        load_text_encoder(tmp_path / "mine", device="tpu")


def test_for_texts_alone_a_damaged_bundle_is_told_as_ever(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "mine")
    (tmp_path / "mine" / "tokenizer.json").write_text("{}")

    with pytest.raises(BundleError) as whole:
        load_encoder(tmp_path / "mine", device="cpu")
    with pytest.raises(BundleError) as alone:
        load_text_encoder(tmp_path / "mine")

    assert str(alone.value) == str(whole.value)


@pytest.mark.slow
def test_the_default_model_answers_without_a_network(base_bundle: Path) -> None:
    encoder = load_encoder(device="cpu")

    similarities = (
        encoder.encode_text(["a dog runs"])
        @ encoder.encode_text(["the dog is running", "a bowl of soup"]).T
    )
    assert encoder.name == "cpd-base"
    assert similarities[0, 0] > similarities[0, 1]
    assert find_model("cpd-base") == find_model() == base_bundle


@pytest.mark.slow
def test_two_processes_that_need_cpd_start_at_once_both_get_it(tmp_path: Path) -> None:
    environment = os.environ | {CACHE_VARIABLE: str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", MAKE], env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]

    lines = [process.communicate(timeout=240)[0].decode().splitlines() for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert lines[0][-1] == lines[1][-1]
    assert verify_model(Path(lines[0][-1]), name="cpd-start") == []
    said = [line for line in [*lines[0], *lines[1]] if line.startswith("making cpd-start in")]
    assert len(said) == 1


def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))

    with pytest.raises(ModelError, match=r"cannot make cpd-start in .*: set CPD_CACHE"):
        ensure_built_in("cpd-start")


@pytest.mark.parametrize("name", ["cpd-strat", "", "a/b/c", "no such folder", "/no/such/folder"])
def test_an_unknown_name_is_told_what_was_expected(name: str) -> None:
    with pytest.raises(
        ModelNotFoundError, match="expected cpd-base or cpd-start, the folder"
    ) as caught:
        load_encoder(name, device="cpu")

    assert repr(name) in str(caught.value)


def test_a_missing_device_is_told_before_a_model_is_looked_for() -> None:
    with pytest.raises(DeviceError, match="expected auto, cpu"):
        load_encoder("cpd-strat", device="tpu")


def test_a_folder_of_something_else_is_told_what_is_supported(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="supported are bundles of cpd and, from transformers"):
        load_encoder(str(tmp_path), device="cpu")


def test_a_folder_wins_over_a_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_bundle(tmp_path / "org" / "mine", video_tower="frames")
    monkeypatch.chdir(tmp_path)

    assert load_encoder("org/mine", device="cpu").name == "org/mine"


def test_a_hub_name_out_of_reach_names_what_needs_no_network() -> None:
    with pytest.raises(ModelNotFoundError, match="org/none is not cached here") as caught:
        load_encoder("org/none", device="cpu")

    assert "cpd-base, which needs no network" in str(caught.value)


def test_the_list_begins_with_the_default() -> None:
    built_in = list_models()[:2]

    assert [(model.name, model.kind, model.default) for model in built_in] == [
        ("cpd-base", "built in", True),
        ("cpd-start", "built in", False),
    ]


def test_a_whole_model_has_no_problems(tmp_path: Path, dual_encoder_folder: Any) -> None:
    tiny_bundle(tmp_path / "mine", video_tower="frames")

    assert verify_model(tmp_path / "mine", name="mine") == []
    assert verify_model(dual_encoder_folder("clip"), name="clip") == []


def test_the_problems_of_a_model_are_listed(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "mine", video_tower="frames")
    weights = tmp_path / "mine" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 255
    weights.write_bytes(content)

    problems = verify_model(tmp_path / "mine", name="mine")

    assert len(problems) == 1
    assert "weights" in problems[0]
    assert verify_model(tmp_path, name="empty") != []
