"""A bundle opened for texts alone answers as the whole one, or leaves the answer to it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cpd_model.bundles.bundle import open_bundle, save_bundle
from cpd_model.bundles.record import write_record
from cpd_model.bundles.text_alone import open_text_encoder
from cpd_model.config import PRESETS, CPDConfig
from cpd_model.encoder import TextEncoder
from cpd_model.errors import BundleError
from cpd_model.made_tokenizers import tiny_tokenizer
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor

MOST = 1e-5
"""How far a unit vector of NumPy may be from PyTorch's, in any dimension."""

DISTILBERT = {
    "model_type": "distilbert",
    "vocab_size": 64,
    "dim": 16,
    "hidden_dim": 24,
    "n_layers": 2,
    "n_heads": 4,
    "max_position_embeddings": 16,
}
TINY = PRESETS["tiny-frames"]["text_options"]
TOWERS: dict[str, dict[str, Any]] = {
    "bert": TINY,
    "bert of three layers": {**TINY, "encoder": {**TINY["encoder"], "num_hidden_layers": 3}},
    "distilbert": {**TINY, "encoder": DISTILBERT},
    "the authors'": {**TINY, "encoder": DISTILBERT, "attends_padding": True},
    "a linear projection": {**TINY, "projection": "linear"},
}
TEXTS = [
    "a",
    "a red scene",
    "A RED   Scene, and then green!",
    "blue " * 40,  # cut
    "\u4e00\u53ea\u72d7",  # no word of its vocabulary
    "caf\u00e9\tna\u00efve [SEP] x [MASK]",
    "0 1 2 3 4 5 6 7 8 9",
]
LANGUAGES = [
    *("a dog catching a frisbee", "ein Hund f\u00e4ngt eine Frisbeescheibe", "x" * 3000),
    *("\u72ac\u304c\u8d70\u308b", "\u0441\u043e\u0431\u0430\u043a\u0430 \u0431\u0435\u0436\u0438"),
    *("\u0643\u0644\u0628 \u064a\u062c\u0631\u064a", "un chien court apr\u00e8s le ballon"),
    *("\U0001f415\U0001f3be play", "word " * 500, "\u200b.", "don't stop -- e.g. at 3:15 p.m."),
]


def make_bundle(folder: Path, text_options: dict[str, Any]) -> Path:
    """A tiny bundle whose weights are as large as trained ones, so that each word counts."""
    config = CPDConfig.preset("tiny-frames", text_options=text_options)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(2)
        model = CPDModel(config)
        for weights in model.text_tower.parameters():
            weights.mul_(4).add_(0.05)
    save_bundle(model, CPDProcessor.for_config(config, tiny_tokenizer()), folder)
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle") / "tiny", TINY)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def opened(folder: Path) -> TextEncoder:
    encoder = open_text_encoder(folder, name="mine")
    assert encoder is not None
    return encoder


@pytest.mark.parametrize("tower", TOWERS)
def test_texts_have_the_vectors_of_the_whole_bundle(tower: str, tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "tiny", TOWERS[tower])
    whole = open_bundle(folder, name="mine")

    alone = opened(folder)
    found_BD = alone.encode_text(TEXTS)

    assert isinstance(alone, TextEncoder)
    assert (alone.name, alone.fingerprint) == (whole.name, whole.fingerprint)
    assert found_BD.dtype == np.float32
    np.testing.assert_allclose(found_BD, whole.encode_text(TEXTS), rtol=0, atol=MOST)
    spread = np.linalg.norm(found_BD[:, None] - found_BD[None], axis=2)
    assert np.median(spread) > 100 * MOST


