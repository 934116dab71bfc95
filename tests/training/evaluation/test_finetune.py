"""Fine-tuning a tiny tower on videos of two colours, in seconds."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cpd_model.errors import InputError
from cpd_model.testing import tiny_bundle
from tests.training.colored_clips import write_colors
from tests.training.evaluation.test_linear import separable_rows
from training.evaluation.finetune import FinetuneChoice, evaluate_finetune
from training.evaluation.tower_classifier import FinetuneSettings
from training.evaluation.views import Views

SETTINGS = {"epochs": 20, "batch_size": 6, "dropout": 0.0, "seed": 1}


@pytest.fixture(scope="module")
def colors(tmp_path_factory):
    return write_colors(tmp_path_factory.mktemp("colors"), separable_rows())


@pytest.fixture(scope="module", params=["resnet3d", "frames"])
def model(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("models") / request.param
    return str(tiny_bundle(folder, video_tower=request.param))


def finetune(manifest, model, *, settings=SETTINGS, **options):
    choice = FinetuneChoice(views=Views(2, 3), settings=FinetuneSettings(**settings))
    return evaluate_finetune(manifest, model, choice=choice, device="cpu", **options)


def test_two_colours_are_learned_and_told(colors, model, tmp_path):
    epochs = []

    result = finetune(colors, model, on_epoch=epochs.append, out=tmp_path / "classifier")

    assert [epoch.number for epoch in epochs] == list(range(1, 21))
    assert epochs[-1].loss < epochs[0].loss / 2
    figures = result.as_json()
    assert figures["top1"] == 1
    assert (figures["epochs"], figures["views"], figures["num_train_videos"]) == (20, "2x3", 6)
    frames = 8 if model.endswith("resnet3d") else 4  # a 3D tower takes twice the model's own
    assert figures["num_frames"] == frames
    assert f"random clips of {frames} frames" in result.protocol
    assert json.loads((tmp_path / "classifier" / "figures.json").read_text()) == json.loads(
        json.dumps(figures)
    )
    assert (tmp_path / "classifier" / "classes.txt").read_text() == "go\nstop\n"
    weights = load_file(tmp_path / "classifier" / "classifier.safetensors")
    assert weights["head.weight"].shape[0] == 2


def test_the_same_seed_learns_the_same_bit_for_bit(colors, model):
    torch.manual_seed(1)
    runs = []
    for seed in (1, 1, 2):
        losses = []
        finetune(
            colors,
            model,
            settings=SETTINGS | {"epochs": 2, "seed": seed},
            on_epoch=lambda epoch, losses=losses: losses.append(epoch.loss),
        )
        torch.rand(1)  # what others draw in between decides nothing
        runs.append(losses)

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_videos_that_cannot_be_read_are_counted_and_the_rest_is_learned(tmp_path, model):
    manifest = write_colors(tmp_path, separable_rows())
    (tmp_path / "0-red.mkv").write_bytes(b"")
    (tmp_path / "8-green.mkv").unlink()

    figures = finetune(manifest, model, settings=SETTINGS | {"epochs": 2}).as_json()

    assert figures["num_train_videos"] == 5
    assert [failure["path"] for failure in figures["failures"]] == ["0-red.mkv", "8-green.mkv"]
    assert figures["top1"] <= 3 / 4


def test_a_folder_that_exists_is_not_written_into(colors, model, tmp_path):
    with pytest.raises(InputError, match="exists already"):
        finetune(colors, model, out=tmp_path)


def test_a_ready_made_model_is_refused_in_one_sentence(colors, tmp_path):
    (tmp_path / "clip").mkdir()

    with pytest.raises(InputError, match="no bundle of cpd"):
        finetune(colors, str(tmp_path / "clip"))


def test_a_rate_that_blows_up_is_one_sentence(colors, model):
    with pytest.raises(InputError, match="choose a smaller --learning-rate"):
        finetune(colors, model, settings=SETTINGS | {"learning_rate": 1e30})


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"batch_size": 1}, {"dropout": 1.0}])
def test_settings_out_of_range_are_one_sentence(settings):
    with pytest.raises(InputError):
        FinetuneSettings(**settings)


def test_the_rate_falls_when_the_loss_does_not(tmp_path, model):
    """Two videos that are the same but for their label: nothing can be learned."""
    rows = [("red", 1.0, label, "", part) for part in ("train", "test") for label in "ab"]
    manifest = write_colors(tmp_path, rows)
    epochs = []

    finetune(
        manifest,
        model,
        settings={"epochs": 12, "batch_size": 2, "dropout": 0.0, "patience": 1, "seed": 3},
        on_epoch=epochs.append,
    )

    assert epochs[-1].learning_rate < epochs[0].learning_rate
    assert np.log(2) * 0.9 < epochs[-1].loss
