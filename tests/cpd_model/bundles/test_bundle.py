"""Bundles: what changes a fingerprint and what does not, damage, atomic writes, quick opening."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cpd_model.bundles.bundle import (
    describe_bundle,
    open_bundle,
    recorded_fingerprint,
    save_bundle,
    verify_bundle,
    write_folder,
)
from cpd_model.bundles.record import write_record
from cpd_model.config import CPDConfig
from cpd_model.encoder import Encoder, FrameEncoder
from cpd_model.errors import BundleError, ModelNotFoundError
from cpd_model.fingerprint import fingerprint_parts, tensors_of
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from cpd_model.testing import tiny_bundle


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_weights(folder: Path, change: Callable[[dict[str, Any]], object], **metadata: str) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt", **metadata})


def nudge(weights: dict[str, Any]) -> None:
    name = sorted(weights)[len(weights) // 2]
    weights[name] = np.nextafter(weights[name], np.inf, dtype=weights[name].dtype)


PADDING = {
    "strategy": "BatchLongest",
    "direction": "Right",
    "pad_to_multiple_of": None,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "[PAD]",
}

CHANGES: dict[str, Callable[[Path], object]] = {
    "one step of a weight": lambda folder: edit_weights(folder, nudge),
    "the mean": lambda folder: edit_json(
        folder / "processor_config.json", lambda it: it.update(image_mean=[0.45, 0.45, 0.46])
    ),
    "the frame size": lambda folder: edit_json(
        folder / "processor_config.json", lambda it: it["clip_spec"].update(frame_size=31)
    ),
    "the span of a clip": lambda folder: edit_json(
        folder / "processor_config.json", lambda it: it["clip_spec"].update(span_seconds=1.0)
    ),
    "the longest text": lambda folder: edit_json(
        folder / "processor_config.json", lambda it: it.update(max_tokens=8)
    ),
    "a word of the vocabulary": lambda folder: edit_json(
        folder / "tokenizer.json", lambda it: it["model"]["vocab"].update(a=5, red=12)
    ),
    "the side that is cut": lambda folder: edit_json(
        folder / "tokenizer_config.json", lambda it: it.update(truncation_side="left")
    ),
    "the kept classes": lambda folder: edit_json(
        folder / "config.json", lambda it: it["video_options"].update(kept_classes=4)
    ),
    "a layer norm of the text encoder": lambda folder: edit_json(
        folder / "config.json", lambda it: it["text_options"]["encoder"].update(layer_norm_eps=0.1)
    ),
}

NO_CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    "spaces in a JSON file": lambda folder: (folder / "config.json").write_text(
        json.dumps(json.loads((folder / "config.json").read_text()), indent=8)
    ),
    "the metadata of the weights": lambda folder: edit_weights(folder, lambda it: None, by="me"),
    "the version of transformers": lambda folder: edit_json(
        folder / "config.json", lambda it: it.update(transformers_version="5.0.0")
    ),
    "dropout": lambda folder: edit_json(
        folder / "config.json",
        lambda it: it["text_options"]["encoder"].update(hidden_dropout_prob=0.3),
    ),
    "the padding of the tokenizer's last call": lambda folder: edit_json(
        folder / "tokenizer.json", lambda it: it.update(padding=PADDING)
    ),
    "a file beside": lambda folder: (folder / "README.md").write_text("mine"),
}


ANSWERS: dict[str, Callable[[Path], object]] = {
    "the softmax temperature": lambda folder: edit_json(
        folder / "config.json", lambda it: it.update(similarity_temperature=0.5)
    ),
    "the word that pads": lambda folder: edit_json(
        folder / "tokenizer_config.json", lambda it: it.update(pad_token="[UNK]")
    ),
    "a file of the tokenizer that was not there": lambda folder: (
        folder / "added_tokens.json"
    ).write_text('{"dog": 64}'),
}
"""Changes of an answer that leave each embedding of the same tokens as it was."""


@pytest.mark.parametrize("change", ANSWERS)
def test_what_changes_an_answer_alone_keeps_the_fingerprint_and_is_refused(
    change: str, folder: Path, original: Path
) -> None:
    ANSWERS[change](folder)

    assert fingerprint_parts(folder).fingerprint() == recorded_fingerprint(original)
    (problem,) = verify_bundle(folder)
    assert problem.startswith("the content of ")
    with pytest.raises(BundleError, match=r"the content of \w+\.json of the bundle .* changed"):
        open_bundle(folder)


def test_a_change_is_told_once(folder: Path) -> None:
    CHANGES["the kept classes"](folder)

    assert verify_bundle(folder) == ["the config changed after the bundle was made"]


def test_a_bundle_of_an_older_format_is_to_be_made_again(folder: Path) -> None:
    edit_json(folder / "bundle.json", lambda it: it.update(format=1) or it.pop("beside"))

    (problem,) = verify_bundle(folder)
    assert "make it again" in problem
    with pytest.raises(BundleError, match=r"of format 1, .* make it again in another folder"):
        open_bundle(folder)


def test_a_bundle_with_another_temperature_is_something_else(folder: Path, tmp_path: Path) -> None:
    def write(partial: Path) -> None:
        shutil.copytree(folder, partial, dirs_exist_ok=True)
        ANSWERS["the softmax temperature"](partial)
        write_record(partial)

    with pytest.raises(BundleError, match="already holds something else"):
        write_folder(folder, write)


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_an_embedding_changes_the_fingerprint(
    change: str, folder: Path, original: Path
) -> None:
    CHANGES[change](folder)

    assert fingerprint_parts(folder).fingerprint() != fingerprint_parts(original).fingerprint()
    assert verify_bundle(folder) != []


@pytest.mark.parametrize("change", NO_CHANGES)
def test_what_changes_no_embedding_keeps_the_fingerprint(
    change: str, folder: Path, original: Path
) -> None:
    NO_CHANGES[change](folder)

    assert fingerprint_parts(folder).fingerprint() == recorded_fingerprint(original)
    assert verify_bundle(folder) == []
    assert open_bundle(folder).fingerprint == recorded_fingerprint(original)


def test_the_same_seed_makes_the_same_bundle_and_another_one_another(
    original: Path, tmp_path: Path
) -> None:
    same = recorded_fingerprint(tiny_bundle(tmp_path / "same"))
    other = recorded_fingerprint(tiny_bundle(tmp_path / "other", seed=1))

    assert same == recorded_fingerprint(original)
    assert other != same
    assert len(same) == 64


@pytest.mark.parametrize("change", CHANGES)
def test_a_bundle_that_changed_does_not_open(change: str, folder: Path) -> None:
    CHANGES[change](folder)

    with pytest.raises(BundleError, match="changed after it was made"):
        open_bundle(folder)


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "processor_config.json", "tokenizer.json"]
)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_damaged_file_is_named_and_stops_opening(name: str, damage: str, folder: Path) -> None:
    content = (folder / name).read_bytes()
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"" if damage == "empty" else content[: len(content) // 2])

    problems = verify_bundle(folder)

    assert len(problems) == 1
    assert name in problems[0] or "tokenizer" in problems[0]
    with pytest.raises(BundleError, match="make or copy the bundle again"):
        open_bundle(folder)


def test_weights_that_do_not_fit_their_configuration_do_not_open(folder: Path) -> None:
    edit_weights(folder, lambda it: it.pop("video_tower.projection.1.bias"))
    write_record(folder)

    with pytest.raises(BundleError, match=r"weights of the bundle .* do not fit"):
        open_bundle(folder)


def test_a_tokenizer_that_its_library_refuses_does_not_open(folder: Path) -> None:
    edit_json(folder / "tokenizer.json", lambda it: it.update(padding={"strategy": "Sideways"}))

    with pytest.raises(BundleError, match=r"tokenizer\.json cannot be read"):
        open_bundle(folder)


def test_a_bundle_of_a_newer_format_asks_for_a_newer_program(folder: Path) -> None:
    edit_json(folder / "bundle.json", lambda it: it.update(format=3))

    with pytest.raises(BundleError, match="knows formats up to 2; upgrade cpd"):
        open_bundle(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2, "parts": {}}'])
def test_a_damaged_record_is_a_problem_and_not_a_traceback(content: str, folder: Path) -> None:
    (folder / "bundle.json").write_text(content)

    assert ["bundle.json" in problem for problem in verify_bundle(folder)] == [True]
    with pytest.raises(BundleError, match=r"bundle\.json of .* is damaged"):
        describe_bundle(folder)


@pytest.mark.parametrize("ask", [open_bundle, verify_bundle, describe_bundle])
def test_a_folder_that_is_no_bundle_is_not_found(
    ask: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(ModelNotFoundError, match="there is no model folder"):
        ask(tmp_path / "nowhere")
    with pytest.raises(ModelNotFoundError, match=r"holds no bundle\.json"):
        ask(tmp_path)


def test_an_open_bundle_is_an_encoder_and_with_a_frames_tower_a_frame_encoder(
    original: Path, tmp_path: Path
) -> None:
    frames = open_bundle(original, name="mine")
    clips = open_bundle(tiny_bundle(tmp_path / "3d", video_tower="resnet3d"))

    assert isinstance(frames, Encoder)
    assert isinstance(clips, Encoder)
    assert isinstance(frames, FrameEncoder)
    assert not isinstance(clips, FrameEncoder)
    assert (frames.name, clips.name) == ("mine", str(tmp_path / "3d"))
    assert (frames.device, frames.embed_dim, frames.temperature) == ("cpu", 8, 0.07)


def test_the_facts_of_a_bundle_are_read_without_loading_it(original: Path) -> None:
    facts = describe_bundle(original)

    weights = load_file(original / "model.safetensors")
    assert facts.fingerprint == fingerprint_parts(original).fingerprint()
    assert (facts.video_tower, facts.text_encoder) == ("frames", "bert")
    assert (facts.embed_dim, facts.max_tokens, facts.temperature) == (8, 16, 0.07)
    assert facts.clip_spec.num_frames == 4
    assert facts.num_parameters == sum(tensor.size for tensor in weights.values())
    assert facts.size_bytes == sum(path.stat().st_size for path in original.iterdir())


def test_the_header_of_the_weights_is_read_as_safetensors_reads_it(original: Path) -> None:
    path = original / "model.safetensors"
    content = path.read_bytes()
    truth = load_file(path)

    tensors = tensors_of(path)

    assert [tensor.name for tensor in tensors] == sorted(truth)
    for tensor in tensors:
        assert content[tensor.start : tensor.stop] == truth[tensor.name].tobytes()
        assert tensor.shape == truth[tensor.name].shape


def test_saving_over_the_same_bundle_is_fine_and_over_something_else_is_not(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "occupied").mkdir()
    (tmp_path / "occupied" / "holiday.txt").write_text("mine")

    assert tiny_bundle(folder) == folder
    with pytest.raises(BundleError, match="already holds something else"):
        tiny_bundle(folder, seed=1)
    with pytest.raises(BundleError, match="already holds something else"):
        tiny_bundle(tmp_path / "occupied")
    assert (tmp_path / "occupied" / "holiday.txt").read_text() == "mine"
    assert not list(tmp_path.glob("*.partial"))


def test_two_that_make_one_bundle_at_once_both_end_well(original: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    both_wrote = threading.Barrier(2, timeout=30)
    answers: list[str] = []

    def write(partial: Path) -> None:
        shutil.copytree(original, partial, dirs_exist_ok=True)
        both_wrote.wait()

    threads = [
        threading.Thread(target=lambda: answers.append(write_folder(folder, write)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [recorded_fingerprint(original)] * 2
    assert verify_bundle(folder) == []
    assert list(tmp_path.iterdir()) == [folder]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def write(partial: Path) -> None:
        (partial / "config.json").write_text("{}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "made", write)

    assert list(tmp_path.iterdir()) == []


def test_a_model_and_a_processor_of_different_sizes_are_not_saved(
    original: Path, tmp_path: Path
) -> None:
    model = CPDModel(CPDConfig.preset("tiny-frames", num_frames=5))

    with pytest.raises(ValueError, match="disagree on num_frames: 5 and 4"):
        save_bundle(model, CPDProcessor.from_pretrained(original), tmp_path / "made")


def test_a_bundle_stored_in_half_precision_computes_in_single(folder: Path) -> None:
    edit_weights(
        folder,
        lambda it: it.update({name: row.astype(np.float16) for name, row in it.items()}),
    )
    write_record(folder)

    encoder = open_bundle(folder)

    assert np.allclose(np.linalg.norm(encoder.encode_text(["a dog"]), axis=1), 1, atol=1e-6)


def test_another_user_may_read_a_bundle(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "mine")

    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o644"}
