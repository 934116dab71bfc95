"""Who runs smoke is not warned; who lets nothing learn is, before the run ends."""

import pytest

from tests.training.run_listener import RememberingListener
from training.recipes import configure, with_own_parts
from training.run.request import RunRequest
from training.run.run import run_training


def warnings_of(out, *settings):
    told = RememberingListener()
    request = RunRequest(config=configure("smoke", settings), out=out, device="cpu")
    run_training(with_own_parts(request), command="cpd train smoke", listener=told)
    return [message for message in told.messages if "the loss is" in message]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_smoke_run_is_not_warned_about(seed, tmp_path):
    assert warnings_of(tmp_path / "run", f"seed={seed}") == []


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_in_which_nothing_learns_is_told(seed, tmp_path):
    rates = "optimizer.learning_rate=0", "curriculum.text_learning_rate=0"

    (told,) = warnings_of(tmp_path / "run", f"seed={seed}", *rates)

    assert "no longer falls, that of a model that knows nothing is 5.742" in told
