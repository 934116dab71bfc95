"""`cpd train`: a stranger's first run, stopping and going on, and what cannot be."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from typer.testing import CliRunner

import cpd
from cpd_model.bundles.bundle import open_bundle
from cpd_model.errors import InputError
from training.config import RunConfig
from training.recipes import smoke
from training.run.settings import apply_settings


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished smoke run, and what it printed."""
    out = tmp_path_factory.mktemp("smoke") / "run"
    printed = CliRunner().invoke(
        cpd.app, ["train", "smoke", "--out", str(out), "--json"], catch_exceptions=False
    )
    assert printed.exit_code == 0
    return out, printed


def test_json_is_the_last_figures_and_the_bundle_alone(finished):
    out, printed = finished

    figures = json.loads(printed.stdout)

    assert figures["bundle"] == str(out / "bundle")
    assert {"step", "loss", "recall_at_1", "video_to_text_recall_at_10"} <= figures.keys()
    assert "memory expected" in printed.stderr


@pytest.mark.slow
def test_banks_on_disk_say_their_size_before_the_first_step(tmp_path):
    """12 pairs x 8 dimensions x 4 bytes x 2 banks."""
    words = ["train", "smoke", "--out", str(tmp_path / "run"), "--max-steps", "2"]

    printed = CliRunner().invoke(cpd.app, [*words, "--set", "loss.bank_on_disk=true"])

    assert printed.exit_code == 0
    assert "memory banks: 0 MiB on disk for each process" in printed.stderr


def test_the_bundle_is_whole_and_answers(finished):
    from cpd_model.bundles.bundle import verify_bundle

    out, _ = finished

    assert verify_bundle(out / "bundle") == []
    encoder = open_bundle(out / "bundle")
    assert encoder.encode_text(["a red square moves up"]).shape == (1, encoder.embed_dim)


@pytest.mark.parametrize(
    ("settings", "temperature"),
    [
        (["loss.temperature=0.2"], 0.2),
        (["loss.kind=infonce", "loss.temperature=0.2"], 0.2),
    ],
)
def test_labels_are_weighed_by_the_temperature_that_was_trained_at(settings, temperature, tmp_path):
    out = tmp_path / "run"
    words = [word for setting in settings for word in ("--set", setting)]

    _invoke("smoke", "--out", out, "--max-steps", "2", *words)

    assert open_bundle(out / "bundle").temperature == temperature


def test_labels_are_weighed_by_the_scale_that_the_sigmoid_learned_by_its_best_step(tmp_path):
    out = tmp_path / "run"
    words = ("--set", "loss.kind=sigmoid", "--set", "loss.temperature=0.2")

    _invoke("smoke", "--out", out, *words, "--set", "evaluate_epochs=1")

    record = json.loads((out / "run.json").read_text())
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    (best,) = [line for line in lines if line["step"] == record["chosen_step"]]
    temperature = open_bundle(out / "bundle").temperature
    assert temperature == pytest.approx(1 / best["scale"], rel=1e-6)
    assert temperature != 0.2


def test_the_card_says_data_steps_seed_and_figures(finished):
    out, _ = finished

    card = (out / "bundle" / "README.md").read_text()

    for words in ("12 pairs", "Terms:", "recall_at_5", "seed: 0", "cpd train smoke"):
        assert words in card
    assert "pipeline_tag: feature-extraction" in card


def test_the_record_says_which_run_this_was(finished):
    out, _ = finished

    record = json.loads((out / "run.json").read_text())

    assert record["finished"]
    assert record["settings"] == json.loads(json.dumps(smoke().as_json()))
    assert record["data"]["num_train"] == 12
    assert record["data"]["num_val"] == 4
    assert record["steps"] == record["total_steps"] == 30
    assert record["stage_two_step"] == 15
    assert record["memory"]["peak_bytes"] > 0
    assert {"torch", "transformers", "python"} <= record["versions"].keys()


def test_metrics_are_lines_in_order_and_curves(finished):
    out, _ = finished

    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]

    steps = [line["step"] for line in lines]
    assert steps == sorted(set(steps))
    assert steps[-1] == 30
    assert {line["stage"] for line in lines} == {"I", "II"}
    assert list((out / "tensorboard").iterdir())


def test_a_finished_run_does_not_go_on(finished):
    out, _ = finished

    with pytest.raises(InputError, match="is finished: its result is in"):
        _invoke("smoke", "--out", out, "--resume")


