"""A run is one state and one step: it learns, and it can be stopped anywhere."""

from dataclasses import replace

import pytest
import torch

from cpd_model.errors import InputError
from tests.training.run_fakes import (
    assert_equal,
    begin,
    everything,
    plain_changes,
    run,
    tiny_config,
)
from training.config import Curriculum, LossChoice, OptimizerChoice
from training.data.batch import BatchOrder
from training.method.learners import TEXT_ENCODER
from training.recipes import kinetics210k
from training.run.checkpoint import CheckpointFolder
from training.run.loop import Plan, learning_rates

KINDS = ("nce", "infonce", "sigmoid")


def test_can_memorise_one_batch():
    config = tiny_config(
        optimizer=OptimizerChoice(kind="adamw", learning_rate=0.02, schedule="constant")
    )
    state, stream, _ = begin(config, order=BatchOrder(num_items=4, batch_size=4, seed=0))

    reports = run(state, stream, Plan(steps_per_epoch=1, total_steps=60), config)

    assert reports[-1].loss < 0.2 * reports[0].loss


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("killed_after", [1, 2, 3, 5])
def test_stopping_and_resuming_changes_nothing(kind, killed_after, tmp_path):
    config = tiny_config(kind=kind)
    straight, stream, plan = begin(config)
    run(straight, stream, plan, config)

    state, stream, plan = begin(config)
    run(state, stream, plan, config, stop=killed_after)
    checkpoints = CheckpointFolder(tmp_path, identity={}, keep=1)
    checkpoints.save(state)
    torch.manual_seed(99)
    resumed, stream, plan = begin(config)
    assert checkpoints.load_newest(resumed)
    run(resumed, stream, plan, config)

    assert_equal(everything(resumed), everything(straight))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parts", [2, 3, 4])
def test_a_batch_in_parts_gives_the_gradient_of_the_whole(kind, parts):
    whole = tiny_config(kind=kind, unfreeze_epoch=0.0, model=plain_changes())
    cut = replace(whole, accumulate=parts)

    at_once, stream, plan = begin(whole)
    reports = run(at_once, stream, plan, whole)
    in_parts, stream, plan = begin(cut)
    same = run(in_parts, stream, plan, cut)

    assert [r.loss for r in same] == pytest.approx([r.loss for r in reports], rel=1e-5)
    for name, weight in at_once.towers.model.state_dict().items():
        torch.testing.assert_close(in_parts.towers.model.state_dict()[name], weight, msg=name)


def test_parts_repeat_their_dropout_when_they_are_computed_again():
    config = tiny_config(unfreeze_epoch=0.0, accumulate=2)
    state, stream, _ = begin(config)
    batch = next(stream.batches(0, 1))
    state.towers.set_stage("II")
    state.towers.train()

    torch.manual_seed(5)
    once = state.towers(batch).text_BD
    torch.manual_seed(5)
    again = state.towers(batch).text_BD
    torch.manual_seed(6)
    other = state.towers(batch).text_BD

    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize("changes", [{"accumulate": 2}, {"activation_checkpointing": True}])
def test_batch_norms_count_a_batch_once_however_often_it_is_computed(changes):
    config = tiny_config(**changes)
    state, stream, plan = begin(config)

    run(state, stream, plan, config, stop=1)

    counted = state.towers.model.video_tower.bn1.num_batches_tracked.item()
    assert counted == config.accumulate


def test_checkpointed_activations_change_nothing():
    plain, thrifty = tiny_config(), tiny_config(activation_checkpointing=True)
    expected, stream, plan = begin(plain)
    run(expected, stream, plan, plain)

    actual, stream, plan = begin(thrifty)
    run(actual, stream, plan, thrifty)

    expected_weights = expected.towers.model.state_dict()
    for name, weight in actual.towers.model.state_dict().items():
        torch.testing.assert_close(weight, expected_weights[name], msg=name)


