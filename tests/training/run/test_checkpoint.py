"""Checkpoints are whole or absent, few, and belong to one run."""

import errno
import resource

import pytest
import torch

from cpd_model.errors import InputError
from tests.training.run_fakes import assert_equal, begin, everything, run, tiny_config
from training.run.checkpoint import CheckpointFolder, write_file

IDENTITY = {
    "config": {"seed": 0, "loss": {"kind": "nce", "num_negatives": 5}},
    "model": "a" * 64,
    "tokenizer": "b" * 64,
    "pairs": "c" * 64,
}


@pytest.fixture(scope="module")
def state():
    made, stream, plan = begin(tiny_config())
    run(made, stream, plan, tiny_config(), stop=1)
    return made


def test_the_newest_few_stay_and_the_best_beside_them(state, tmp_path):
    checkpoints = CheckpointFolder(tmp_path, identity=IDENTITY, keep=2)

    for step in (1, 2, 30, 100):
        state.step = step
        checkpoints.save(state)
        if step == 2:
            checkpoints.save_best(state)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["best.pt", "step-00000030.pt", "step-00000100.pt"]


def test_a_folder_without_a_checkpoint_leaves_the_state(state, tmp_path):
    before = dict(everything(state))

    loaded = CheckpointFolder(tmp_path / "none", identity=IDENTITY, keep=1).load_newest(state)

    assert not loaded
    assert_equal(everything(state), before)


def test_best_weights_come_back(state, tmp_path):
    checkpoints = CheckpointFolder(tmp_path, identity=IDENTITY, keep=1)
    checkpoints.save_best(state)

    best = checkpoints.load_best()
    assert_equal(best.weights, dict(state.towers.model.state_dict()))
    assert best.temperature == state.objective.temperature == 0.07


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"tokenizer": "x"}, "was started with another tokenizer, so it cannot go on"),
        ({"pairs": "x"}, "was started on other pairs, so it cannot go on"),
        ({"model": "x"}, "was started from another start model, so it cannot go on"),
        (
            {"config": {"seed": 1, "loss": {"kind": "nce", "num_negatives": 7}}},
            r"with other settings \(loss.num_negatives was 5, is 7; seed was 0, is 1\)",
        ),
    ],
)
def test_another_run_is_refused_with_what_differs(state, tmp_path, changed, sentence):
    CheckpointFolder(tmp_path, identity=IDENTITY, keep=1).save(state)
    other = CheckpointFolder(tmp_path, identity={**IDENTITY, **changed}, keep=1)

    with pytest.raises(InputError, match=sentence):
        other.load_newest(state)


def test_a_damaged_checkpoint_is_one_sentence(state, tmp_path):
    checkpoints = CheckpointFolder(tmp_path, identity=IDENTITY, keep=1)
    path = checkpoints.save(state)
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(InputError, match=r"step-.*\.pt is damaged; remove it to go on"):
        checkpoints.load_newest(state)


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = tmp_path / "step-00000001.pt"
    path.write_bytes(b"the last good one")

    def fill(file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match="the disk is full"):
        write_file(path, fill)

    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"the last good one"


def test_a_failure_inside_of_torch_save_is_a_full_disk_too(tmp_path):
    class FullDisk:
        def __init__(self, file):
            self._file = file

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self):
            self._file.flush()

    with pytest.raises(InputError, match="the disk is full"):
        write_file(tmp_path / "x.pt", lambda file: torch.save({"a": torch.ones(3)}, FullDisk(file)))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no such limit here")
def test_a_checkpoint_beyond_a_limit_of_the_system_leaves_the_last_one(tmp_path):
    """A real limit on the size of files, met in the middle of torch.save."""
    path = tmp_path / "step-00000001.pt"
    write_file(path, lambda file: torch.save(torch.ones(10), file))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(InputError, match=r"cannot write step-00000001.pt .*File too large"):
            write_file(path, lambda file: torch.save(torch.ones(1 << 20), file))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert len(torch.load(path)) == 10
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
