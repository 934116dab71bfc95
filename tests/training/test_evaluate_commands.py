"""`cpd evaluate` as a person types it: real videos, a tiny random model, both kinds of output."""

import json
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cpd_model.errors import InputError
from cpd_model.testing import COLORS, tiny_bundle
from training.evaluate_commands import evaluate_app


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


def write_video(path, color):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        picture = np.full((32, 48, 3), color, dtype=np.uint8)
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


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
    assert "no manifest" in str(result.exception)


def test_a_second_evaluation_imports_no_decoder(clips, tmp_path):
    program = """
import sys
from pathlib import Path
from cpd_model.testing import ColorEncoder
from training.evaluate import evaluate_retrieval

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
