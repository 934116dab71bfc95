"""`torchrun -m cpd train`: several processes are one run, and one of them talks."""

import json
import os
import subprocess
import sys

import pytest

from cpd_model.errors import InputError
from training.adapt.run import run_adaptation
from training.recipes import adapt
from training.run.request import RunRequest


@pytest.mark.slow
def test_one_process_of_two_prints_the_result(tmp_path):
    out = tmp_path / "run"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words = ["-m", "cpd", "train", "smoke", "--out", str(out), "--max-steps", "2", "--json"]

    ended = subprocess.run(
        [*launcher, "--nproc-per-node", "2", *words],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["step"] == 2
    record = json.loads((out / "run.json").read_text())
    assert record["processes"] == 2
    assert record["finished"]


def test_adapting_in_several_processes_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    request = RunRequest(config=adapt(), out=tmp_path / "run", pairs=tmp_path / "clips.csv")

    with pytest.raises(
        InputError, match=r"adapt runs in one process, .*: start it without torchrun"
    ):
        run_adaptation(request, command="cpd train adapt")

    assert not (tmp_path / "run").exists()