@pytest.mark.slow
@pytest.mark.parametrize("built_in", ["start_bundle", "base_bundle"])
def test_the_built_in_models_need_no_pytorch_for_texts_of_any_language(
    built_in: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(built_in)

    found_BD = opened(folder).encode_text(LANGUAGES)

    expected_BD = open_bundle(folder).encode_text(LANGUAGES)
    np.testing.assert_allclose(found_BD, expected_BD, rtol=0, atol=MOST)


def test_a_batch_gives_the_rows_of_its_texts_alone(original: Path) -> None:
    encoder = opened(original)

    rows = [encoder.encode_text([text])[0] for text in TEXTS]

    np.testing.assert_array_equal(encoder.encode_text(TEXTS), rows)


@pytest.mark.parametrize("texts", [[], ["a", ""], [" "]])
def test_a_text_that_is_none_is_refused(texts: list[str], original: Path) -> None:
    with pytest.raises(ValueError, match="one or more non-empty strings"):
        opened(original).encode_text(texts)


def test_weights_stored_in_half_precision_are_computed_with_in_single(folder: Path) -> None:
    edit_weights(folder, lambda weights: weights.half())
    write_record(folder)

    found_BD = opened(folder).encode_text(TEXTS)

    expected_BD = open_bundle(folder).encode_text(TEXTS)
    np.testing.assert_allclose(found_BD, expected_BD, rtol=0, atol=MOST)


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_weights(folder: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    weights = {
        name: change(weight) if weight.is_floating_point() else weight
        for name, weight in load_file(folder / "model.safetensors").items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def edit_encoder(folder: Path, **settings: object) -> None:
    edit_json(folder / "config.json", lambda it: it["text_options"]["encoder"].update(**settings))


def edit_tokenizer(folder: Path, **settings: object) -> None:
    edit_json(folder / "tokenizer_config.json", lambda it: it.update(**settings))


UNKNOWN: dict[str, Callable[[Path], object]] = {
    "another activation": lambda folder: edit_encoder(folder, hidden_act="relu"),
    "a setting of another year": lambda folder: edit_encoder(folder, rotary=True),
    "numbers that NumPy has not": lambda folder: edit_weights(folder, lambda it: it.bfloat16()),
    "texts cut on the left": lambda folder: edit_tokenizer(folder, truncation_side="left"),
    "a word that pads and is no special token": lambda folder: edit_tokenizer(
        folder, pad_token="red"
    ),
    "tokens that are added": lambda folder: edit_tokenizer(folder, extra_special_tokens=["dog"]),
    "tokens that are added by a file": lambda folder: (folder / "added_tokens.json").write_text(
        '{"dog": 7}'
    ),
    "a start and an end of another kind": lambda folder: edit_tokenizer(folder, add_eos_token=True),
}
"""Changes of a good bundle after which it is good still."""


@pytest.mark.parametrize("change", UNKNOWN)
def test_what_is_not_known_to_the_last_setting_is_left_to_pytorch(
    change: str, folder: Path
) -> None:
    UNKNOWN[change](folder)
    write_record(folder)

    assert open_text_encoder(folder, name="mine") is None


BROKEN: dict[str, Callable[[Path], object]] = {
    "no configuration": lambda folder: (folder / "config.json").unlink(),
    "an empty configuration": lambda folder: (folder / "config.json").write_text("{}"),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "a tokenizer of another format": lambda folder: (folder / "tokenizer.json").write_text("{}"),
    "another longest text": lambda folder: edit_json(
        folder / "processor_config.json", lambda it: it.update(max_tokens=3)
    ),
}


@pytest.mark.parametrize("change", BROKEN)
def test_what_is_broken_is_told_by_who_opens_all_of_it(change: str, folder: Path) -> None:
    BROKEN[change](folder)

    assert open_text_encoder(folder, name="mine") is None


CHANGED: dict[str, Callable[[Path], object]] = {
    "weights": lambda folder: edit_weights(folder, lambda it: it * 1.001),
    "temperature": lambda folder: edit_json(
        folder / "config.json", lambda it: it.update(similarity_temperature=0.5)
    ),
    "vocabulary": lambda folder: edit_json(
        folder / "tokenizer.json", lambda it: it["model"]["vocab"].update(a=5, red=12)
    ),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_bundle_is_refused_in_the_same_sentence(change: str, folder: Path) -> None:
    CHANGED[change](folder)

    with pytest.raises(BundleError) as whole:
        open_bundle(folder)
    with pytest.raises(BundleError) as alone:
        open_text_encoder(folder, name="mine")

    assert str(alone.value) == str(whole.value)
    assert "changed after it was made" in str(alone.value)
