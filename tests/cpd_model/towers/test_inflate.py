"""2D ResNet checkpoints as files: whose they may be, how they may be wrapped, what is refused."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from cpd_model.config import ResNet3DOptions, Shortcut
from cpd_model.errors import ModelError, ModelNotFoundError
from cpd_model.towers.inflate import inflate_weights, load_inflated, read_image_checkpoint
from cpd_model.towers.resnet3d import ResNet3D


def tower(depth: int = 50, shortcut: Shortcut = "B") -> ResNet3D:
    return ResNet3D(ResNet3DOptions(depth=depth, shortcut=shortcut, base_channels=2))


def image_weights(depth: int = 50) -> dict[str, Tensor]:
    """A 2D ResNet's by the names that torchvision and timm share: one frame of every kernel."""
    torch.manual_seed(2)
    weights = {}
    for name, value in tower(depth).state_dict().items():
        shape = value.shape if value.ndim < 5 else (*value.shape[:2], *value.shape[3:])
        weights[name] = torch.rand(shape)
    return weights | {"fc.weight": torch.rand(7, 64), "fc.bias": torch.rand(7)}


def test_the_names_are_those_of_torchvision_and_timm() -> None:
    weights = image_weights()

    assert weights["conv1.weight"].shape == (2, 3, 7, 7)
    assert weights["layer1.0.conv1.weight"].shape == (2, 2, 1, 1)
    assert weights["layer1.0.downsample.0.weight"].shape == (8, 2, 1, 1)
    assert {"bn1.running_mean", "layer1.0.downsample.1.bias", "layer4.2.bn3.weight"} < set(weights)


def wrapped(weights: dict[str, Tensor], how: str, folder: Path) -> Path:
    path = folder / ("image.safetensors" if how == "safetensors" else "image.pth")
    if how == "safetensors":
        save_file(weights, path)
    elif how == "bare":
        torch.save(weights, path)
    else:
        parallel = {f"module.{name}": weight for name, weight in weights.items()}
        torch.save({"epoch": 90, "arch": "resnet50", how: parallel}, path)
    return path


@pytest.mark.parametrize("how", ["bare", "state_dict", "model", "safetensors"])
def test_each_usual_wrapping_starts_the_same_network(how: str, tmp_path: Path) -> None:
    weights, network = image_weights(), tower()

    load_inflated(wrapped(weights, how, tmp_path), network)

    expected = inflate_weights(weights, network)
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())
    kernel = network.state_dict()["layer3.0.conv1.weight"]
    assert kernel.shape[2] == 3
    torch.testing.assert_close(kernel.sum(dim=2), weights["layer3.0.conv1.weight"])


def test_the_classifier_is_left_out_under_each_of_its_names(tmp_path: Path) -> None:
    weights = image_weights() | {
        "classifier.weight": torch.zeros(1),
        "head.fc.bias": torch.zeros(1),
    }

    read = read_image_checkpoint(wrapped(weights, "bare", tmp_path))

    assert read.keys() == tower().state_dict().keys()


def test_a_checkpoint_from_before_batch_norms_counted_starts_at_zero(tmp_path: Path) -> None:
    weights = {
        name: weight for name, weight in image_weights().items() if "num_batches" not in name
    }
    network = tower()

    load_inflated(wrapped(weights, "bare", tmp_path), network)

    assert int(network.state_dict()["bn1.num_batches_tracked"]) == 0


def test_shortcut_a_takes_the_rest_of_the_network(tmp_path: Path) -> None:
    network = tower(shortcut="A")

    load_inflated(wrapped(image_weights(), "bare", tmp_path), network)

    assert torch.equal(network.state_dict()["bn1.weight"], image_weights()["bn1.weight"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"conv1.0.weight": torch.zeros(1)}, "deep stem"),
        ({"layer1.0.se.fc1.weight": torch.zeros(1)}, r"1 weights .*such as layer1\.0\.se\.fc1"),
        ({"layer3.6.conv1.weight": torch.zeros(1)}, "not a plain ResNet of this depth"),
        ({"layer1.0.conv2.weight": torch.zeros(2, 1, 3, 3)}, "does not inflate"),
    ],
    ids=["timm resnet50d", "squeeze and excitation", "deeper", "grouped"],
)
def test_other_kinds_of_resnet_are_refused(
    change: dict[str, Tensor], sentence: str, tmp_path: Path
) -> None:
    path = wrapped(image_weights() | change, "bare", tmp_path)

    with pytest.raises(ModelError, match=sentence):
        load_inflated(path, tower())


@pytest.mark.parametrize(("found", "wanted"), [(18, 34), (34, 18), (18, 50), (101, 50), (50, 101)])
def test_another_depth_is_refused(found: int, wanted: int, tmp_path: Path) -> None:
    path = wrapped(image_weights(found), "bare", tmp_path)

    with pytest.raises(ModelError, match=r"not a.* ResNet of this depth|does not inflate"):
        load_inflated(path, tower(wanted))


def test_a_file_that_holds_no_resnet_is_one_sentence(tmp_path: Path) -> None:
    vit, numbers = tmp_path / "vit.pth", tmp_path / "numbers.pth"
    broken, text = tmp_path / "broken.safetensors", tmp_path / "text.pth"
    torch.save({"patch_embed.proj.weight": torch.zeros(1)}, vit)
    torch.save([1, 2], numbers)
    broken.write_bytes(b"nothing")
    text.write_bytes(b"nothing")

    with pytest.raises(ModelError, match=r"no conv1\.weight but patch_embed\.proj\.weight"):
        read_image_checkpoint(vit)
    with pytest.raises(ModelError, match="holds no named tensors"):
        read_image_checkpoint(numbers)
    with pytest.raises(ModelError, match="cannot read"):
        read_image_checkpoint(broken)
    with pytest.raises(ModelError, match="damaged or no checkpoint of torch"):
        read_image_checkpoint(text)
    with pytest.raises(ModelNotFoundError, match="no checkpoint file"):
        read_image_checkpoint(tmp_path / "none.pth")


def test_a_file_that_was_cut_short_is_one_sentence(tmp_path: Path) -> None:
    path = wrapped(image_weights(18), "bare", tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(ModelError, match=r"cannot read|damaged"):
        read_image_checkpoint(path)


def test_an_older_file_of_torch_is_read(tmp_path: Path) -> None:
    path = tmp_path / "older.pth"
    torch.save(image_weights(18), path, _use_new_zipfile_serialization=False)

    assert read_image_checkpoint(path)["conv1.weight"].shape == (2, 3, 7, 7)
