"""A stream of random pairs and a run around it: all that a training loop needs, without files."""

from dataclasses import replace

import torch

from cpd_model.config import CPDConfig
from cpd_model.made_tokenizers import tiny_tokenizer
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor, Tokens
from training.config import (
    Curriculum,
    DataChoice,
    LossChoice,
    ModelChoice,
    OptimizerChoice,
    RunConfig,
)
from training.data.batch import Batch, BatchOrder
from training.method.learners import build_optimizer
from training.method.objective import build_objective
from training.method.towers import PairTowers
from training.run.loop import Plan, TrainState, train

NUM_PAIRS = 12


class RandomPairs:
    """A PairStream of clips of noise and texts of random letters."""

    def __init__(self, order, *, num_frames=4, size=32):
        random = torch.Generator().manual_seed(1)
        shape = (order.num_items, num_frames, size, size, 3)
        self.clips = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
        self.ids = torch.randint(4, 64, (order.num_items, 6), generator=random)
        self.order = order
        self.num_items = order.num_items

    def batches(self, first_step, stop_step):
        for step in range(first_step, stop_step):
            items_B = torch.from_numpy(self.order.items(step))
            ids_BL = self.ids[items_B]
            yield Batch(items_B, self.clips[items_B], Tokens(ids_BL, torch.ones_like(ids_BL)))


def tiny_config(*, kind="infonce", unfreeze_epoch=1.0, **changes):
    """Batches of 4 of 12 pairs, so an epoch is 3 steps; stage II begins with the second."""
    config = RunConfig(
        recipe="test",
        model=ModelChoice(preset="tiny-resnet3d"),
        data=DataChoice(batch_size=4),
        loss=LossChoice(kind=kind, num_negatives=5),
        optimizer=OptimizerChoice(kind="sgd", learning_rate=0.05, schedule="constant"),
        curriculum=Curriculum(unfreeze_epoch=unfreeze_epoch, text_learning_rate=0.01),
    )
    return replace(config, **changes)


def plain_changes():
    """A model whose rows do not see each other, without dropout: no batch norm learns.

    It is the same whether a batch comes at once, in parts, or shared by processes.
    """
    encoder = {**CPDConfig.preset("tiny-frames").text.encoder}
    encoder |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return ModelChoice(
        preset="tiny-frames",
        train_backbone=False,
        changes={
            "embed_dim": 16,
            "text_options": {"projection": "none", "encoder": encoder},
            "video_options": {"label_prior": False, "projection": True},
        },
    )


def begin(config, *, order=None):
    """State, stream and plan of a run of 6 steps that begins."""
    from training.run.model import merged_config

    model_config = merged_config(CPDConfig.preset(config.model.preset), config.model.changes)
    torch.manual_seed(0)
    model = CPDModel(model_config)
    processor = CPDProcessor.for_config(model_config, tiny_tokenizer())
    order = order or BatchOrder(
        num_items=NUM_PAIRS, batch_size=config.data.batch_size, seed=config.seed
    )
    objective = build_objective(
        config.loss,
        num_items=order.num_items,
        embed_dim=model_config.embed_dim,
        seed=config.seed,
        device="cpu",
        folder=None,
    )
    state = TrainState(
        towers=PairTowers(model, processor, config=config),
        objective=objective,
        optimizer=build_optimizer(model, objective.parameters(), config.optimizer),
    )
    plan = Plan(steps_per_epoch=order.steps_per_epoch, total_steps=6)
    return state, RandomPairs(order), plan


def run(state, stream, plan, config, *, stop=None):
    """Train until step `stop`, or to the end; returns the reports."""
    reports = []

    def on_step(report):
        reports.append(report)
        return report.step != stop

    batches = stream.batches(state.step, plan.total_steps)
    train(state, batches, config, plan=plan, on_step=on_step)
    return reports


def flat(value, prefix=""):
    """Nested state as one dict of leaves."""
    if isinstance(value, dict):
        return {k: v for key in value for k, v in flat(value[key], f"{prefix}{key}.").items()}
    if isinstance(value, list | tuple):
        return {
            k: v for i, inner in enumerate(value) for k, v in flat(inner, f"{prefix}{i}.").items()
        }
    return {prefix: value}


def everything(state):
    """All that a state holds, as one dict of leaves."""
    return flat(
        {
            "model": dict(state.towers.model.state_dict()),
            "optimizer": state.optimizer.state_dict(),
            "objective": dict(state.objective.state_dict()),
            "step": state.step,
        }
    )


def assert_equal(one, other):
    """Bit for bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        same = torch.equal(value, other[name]) if torch.is_tensor(value) else value == other[name]
        assert same, name
