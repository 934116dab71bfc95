"""A tiny model whose features survive float16, and streams of its features."""

import torch

from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from training.config import DataChoice, RunConfig
from training.data.batch import BatchOrder
from training.features.stream import feature_pairs

HALF = {"rtol": 2e-3, "atol": 2e-3}
"""float16 has 11 bits."""


def load(folder):
    """The model, its backbone drawn large enough that features survive float16."""
    model = CPDModel.from_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, mode="fan_in")
    return model, CPDProcessor.from_pretrained(folder)


def data(**changes):
    return DataChoice(**{"batch_size": 4, "num_workers": 1, **changes})


def run(**changes):
    return RunConfig(recipe="test", data=data(), **changes)


def order(num_items=8, **changes):
    return BatchOrder(num_items=num_items, **{"batch_size": 4, "seed": 3, **changes})


def stream(pairs, parts, cache_root, *, order=order(), config=None, **more):
    return feature_pairs(
        pairs, *parts, config=config or run(), order=order, cache_root=cache_root, **more
    )


def assert_equal_batches(left, right):
    for a, b in zip(left, right, strict=True):
        assert torch.equal(a.items_B, b.items_B)
        assert torch.equal(a.video, b.video)
        assert torch.equal(a.text, b.text)
