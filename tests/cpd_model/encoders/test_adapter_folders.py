"""What a folder of transformers says is what counts: its fingerprint, its forms, its damage."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from cpd_model.encoder import FrameEncoder
from cpd_model.errors import BundleError
from tests.cpd_model.encoders.dual_encoders import (
    TEXTS,
    open_here,
    random_clips,
    unit,
)


def test_the_fingerprint_stays_with_the_content(folder: Path, copied_folder: Path) -> None:
    config_path = copied_folder / "config.json"
    config = json.loads(config_path.read_text())
    config_path.write_text(json.dumps(config | {"transformers_version": "0.0"}, indent=8))

    first, second = open_here(folder), open_here(copied_folder)

    assert first.fingerprint == second.fingerprint
    assert len(first.fingerprint) == 64


def test_other_weights_have_another_fingerprint(copied_folder: Path) -> None:
    before = open_here(copied_folder).fingerprint
    model = AutoModel.from_pretrained(copied_folder)
    with torch.no_grad():
        model.text_model.embeddings.token_embedding.weight[5, 0] += 1e-3
    model.save_pretrained(copied_folder)

    assert open_here(copied_folder).fingerprint != before


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("preprocessor_config.json", "image_mean", [0.1, 0.2, 0.3]),
        ("preprocessor_config.json", "rescale_factor", 0.5),
        ("tokenizer_config.json", "model_max_length", 7),
    ],
)
def test_another_setting_has_another_fingerprint(
    copied_folder: Path, file: str, key: str, value: Any
) -> None:
    before = open_here(copied_folder).fingerprint
    settings = json.loads((copied_folder / file).read_text())
    (copied_folder / file).write_text(json.dumps(settings | {key: value}))

    assert open_here(copied_folder).fingerprint != before


@pytest.mark.parametrize("model_type", ["clip"], indirect=True)
@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "torch"])
def test_weights_in_parts_or_of_the_old_kind_are_read(copied_folder: Path, safe: bool) -> None:
    expected_BD = open_here(copied_folder).encode_text(TEXTS)
    model = AutoModel.from_pretrained(copied_folder)
    (copied_folder / "model.safetensors").unlink()
    if safe:
        model.save_pretrained(copied_folder, max_shard_size="20KB")
        assert (copied_folder / "model.safetensors.index.json").is_file()
    else:
        torch.save(model.state_dict(), copied_folder / "pytorch_model.bin")

    np.testing.assert_allclose(open_here(copied_folder).encode_text(TEXTS), expected_BD, atol=1e-6)


@pytest.mark.parametrize("model_type", ["clip"], indirect=True)
def test_half_precision_weights_are_computed_in_full_on_a_cpu(copied_folder: Path) -> None:
    model = AutoModel.from_pretrained(copied_folder).half()
    model.save_pretrained(copied_folder)

    encoder = open_here(copied_folder)

    assert {weights.dtype for weights in encoder._model.parameters()} == {torch.float32}  # type: ignore[attr-defined]


def remove(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def write(name: str, content: str) -> Any:
    return lambda folder: (folder / name).write_text(content)


def set_in(name: str, **values: Any) -> Any:
    def change(folder: Path) -> None:
        settings = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(settings | values))

    return change


def drop_a_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["text_projection.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def cut_the_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


@pytest.mark.parametrize("model_type", ["clip"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (remove("config.json"), "no config.json of a model"),
        (write("config.json", "{"), "cannot read config.json"),
        (set_in("config.json", model_type="bert"), "type 'bert': supported are .* CLIP, SigLIP"),
        (remove("model.safetensors"), "no weights: expected model.safetensors"),
        (cut_the_weights, "cannot load the weights of tiny"),
        (drop_a_tensor, "1 of its tensors are missing, such as text_projection.weight"),
        (remove("tokenizer.json"), "tokenizer of tiny"),
        (remove("preprocessor_config.json"), "no preprocessor_config.json"),
        (set_in("preprocessor_config.json", image_mean=[0.5]), "image_mean = .* three numbers"),
        (set_in("preprocessor_config.json", size={"longest_edge": 9}), "size = .* not supported"),
        (set_in("preprocessor_config.json", crop_size=24), "contradicts itself: .* cut to 24"),
        (set_in("preprocessor_config.json", size=30), "contradicts itself: .* resized to 30"),
        (set_in("preprocessor_config.json", size={"height": 36, "width": 36}), "squashes frames"),
        (set_in("preprocessor_config.json", do_resize=False), "do_resize is false"),
        (set_in("tokenizer_config.json", pad_token=None), "no padding token"),
    ],
)
def test_a_damaged_folder_is_told_in_one_sentence(
    copied_folder: Path, damage: Any, said: str
) -> None:
    damage(copied_folder)

    with pytest.raises(BundleError, match=said) as caught:
        open_here(copied_folder)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model_type", ["clip"], indirect=True)
def test_a_tokenizer_that_ends_no_text_is_refused(copied_folder: Path) -> None:
    tokenizer = json.loads((copied_folder / "tokenizer.json").read_text())
    (copied_folder / "tokenizer.json").write_text(json.dumps(tokenizer | {"post_processor": None}))

    with pytest.raises(BundleError, match="does not end a text with token 3"):
        open_here(copied_folder)


@pytest.mark.parametrize("model_type", ["clip"], indirect=True)
@pytest.mark.parametrize(
    ("settings", "resize", "short_side"),
    [
        ({"size": 36, "crop_size": 32}, "crop", 36),
        ({"size": {"shortest_edge": 32}, "do_center_crop": False}, "crop", 32),
        ({"size": {"height": 32, "width": 32}}, "squash", 32),
    ],
)
def test_sizes_are_read_as_older_and_newer_files_write_them(
    copied_folder: Path, settings: dict[str, Any], resize: str, short_side: int
) -> None:
    set_in("preprocessor_config.json", **settings)(copied_folder)

    spec = open_here(copied_folder).clip_spec

    assert (spec.resize, spec.short_side, spec.frame_size) == (resize, short_side, 32)


@pytest.mark.parametrize("model_type", ["clip"], indirect=True)
def test_settings_nested_in_a_processor_are_read(copied_folder: Path) -> None:
    before = open_here(copied_folder)
    settings = json.loads((copied_folder / "preprocessor_config.json").read_text())
    (copied_folder / "preprocessor_config.json").unlink()
    (copied_folder / "processor_config.json").write_text(json.dumps({"image_processor": settings}))

    assert open_here(copied_folder).fingerprint == before.fingerprint


@pytest.mark.parametrize("model_type", ["clip"], indirect=True)
def test_an_image_processor_may_leave_values_as_they_are(copied_folder: Path) -> None:
    set_in("preprocessor_config.json", do_rescale=False, do_normalize=False)(copied_folder)
    encoder = open_here(copied_folder)
    assert isinstance(encoder, FrameEncoder)
    frames_NHWC = random_clips(encoder, batch=1)[0]
    reference = AutoModel.from_pretrained(copied_folder).eval()
    pixels_NCHW = torch.from_numpy(frames_NHWC).float().permute(0, 3, 1, 2)
    with torch.no_grad():
        expected_ND = unit(reference.get_image_features(pixels_NCHW).pooler_output)

    np.testing.assert_allclose(encoder.encode_frames(frames_NHWC), expected_ND, atol=2e-5)
