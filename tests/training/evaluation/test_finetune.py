"""Fine-tuning a tiny tower on videos of two colours, in seconds."""

import json
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cpd_model.bundles.bundle import open_model
from cpd_model.errors import InputError
from cpd_model.testing import tiny_bundle
from tests.training.colored_clips import write_colors
from tests.training.evaluation.test_linear import separable_rows
from training.data.batch import BatchOrder
from training.evaluation.finetune import FinetuneChoice, evaluate_finetune
from training.evaluation.splits import SplitVideo
from training.evaluation.tower_classifier import AUTHORS_LINEAR, FinetuneSettings, TrainingClips
from training.evaluation.views import ClipShape, Views

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


def test_the_authors_linear_classification_leaves_the_weights_and_moves_the_batch_norms(
    colors, model, tmp_path
):
    settings = replace(AUTHORS_LINEAR, epochs=3, batch_size=6, learning_rate=0.5)
    choice = FinetuneChoice(views=Views(2, 1), settings=settings)

    result = evaluate_finetune(colors, model, choice=choice, device="cpu", out=tmp_path / "made")

    tuned = load_file(tmp_path / "made" / "classifier.safetensors")
    tower = open_model(Path(model))[0].video_tower
    learns = {name for name, _ in tower.named_parameters()}
    moved = {
        name
        for name, old in tower.state_dict().items()
        if (tuned[f"video_tower.{name}"] != old).any()
    }
    assert moved.isdisjoint(learns)
    assert all("running" in name or "num_batches" in name for name in moved)
    assert bool(moved) == any("running" in name for name in tower.state_dict())
    assert result.protocol.count("a linear layer on the frozen video tower") == 1
    assert "2x1 (starts at i of n) views" in result.protocol
    assert result.as_json()["frozen"] is True


@pytest.mark.parametrize(("protocol", "batches_seen"), [("cpd", 1), ("authors", 3)])
def test_batch_norms_are_settled_by_our_protocol_and_run_on_in_the_authors(
    colors, tmp_path, protocol, batches_seen
):
    """Ours counts the batches of the last look alone, theirs those of all three epochs."""
    model = str(tiny_bundle(tmp_path / "resnet3d", video_tower="resnet3d"))

    settings = {"epochs": 3, "batch_size": 6, "protocol": protocol}
    finetune(colors, model, settings=settings, out=tmp_path / "made")

    weights = load_file(tmp_path / "made" / "classifier.safetensors")
    counts = {int(value) for name, value in weights.items() if "num_batches_tracked" in name}
    assert counts == {batches_seen}


@pytest.mark.parametrize(("mirrors_all", "some"), [(False, False), (True, True)])
def test_clips_of_a_class_that_names_a_side_are_mirrored_by_the_authors_alone(mirrors_all, some):
    plans = []

    def submit(function, path, pair, plan, spec, seconds):
        plans.append(plan)
        reading = Future()
        reading.set_result(np.zeros((2, 8, 8, 3), np.uint8))
        return reading

    clips = TrainingClips(
        videos=[SplitVideo(Path(f"{n}.mkv"), 0, "") for n in range(8)],
        class_names=["turn left"],
        order=BatchOrder(num_items=8, batch_size=8, seed=0),
        shape=ClipShape(2, 1.0, 8),
        short_side_pixels=(8, 8),
        submit=submit,
        mirrors_all=mirrors_all,
    )

    list(clips.batches(0, 2))

    assert any(plan.mirrored for plan in plans) == some


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