def test_stage_one_leaves_the_text_encoder_and_stage_two_moves_it():
    config = tiny_config()
    state, stream, plan = begin(config)
    first = _text_encoder(state)

    run(state, stream, plan, config, stop=3)
    after_stage_one = _text_encoder(state)
    run(state, stream, plan, config)

    assert_equal(after_stage_one, first)
    moved = _text_encoder(state)
    assert any(not torch.equal(moved[name], first[name]) for name in first)


def test_text_learns_at_its_own_rate():
    config = tiny_config(
        curriculum=Curriculum(unfreeze_epoch=0.0, text_learning_rate=0.0),
        optimizer=OptimizerChoice(kind="sgd", schedule="constant", weight_decay=0.0),
    )
    state, stream, plan = begin(config)
    first = _text_encoder(state)

    run(state, stream, plan, config)

    assert_equal(_text_encoder(state), first)


def test_the_papers_rates_at_its_turns():
    """0.1 falls tenfold at epochs 100, 201 and 250; the text begins with 3e-5 at epoch 150."""
    plan = Plan(steps_per_epoch=10, total_steps=3000)

    rates = [learning_rates(epoch * 10, kinetics210k(), plan=plan) for epoch in (0, 100, 201, 250)]
    _, text_rate = learning_rates(1500, kinetics210k(), plan=plan)

    assert [rate for rate, _ in rates] == pytest.approx([0.1, 0.01, 1e-3, 1e-4])
    assert text_rate == pytest.approx(3e-5)


def test_only_the_last_layers_are_unfrozen_where_so_many_are_asked_for():
    config = tiny_config(
        curriculum=Curriculum(unfreeze_epoch=0.0, text_learning_rate=0.1, text_layers=1)
    )
    state, stream, plan = begin(config)
    first = _text_encoder(state)

    run(state, stream, plan, config)

    moved = {
        name for name, value in _text_encoder(state).items() if not torch.equal(value, first[name])
    }
    assert moved
    assert all(".layer.0." in name for name in moved)


def test_a_frozen_backbone_keeps_weights_and_statistics():
    config = tiny_config(model=plain_changes())
    state, stream, plan = begin(config)
    backbone = state.towers.model.video_tower.backbone
    first = {name: value.clone() for name, value in backbone.state_dict().items()}

    run(state, stream, plan, config)

    assert_equal(dict(backbone.state_dict()), first)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_only_matrices_decay_with_adamw(kind):
    state, _, _ = begin(tiny_config(optimizer=OptimizerChoice(kind=kind)))

    decayed = {
        weight.ndim
        for group in state.optimizer.param_groups
        if group["weight_decay"]
        for weight in group["params"]
    }

    assert (1 in decayed) == (kind == "sgd")


def test_a_loss_that_is_no_number_is_one_sentence_and_changes_nothing():
    config = tiny_config()
    state, stream, plan = begin(config)
    run(state, stream, plan, config, stop=2)
    with torch.no_grad():
        state.towers.model.video_projection.bias.fill_(float("nan"))
    before = {name: value.clone() for name, value in state.towers.model.named_parameters()}

    with pytest.raises(InputError, match=r"the loss of step 2 is nan .*lower optimizer.learning"):
        run(state, stream, plan, config)

    assert state.step == 2
    for name, value in state.towers.model.named_parameters():
        torch.testing.assert_close(value, before[name], equal_nan=True)


def test_more_parts_than_pairs_is_one_sentence():
    config = tiny_config(accumulate=5)
    state, stream, plan = begin(config)

    with pytest.raises(InputError, match="accumulate=5 cuts a batch of 4 pairs"):
        run(state, stream, plan, config)


def test_banks_survive_in_the_checkpoint(tmp_path):
    config = tiny_config(loss=LossChoice(kind="nce", num_negatives=5))
    state, stream, plan = begin(config)
    run(state, stream, plan, config, stop=2)
    checkpoints = CheckpointFolder(tmp_path, identity={}, keep=1)
    checkpoints.save(state)

    loaded, _, _ = begin(config)
    checkpoints.load_newest(loaded)

    assert_equal(everything(loaded), everything(state))


def _text_encoder(state):
    return {
        name: value.clone()
        for name, value in state.towers.model.state_dict().items()
        if name.startswith(TEXT_ENCODER)
    }
