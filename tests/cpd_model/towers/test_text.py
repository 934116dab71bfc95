"""The text tower: padding changes nothing, the mean by hand, and what it refuses."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig

from cpd_model.config import PRESETS, TextOptions
from cpd_model.towers.text import TextTower, encoder_settings, masked_mean

ENCODER: dict[str, Any] = PRESETS["tiny-frames"]["text_options"]["encoder"]
DISTILBERT: dict[str, Any] = {
    "model_type": "distilbert",
    "vocab_size": 64,
    "dim": 16,
    "hidden_dim": 32,
    "n_layers": 1,
    "n_heads": 2,
    "max_position_embeddings": 32,
}


def text_tower(encoder: dict[str, Any] = ENCODER, **changes: Any) -> TextTower:
    torch.manual_seed(0)
    options = TextOptions(encoder=encoder, max_tokens=16, hidden_dim=16, **changes)
    return TextTower(options, embed_dim=8 if options.projection == "mlp" else 16).eval()


TOWER = text_tower()


@given(
    ids=st.lists(st.integers(4, 63), min_size=1, max_size=12),
    padding=st.integers(1, 6),
    pad_id=st.integers(0, 63),
)
def test_padding_changes_nothing_whatever_stands_in_it(
    ids: list[int], padding: int, pad_id: int
) -> None:
    ids_BL = torch.tensor([ids])
    padded_BL = torch.tensor([ids + [pad_id] * padding])
    mask_BL = torch.tensor([[1] * len(ids) + [0] * padding])

    with torch.inference_mode():
        alone_BD = TOWER(ids_BL, torch.ones_like(ids_BL))
        padded_BD = TOWER(padded_BL, mask_BL)

    torch.testing.assert_close(padded_BD, alone_BD, rtol=1e-4, atol=1e-6)


def test_the_mean_counts_only_tokens_that_the_mask_keeps() -> None:
    tokens_BLE = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [100.0, 100.0]]])

    mean_BE = masked_mean(tokens_BLE, torch.tensor([[1, 1, 0]]))

    assert mean_BE.tolist() == [[2.0, 3.0]]


@pytest.mark.parametrize("encoder", [ENCODER, DISTILBERT])
@pytest.mark.parametrize("projection", ["mlp", "none"])
def test_any_hugging_face_encoder_gives_rows_of_the_shared_space(
    encoder: dict[str, Any], projection: str
) -> None:
    tower = text_tower(encoder, projection=projection)
    ids_BL = torch.tensor([[2, 5, 6, 3]])

    embeddings_BD = tower(ids_BL, torch.ones_like(ids_BL))

    assert embeddings_BD.shape == (1, 8 if projection == "mlp" else 16)
    embeddings_BD.sum().backward()
    without = [name for name, parameter in tower.named_parameters() if parameter.grad is None]
    assert without == []


def test_without_a_projection_the_widths_must_agree() -> None:
    options = TextOptions(encoder=ENCODER, max_tokens=16, projection="none")

    with pytest.raises(ValueError, match="must be the encoder's width 16, got 8"):
        TextTower(options, embed_dim=8)


def test_the_settings_of_an_encoder_build_the_same_encoder() -> None:
    config = BertConfig(
        vocab_size=64,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        layer_norm_eps=1e-3,
    )

    settings = encoder_settings(config)
    rebuilt = text_tower(settings, projection="none").encoder.config

    assert settings["model_type"] == "bert"
    assert (rebuilt.num_hidden_layers, rebuilt.num_attention_heads) == (3, 4)
    assert rebuilt.layer_norm_eps == 1e-3
    assert "transformers_version" not in settings


def test_a_linear_projection_starts_as_the_identity() -> None:
    tower = text_tower(projection="linear")
    pooled_BE = torch.randn(3, 16)

    with torch.inference_mode():
        torch.testing.assert_close(tower.project(pooled_BE), pooled_BE)
