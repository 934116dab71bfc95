"""The text tower in NumPy: equal to PyTorch's, and what it does not know it refuses."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig

from cpd_model.config import PRESETS, TextOptions
from cpd_model.towers.numpy_text import Floats, NumpyTextTower, erf
from cpd_model.towers.text import TextTower
from cpd_model.towers.text_families import FAMILIES

EMBED_DIM = 16
MAX_TOKENS = 12
BERT: dict[str, Any] = {**PRESETS["tiny-frames"]["text_options"]["encoder"], "num_hidden_layers": 3}
DISTILBERT: dict[str, Any] = {
    "model_type": "distilbert",
    "vocab_size": 64,
    "dim": 16,
    "hidden_dim": 24,
    "n_layers": 2,
    "n_heads": 4,
    "max_position_embeddings": 20,
}


def options_of(encoder: dict[str, Any], **changes: Any) -> dict[str, Any]:
    options = {"projection": "mlp", "attends_padding": False, "hidden_dim": 10}
    return {"encoder": encoder, "max_tokens": MAX_TOKENS, **options, **changes}


def torch_tower(options: dict[str, Any]) -> TextTower:
    """Random weights as if trained: large enough that each input makes a difference."""
    torch.manual_seed(1)
    tower = TextTower(TextOptions(**options), embed_dim=EMBED_DIM).eval()
    with torch.no_grad():
        for name, value in tower.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5 if "var" in name else value * 5 + 0.1)
    return tower


def weights_of(tower: TextTower) -> dict[str, Floats]:
    state = tower.state_dict()
    return {name: state[name].numpy() for name in state if "num_batches" not in name}


def numpy_tower(options: dict[str, Any]) -> NumpyTextTower:
    return NumpyTextTower(options, weights_of(torch_tower(options)), embed_dim=EMBED_DIM)


@pytest.mark.parametrize("encoder", [BERT, DISTILBERT], ids=["bert", "distilbert"])
@pytest.mark.parametrize("projection", ["none", "linear", "mlp"])
@pytest.mark.parametrize("attends_padding", [False, True])
@pytest.mark.parametrize("num_tokens", [1, 2, 7, MAX_TOKENS])
def test_it_computes_what_pytorch_does(
    encoder: dict[str, Any], projection: str, attends_padding: bool, num_tokens: int
) -> None:
    options = options_of(encoder, projection=projection, attends_padding=attends_padding)
    slow = torch_tower(options)
    ids = np.random.default_rng(num_tokens).integers(0, 64, num_tokens).tolist()

    with torch.inference_mode():
        expected_D = slow(torch.tensor([ids]), torch.ones(1, num_tokens, dtype=torch.int64))[0]
    found_D = NumpyTextTower(options, weights_of(slow), embed_dim=EMBED_DIM).embed(ids)

    assert found_D.dtype == np.float32
    np.testing.assert_allclose(found_D, expected_D.numpy(), rtol=1e-4, atol=1e-5)


@given(st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=20))
def test_the_error_function_is_true_to_float32(values: list[float]) -> None:
    found = erf(np.array(values, dtype=np.float32))

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [math.erf(value) for value in values], atol=5e-7, rtol=0)


@pytest.mark.parametrize("model_type", sorted(FAMILIES))
def test_what_is_not_stored_is_what_transformers_takes(model_type: str) -> None:
    family = FAMILIES[model_type]

    config = AutoConfig.for_model(model_type)

    defaults = {name: getattr(config, name) for name in family.settings}
    required = {name: getattr(config, name, value) for name, value in family.required.items()}
    assert defaults == {
        name: getattr(family.defaults, size) for name, size in family.settings.items()
    }
    assert required == family.required


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model_type": "roberta"}, "roberta"),
        ({"hidden_act": "gelu_new"}, "hidden_act = gelu_new"),
        ({"is_decoder": True}, "is_decoder = True"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"of_next_year": 1}, "of_next_year"),
        ({"num_attention_heads": 3}, "3 heads do not divide"),
        ({"num_hidden_layers": 2}, "weights do not fit"),
        ({"max_position_embeddings": MAX_TOKENS - 1}, "longer than the encoder has positions"),
    ],
    ids=str,
)
def test_an_encoder_that_is_not_known_is_refused(changes: dict[str, Any], named: str) -> None:
    weights = weights_of(torch_tower(options_of(BERT)))

    with pytest.raises(ValueError, match=named):
        NumpyTextTower(options_of({**BERT, **changes}), weights, embed_dim=EMBED_DIM)


@pytest.mark.parametrize("name", ["encoder.embeddings.LayerNorm.bias", "projection.3.weight"])
def test_a_weight_that_is_missing_is_noticed(name: str) -> None:
    weights = weights_of(torch_tower(options_of(BERT)))
    del weights[name]

    with pytest.raises(ValueError, match="weights do not fit"):
        NumpyTextTower(options_of(BERT), weights, embed_dim=EMBED_DIM)


def test_a_projection_that_is_not_known_is_refused() -> None:
    weights = weights_of(torch_tower(options_of(BERT)))

    with pytest.raises(ValueError, match="projection is not known"):
        NumpyTextTower(options_of(BERT, projection="cube"), weights, embed_dim=EMBED_DIM)


def test_words_are_counted_by_the_encoder() -> None:
    assert numpy_tower(options_of(DISTILBERT)).num_words == 64