def test_a_run_is_not_written_over(finished):
    out, _ = finished

    with pytest.raises(InputError, match="is finished"):
        _invoke("smoke", "--out", out)


def test_show_prints_lines_that_set_takes():
    printed = CliRunner().invoke(cpd.app, ["train", "smoke", "--show", "--set", "seed=5"])

    rebuilt = apply_settings(RunConfig(recipe=""), printed.stdout.splitlines())

    assert rebuilt == apply_settings(smoke(), ["seed=5"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["smok"], "no recipe 'smok'; did you mean smoke"),
        (["smoke", "--set", "seeds=1"], "no setting seeds; did you mean seed"),
        (["base"], "learns from your videos: name their list with --pairs"),
        (["smoke", "--resume"], "there is no run in .* to go on with"),
        (["smoke", "--pairs", "none.csv"], "no list of videos at none.csv"),
        (["smoke", "--set", "data.batch_size=13"], "a batch of 13 needs as many pairs"),
        (["smoke", "--set", "loss.num_negatives=13"], "num_negatives is 13 and there are 12 pairs"),
        (["smoke", "--set", "data.batch_size=1"], "data.batch_size cannot be '1': .* equal to 2"),
        (["smoke", "--set", "accumulate=4"], "part of one pair cannot pass the .* batch norm"),
        (["base", "--set", "model.preset=tiny-frames"], "model.preset does nothing where a model"),
        (
            ["smoke", "--model", "cpd-start", "--set", "model.video_start=r50.pth"],
            "model.video_start does nothing where a model is the start .*; leave it out",
        ),
        (["smoke", "--set", "model.preset=big"], "model.preset 'big' is unknown"),
        (["smoke", "--set", "model.preset=cpd-r50"], "a new model needs a tokenizer"),
        (["smoke", "--model", "nowhere"], "no model 'nowhere'"),
        (["smoke", "--set", "model.features=true"], "set model.train_backbone=false"),
        (["smoke", "--set", "model.changes.depth=3"], "model.changes.depth: .*no such value"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_no_bundle(words, sentence, tmp_path):
    with pytest.raises(InputError.__base__, match=sentence):
        _invoke(*words, "--out", tmp_path / "run")

    assert not (tmp_path / "run" / "run.json").exists()


def test_videos_in_both_lists_are_told(finished, tmp_path):
    source = finished[0] / "videos" / "pairs.jsonl"
    val = source.with_name("val.jsonl")
    known = [line for line in source.read_text().splitlines() if '"train"' in line]
    val.write_text("\n".join(known[:7]))

    printed = _invoke(
        *("smoke", "--out", tmp_path / "run", "--pairs", source, "--val", val),
        *("--max-steps", "1"),
    )

    assert "warning: 7 of 7 videos of --val are learned from too" in printed.stderr
    assert "red-left, red-down, red-up, green-right, green-down and 2 more" in printed.stderr


LONG = ("--set", "epochs=24")
"""Enough steps that a signal finds the run under way."""


@pytest.fixture(scope="module")
def unstopped(tmp_path_factory):
    """The record of a run that nobody stopped."""
    out = tmp_path_factory.mktemp("unstopped") / "run"
    _invoke("smoke", *LONG, "--out", out)
    return json.loads((out / "run.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 0), pytest.param(signal.SIGINT, 130, marks=pytest.mark.long_faults)],
)
def test_a_stopped_run_says_how_to_go_on_and_ends_like_an_unstopped_one(
    number, code, unstopped, tmp_path
):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "cpd", "train", "smoke", *LONG, "--out", str(out)]
    # as many threads as here: sums of floats depend on it
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    _wait_for(out / "metrics.jsonl", running)
    running.send_signal(number)
    _, told = running.communicate(timeout=120)

    assert running.returncode == code, told
    assert f"go on with: cpd train smoke --out {out} --set epochs=24 --resume" in told
    assert not (out / "bundle").exists()

    _invoke("smoke", *LONG, "--out", out, "--resume")

    record = json.loads((out / "run.json").read_text())
    assert record["bundle_fingerprint"] == unstopped["bundle_fingerprint"]


def _invoke(*words):
    return CliRunner().invoke(
        cpd.app, ["train", *map(str, words)], catch_exceptions=False, standalone_mode=False
    )


def _wait_for(path, running):
    deadline = time.monotonic() + 120
    while not (path.exists() and path.stat().st_size):
        assert running.poll() is None, running.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
