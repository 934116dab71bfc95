"""One run a folder: what keeps others out, and what cannot be a run's folder."""

import errno
from pathlib import Path

import pytest

from cpd_model.errors import InputError
from training.recipes import find_recipe, own_pairs
from training.run.folder import RunFolder
from training.run.request import RunRequest
from training.run.run import run_training


def start(out: Path, *, resume: bool = False) -> None:
    """Ask for a run of the recipe smoke."""
    request = RunRequest(
        config=find_recipe("smoke")(), out=out, source=own_pairs("smoke", out=out), resume=resume
    )
    run_training(request, command="test")


def test_two_runs_at_once_do_not_share_a_folder(tmp_path: Path) -> None:
    """Each would drop the other's figures and checkpoints."""
    out = tmp_path / "run"

    with RunFolder(out).claimed():
        with pytest.raises(InputError, match=r"another run writes into .*run now: wait until"):
            start(out, resume=True)
        assert (out / "run.lock").exists()


def test_a_folder_that_nothing_came_into_goes_again(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no run in"):
        start(tmp_path / "run", resume=True)

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_file_is_no_folder_for_a_run(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(InputError, match="is a file or lies below one: --out is a folder"):
        start(tmp_path / out)

    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"cannot make a run in /proc/run: .*; choose another"):
        start(Path("/proc/run"))


def test_a_full_disk_while_a_run_draws_its_pairs_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"No space left on device.*make room, then start it again"),
        RunFolder(tmp_path / "run").claimed(),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
