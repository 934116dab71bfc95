"""A run on a frozen backbone's features: what is measured first, what learns, what is rounded."""

from dataclasses import replace

import pytest
import torch

from cpd_model.bundles.bundle import open_model
from cpd_model.errors import InputError
from cpd_model.testing import tiny_bundle
from training.config import Curriculum, DataChoice, LossChoice, ModelChoice, OptimizerChoice
from training.config import RunConfig as Config
from training.run.request import RunRequest
from training.run.run import run_training
from training.synthetic.smoke import make_smoke_pairs


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A bundle whose random backbone is large enough that its features survive float16."""
    return tiny_bundle(tmp_path_factory.mktemp("start") / "start", float16_features=True)


def config(start, **video_options):
    options = {"hidden_dim": 6, "feature_blocks": [6, 2], "standardized": True, **video_options}
    return Config(
        recipe="test",
        epochs=2.0,
        model=ModelChoice(
            start=str(start),
            changes={"video_options": options},
            train_backbone=False,
            features=True,
        ),
        data=DataChoice(batch_size=4, num_workers=1),
        loss=LossChoice(kind="infonce", temperature=0.1),
        optimizer=OptimizerChoice(kind="adamw", learning_rate=0.01, schedule="constant"),
        curriculum=Curriculum(unfreeze_epoch=None),
        round_weights=True,
    )


@pytest.fixture(scope="module")
def finished(start, tmp_path_factory):
    """The start's model and the result's."""
    out = tmp_path_factory.mktemp("run")
    request = RunRequest(
        config=config(start),
        out=out / "run",
        pairs=make_smoke_pairs(out / "videos"),
        device="cpu",
    )
    result = run_training(request, command="cpd train test")
    return open_model(start)[0], open_model(result.bundle)[0]


def test_the_scale_is_measured_before_the_first_step(finished):
    scale = finished[1].video_tower.scale

    assert scale.mean_F.abs().max() > 0.01
    assert scale.deviation_F.min() >= 1e-3
    assert not torch.equal(scale.deviation_F, torch.ones_like(scale.deviation_F))


def test_the_frozen_towers_are_those_of_the_start_and_the_heads_learned(finished):
    before, after = (model.state_dict() for model in finished)

    frozen = [name for name in before if ".backbone." in name or ".encoder." in name]
    assert len(frozen) > 50
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    projection = "text_tower.projection.0.weight"
    assert not torch.equal(before[projection], after[projection])


def test_what_learned_is_a_half_precision_number(finished):
    learned = [
        weight
        for name, weight in finished[1].named_parameters()
        if name.startswith(("video_tower.projection", "text_tower.projection"))
    ]

    assert len(learned) == 10
    assert all(torch.equal(weight, weight.half().float()) for weight in learned)


def test_a_scale_that_nothing_can_measure_is_refused(start, tmp_path):
    without = config(start)
    without = replace(without, model=replace(without.model, features=False))
    request = RunRequest(
        config=without, out=tmp_path / "run", pairs=make_smoke_pairs(tmp_path / "videos")
    )

    with pytest.raises(InputError, match=r"set model\.features=true, or video_options"):
        run_training(request, command="cpd train test")
