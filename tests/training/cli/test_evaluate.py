"""`cpd evaluate` as a person types it: real videos, a tiny random model, both kinds of output."""

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from cpd_model.errors import InputError
from cpd_model.testing import COLORS, tiny_bundle
from tests.training.colored_clips import write_colors, write_video
from training.cli.evaluate import evaluate_app


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(tiny_bundle(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def clips(tmp_path):
    """A manifest of two videos of one colour each, a class list, and a file that is no video."""
    for name in ("red", "blue"):
        write_video(tmp_path / f"{name}.mkv", COLORS[name])
    (tmp_path / "broken.mp4").write_bytes(b"")
    (tmp_path / "classes.txt").write_text("1 red\n2 green\n3 blue\n")
    (tmp_path / "clips.csv").write_text("path,caption,label\nred.mkv,red,red\nblue.mkv,blue,blue\n")
    return tmp_path


def evaluate(*words):
    app = typer.Typer()
    app.add_typer(evaluate_app)
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def test_json_is_all_that_comes_on_stdout_and_the_protocol_stands_beside_it(clips, model):
    command = ["retrieval", "--manifest", clips / "clips.csv", "--model", model, "--json"]

    result = evaluate(*command)

    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert (figures["num_videos"], figures["num_queries"], figures["model"]) == (2, 2, model)
    assert "2 captions, each against all 2 videos" in result.stderr
    again = json.loads(evaluate(*command).stdout)
    assert again | {"seconds": 0} == figures | {"seconds": 0}


def test_a_failed_video_is_listed_and_the_exit_status_tells(clips, model):
    with (clips / "clips.csv").open("a") as manifest:
        manifest.write("broken.mp4,green,green\n")
    command = ["zero-shot", "--manifest", clips / "clips.csv", "--model", model]

    shown = evaluate(*command, "--classes", clips / "classes.txt")
    printed = evaluate(*command, "--classes", clips / "classes.txt", "--json")

    assert shown.exit_code == printed.exit_code == 1
    assert "top-1 accuracy" in shown.stdout
    assert "all 3 classes of classes.txt competing" in " ".join(shown.stdout.split())
    assert "broken.mp4" in shown.stdout
    (failure,) = json.loads(printed.stdout)["failures"]
    assert failure["path"] == "broken.mp4"
    assert failure["reason"]


def test_people_get_a_table(clips, model):
    result = evaluate("retrieval", "--manifest", clips / "clips.csv", "--model", model)

    assert result.exit_code == 0
    assert "recall at 10" in result.stdout
    assert "Failed" not in result.stdout


@pytest.mark.parametrize("words", [["retrieval"], ["zero-shot", "--classes", "none.txt"]])
def test_a_slip_of_the_pen_does_not_wait_for_the_model(tmp_path, words):
    result = evaluate(*words, "--manifest", tmp_path / "none.csv", "--model", "no such model")

    assert isinstance(result.exception, InputError)
    assert "no list of videos at" in str(result.exception)


def test_a_second_evaluation_imports_no_decoder(clips, tmp_path):
    program = """
import sys
from pathlib import Path
from cpd_model.testing import ColorEncoder
from training.evaluation.retrieval import evaluate_retrieval

if __name__ == "__main__":
    result = evaluate_retrieval(Path(sys.argv[1]), ColorEncoder(), cache_root=Path(sys.argv[2]))
    print(result.as_json()["recall_at_1"], "av" in sys.modules, "torch" in sys.modules)
"""
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, tmp_path / "program.py", clips / "clips.csv", tmp_path / "cache"]

    runs = [subprocess.run(command, capture_output=True, text=True) for _ in range(2)]

    assert [run.stdout.split() for run in runs] == [
        ["1.0", "True", "False"],
        ["1.0", "False", "False"],
    ], runs[0].stderr


def test_both_directions_stand_in_the_table_and_in_the_json(clips, model):
    command = ["retrieval", "--manifest", clips / "clips.csv", "--model", model]

    shown = evaluate(*command)
    figures = json.loads(evaluate(*command, "--json").stdout)

    assert "Text to video: 2 captions, 2 videos" in " ".join(shown.stdout.split())
    assert "Video to text: 2 videos, 2 captions" in " ".join(shown.stdout.split())
    assert "95 % interval" in shown.stdout
    assert figures["video_to_text"]["num_captions"] == 2
    assert len(figures["intervals"]["mrr"]) == 2


def test_each_class_has_a_row(clips, model):
    command = ["zero-shot", "--manifest", clips / "clips.csv", "--model", model]

    shown = evaluate(*command, "--classes", clips / "classes.txt")
    printed = evaluate(*command, "--classes", clips / "classes.txt", "--json")

    assert "Classes that occur" in shown.stdout
    figures = json.loads(printed.stdout)
    assert [row["name"] for row in figures["per_class"]] == ["red", "blue"]
    assert "all 3 classes of classes.txt competing" in figures["protocol"]


def test_the_half_protocol_says_that_it_is_one(clips, model):
    (clips / "four.txt").write_text("red\nblue\ngreen\nwhite\n")
    command = ["zero-shot", "--manifest", clips / "clips.csv", "--model", model]

    shown = evaluate(*command, "--classes", clips / "four.txt", "--protocol", "half")
    printed = evaluate(
        *command, "--classes", clips / "four.txt", "--protocol", "half", "--draws", 3, "--json"
    )

    assert shown.exit_code == 0, shown.output
    assert "draws of 2 classes" in " ".join(shown.stdout.split())
    assert "half of the classes" in " ".join(shown.stdout.split())
    figures = json.loads(printed.stdout)
    assert len(figures["draws"]) + figures["num_empty_draws"] == 3


@pytest.fixture
def split_clips(tmp_path):
    rows = [
        (color, shade, color, "one group", "train" if shade < 1 else "test")
        for color in ("red", "blue")
        for shade in (0.8, 0.9, 1.0)
    ]
    return write_colors(tmp_path, rows)


def test_linear_prints_its_figures_its_protocol_and_its_warnings(split_clips, model):
    command = ["linear", "--manifest", split_clips, "--views", "1x3", "--model", model]

    shown = evaluate(*command)
    printed = evaluate(*command, "--json")

    assert shown.exit_code == printed.exit_code == 0, shown.output
    assert "Linear classifier, split 1, 2 classes" in " ".join(shown.stdout.split())
    assert "warning: 1 group in both train and test (one group)" in shown.stderr
    figures = json.loads(printed.stdout)
    assert (figures["views"], figures["features"], figures["num_videos"]) == ("1x3", "trunk", 2)
    assert "split 1: 4 train and 2 test videos of 2 classes" in printed.stderr
    assert figures["warnings"]


def test_linear_trains_as_the_authors_do_when_asked(split_clips, model):
    command = ["linear", "--manifest", split_clips, "--views", "2x1", "--model", model]

    result = evaluate(*command, "--protocol", "authors", "--epochs", 2, "--json")

    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert (figures["epochs"], figures["learning_rate"], figures["dropout"]) == (2, 2.0, 0.8)
    assert "as the authors' code has it" in figures["protocol"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--protocol", "authors", "--train-views", "1x1"], "are of --protocol cpd"),
        (["--protocol", "authors", "--features", "embedding"], "are of --protocol cpd"),
        (["--epochs", "3"], "are of --protocol authors"),
        (["--learning-rate", "20"], "are of --protocol authors"),
    ],
)
def test_an_option_of_the_other_linear_protocol_is_refused(split_clips, options, sentence):
    result = evaluate("linear", "--manifest", split_clips, *options)

    assert isinstance(result.exception, InputError)
    assert sentence in str(result.exception)


def test_finetune_tells_each_epoch_and_leaves_a_folder(split_clips, model, tmp_path):
    command = ["finetune", "--manifest", split_clips, "--views", "1x1", "--model", model]

    result = evaluate(
        *[*command, "--epochs", 2, "--batch-size", 4, "--dropout", 0, "--device", "cpu"],
        *["--out", tmp_path / "tuned", "--json"],
    )

    assert result.exit_code == 0, result.output
    assert "epoch 2 of 2: loss" in result.stderr
    figures = json.loads(result.stdout)
    assert (figures["epochs"], figures["num_videos"]) == (2, 2)
    assert sorted(path.name for path in (tmp_path / "tuned").iterdir()) == [
        "classes.txt",
        "classifier.safetensors",
        "figures.json",
    ]


@pytest.mark.parametrize("command", ["linear", "finetune"])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [(["--views", "10"], "views must be"), (["--split", "4"], "has no split 4")],
)
def test_a_slip_in_a_protocol_does_not_wait_for_the_model(split_clips, command, options, sentence):
    result = evaluate(command, "--manifest", split_clips, "--model", "no such model", *options)

    assert isinstance(result.exception, InputError)
    assert sentence in str(result.exception)
