"""The frames tower: pooling equals looking at whole clips, the label prior by hand, gradients."""

import math
from typing import Any

import pytest
import torch

from cpd_model.config import FramesOptions
from cpd_model.towers.frames import FeatureScale, FramesTower, LabelPrior, TemporalTransformer

HEADS: dict[str, dict[str, Any]] = {
    "prior": {"label_prior": True, "projection": False},
    "mean": {},
    "residual": {"temporal": "residual", "num_layers": 1, "num_heads": 2},
    "both": {"label_prior": True},
    "scaled": {"standardized": True, "feature_blocks": [6, 2]},
    "hidden": {"hidden_dim": 6, "input_dropout": 0.5, "hidden_dropout": 0.5},
}


def tower(head: str) -> FramesTower:
    torch.manual_seed(0)
    options = FramesOptions(
        backbone="efficientnet-lite-tiny", num_classes=12, kept_classes=3, **HEADS[head]
    )
    built = FramesTower(options, embed_dim=8, num_frames=4).eval()
    if built.prior is not None:
        torch.nn.init.normal_(built.prior.embeddings_LD)
    return built


def prior(rows_LD: list[list[float]], *, kept: int, temperature: float = 1.0) -> LabelPrior:
    built = LabelPrior(len(rows_LD), len(rows_LD[0]), kept_classes=kept, temperature=temperature)
    with torch.no_grad():
        built.embeddings_LD.copy_(torch.tensor(rows_LD))
    return built


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_clip_is_the_pool_of_its_frames_each_seen_alone(head: str, batch: int) -> None:
    frames = tower(head)
    clips_BCTHW = torch.randn(batch, 3, 4, 32, 32)

    with torch.inference_mode():
        whole_BD = frames(clips_BCTHW)
        features_TBF = torch.stack(
            [frames.frame_features(clips_BCTHW[:, :, index]) for index in range(4)]
        )
        pooled_BD = frames.pool(features_TBF.transpose(0, 1))

    assert whole_BD.shape == (batch, 8)
    torch.testing.assert_close(pooled_BD, whole_BD)


@pytest.mark.parametrize("head", HEADS)
def test_every_weight_of_the_head_and_the_backbone_gets_a_gradient(head: str) -> None:
    frames = tower(head)

    frames(torch.randn(2, 3, 4, 32, 32)).square().sum().backward()

    unused = {
        name
        for name, parameter in frames.named_parameters()
        if parameter.grad is None and not name.startswith("backbone._fc")
    }
    assert unused == set()


def test_the_prior_mixes_the_likeliest_classes_by_their_probability() -> None:
    rows_LD = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    logits_BTL = torch.tensor([[[math.log(6), math.log(3), math.log(1)]]])

    mixture_BD = prior(rows_LD, kept=2)(logits_BTL)

    expected = torch.tensor([[2.0, 1.0, 0.0]]) / math.sqrt(5)
    torch.testing.assert_close(mixture_BD, expected)


def test_the_prior_averages_probabilities_over_frames_and_only_then_drops_classes() -> None:
    # each frame is sure of one class; the third has one tenth in both, and goes
    rows_LD = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    frames_TL = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])

    mixture_BD = prior(rows_LD, kept=2)(frames_TL.log().unsqueeze(0))

    torch.testing.assert_close(mixture_BD, torch.tensor([[1.0, 1.0, 0.0]]) / math.sqrt(2))


def test_a_higher_class_temperature_lets_the_second_class_count_more() -> None:
    rows_LD = [[1.0, 0.0], [0.0, 1.0]]
    logits_BTL = torch.tensor([[[math.log(16), math.log(1)]]])

    mixture_BD = prior(rows_LD, kept=2, temperature=2.0)(logits_BTL)

    torch.testing.assert_close(mixture_BD, torch.tensor([[4.0, 1.0]]) / math.sqrt(17))


def test_the_order_of_frames_matters_to_the_residual_and_not_to_the_mean() -> None:
    features_BTF = torch.randn(1, 4, 32)
    shuffled_BTF = features_BTF[:, [2, 0, 3, 1]]
    with_mean, with_residual = tower("mean"), tower("residual")
    assert with_residual.residual is not None
    for weight in with_residual.residual.parameters():
        torch.nn.init.normal_(weight)

    with torch.inference_mode():
        torch.testing.assert_close(with_mean.pool(features_BTF), with_mean.pool(shuffled_BTF))
        changed = with_residual.pool(features_BTF) - with_residual.pool(shuffled_BTF)

    assert changed.abs().max() > 1e-3


def test_the_transformer_refuses_a_clip_of_another_length() -> None:
    network = TemporalTransformer(8, num_frames=4, num_layers=1, num_heads=2)

    with pytest.raises(ValueError, match="clips must have 4 frames, got 5"):
        network(torch.randn(1, 5, 8))


def test_measured_features_have_mean_0_and_deviation_1_and_constants_stay_finite() -> None:
    features_NF = torch.randn(500, 3) * torch.tensor([1.0, 30.0, 0.0]) + torch.tensor([0, 5, 2.0])
    scale = FeatureScale(3)
    torch.testing.assert_close(scale(features_NF), features_NF)

    scale.measure(features_NF)

    scaled_NF = scale(features_NF)
    torch.testing.assert_close(scaled_NF.mean(dim=0), torch.zeros(3), atol=5e-3, rtol=0)
    torch.testing.assert_close(scaled_NF.std(dim=0)[:2], torch.ones(2), atol=5e-3, rtol=0)
    assert scaled_NF[:, 2].tolist() == [0.0] * 500
