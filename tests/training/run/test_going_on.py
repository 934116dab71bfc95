"""A run goes on after a kill as if nothing had been, and further than it was begun for."""

import json

import pytest

from cpd_model.errors import InputError
from tests.training.run_listener import RememberingListener
from training.recipes import configure, with_own_parts
from training.run.request import RunRequest
from training.run.run import run_training

TIMES = {"clips_per_second", "wait_share", "evaluation_seconds"}
SETTINGS = ["optimizer.schedule=constant", "evaluate_epochs=1", "checkpoint_steps=4"]


class Killer(RememberingListener):
    """Ends the run at the first line of a step, after the line and before any checkpoint."""

    def __init__(self, step):
        super().__init__()
        self._step = step

    def measured(self, figures):
        super().measured(figures)
        if figures["step"] == self._step:
            raise KeyboardInterrupt


def ask(out, max_steps, *settings, resume=False):
    config = configure("smoke", [*SETTINGS, *settings])
    return with_own_parts(
        RunRequest(config=config, out=out, max_steps=max_steps, resume=resume, device="cpu")
    )


def train(request, listener=None):
    return run_training(request, command="cpd train smoke", listener=listener)


def left(out):
    """What a run left but for times: its figures line by line, and what its bundle is."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    figures = [{key: line[key] for key in line.keys() - TIMES} for line in lines]
    return figures, json.loads((out / "run.json").read_text())["bundle_fingerprint"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """What nine steps leave that were asked for at once."""
    out = tmp_path_factory.mktemp("straight") / "run"
    train(ask(out, 9))
    return left(out)


@pytest.fixture
def short(tmp_path):
    """The folder of a finished run of six steps."""
    train(ask(tmp_path / "run", 6))
    return tmp_path / "run"


def test_a_run_killed_between_checkpoint_and_line_leaves_the_same_figures(straight, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(ask(out, 9), Killer(6))

    train(ask(out, 9, resume=True))

    assert left(out) == straight


def test_a_finished_run_that_goes_on_is_one_that_was_begun_longer(straight, short):
    train(ask(short, 9, resume=True))

    assert left(short) == straight


def test_more_epochs_extend_a_run_as_more_steps_do(straight, tmp_path):
    out = tmp_path / "run"
    train(ask(out, None, "epochs=2"))

    result = train(ask(out, None, "epochs=3", resume=True))

    assert result.step == 9
    assert left(out) == straight


def test_a_finished_run_that_is_asked_for_no_more_is_refused_and_stays(short):
    before = left(short)

    with pytest.raises(InputError, match=r"is finished: its result is in .*set epochs or.*max-st"):
        train(ask(short, 6, resume=True))

    assert left(short) == before


def test_a_stopped_run_cannot_become_shorter_than_it_is(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(ask(out, 9), Killer(6))

    with pytest.raises(InputError, match="has done 4 steps already, and 3 were asked for"):
        train(ask(out, 3, resume=True))


def test_a_longer_run_is_still_of_one_seed(short):
    with pytest.raises(InputError, match=r"with other settings .*seed was 0, is 1"):
        train(ask(short, 9, "seed=1", resume=True))


def test_a_cosine_that_becomes_longer_is_told(tmp_path):
    out, told = tmp_path / "run", RememberingListener()
    train(ask(out, 3, "optimizer.schedule=cosine"))

    train(ask(out, 4, "optimizer.schedule=cosine", resume=True), told)

    assert any("ends at step 4, not 3" in message for message in told.messages)
    assert any("the cosine goes on as that of 4 steps" in message for message in told.messages)
    assert told.lines[-1]["learning_rate"] == pytest.approx(0.03 * 0.5 * (1 - 2**-0.5))
