"""The 3D ResNet: shapes, where time is looked across, parameter counts, inflation from 2D."""

import pytest
import torch
from torch import nn

from cpd_model.config import RESNET_DEPTHS, ResNet3DOptions, Shortcut
from cpd_model.towers.inflate import inflate_weights
from cpd_model.towers.resnet3d import BasicBlock, ResNet3D, SubsampleAndPad, init_resnet3d


def tiny(depth: int = 10, shortcut: Shortcut = "A") -> ResNet3D:
    torch.manual_seed(0)
    network = ResNet3D(ResNet3DOptions(depth=depth, shortcut=shortcut, base_channels=4))
    return network.apply(init_resnet3d).eval()


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("depth", RESNET_DEPTHS)
def test_clips_become_one_feature_vector_each(depth: int, shortcut: Shortcut) -> None:
    network = tiny(depth, shortcut)

    with torch.inference_mode():
        features_BF = network(torch.randn(2, 3, 3, 32, 40))

    assert features_BF.shape == (2, 32 if depth < 50 else 128)
    assert network.num_features == features_BF.shape[1]


@pytest.mark.parametrize(
    ("depth", "shortcut", "image", "downsample", "temporal"),
    [
        (18, "A", 11_176_512, 173_824, 8_847_360),
        (34, "A", 21_284_672, 173_824, 18_284_544),
        (50, "A", 23_508_032, 2_776_576, 8_126_464),
        (50, "B", 23_508_032, 0, 8_126_464),
        (101, "A", 42_500_160, 2_776_576, 17_039_360),
    ],
)
def test_a_real_size_has_the_2d_networks_parameters_changed_as_described(
    depth: int, shortcut: Shortcut, image: int, downsample: int, temporal: int
) -> None:
    """`image`: torchvision's ResNet without fc; A lacks its downsample layers; the first kernels
    of res4 and res5 are three deep, which adds two more of each: all counted by hand."""
    with torch.device("meta"):
        network = ResNet3D(ResNet3DOptions(depth=depth, shortcut=shortcut))

    count = sum(parameter.numel() for parameter in network.parameters())

    assert count == image - downsample + temporal


@pytest.mark.parametrize("depth", RESNET_DEPTHS)
def test_only_the_first_convolution_of_blocks_in_res4_and_res5_looks_across_time(
    depth: int,
) -> None:
    network = tiny(depth)

    temporal = {
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1
    }

    expected = {
        f"layer{layer}.{index}.conv1"
        for layer in (3, 4)
        for index in range(len(network.get_submodule(f"layer{layer}")))  # type: ignore[arg-type]
    }
    assert temporal == expected
    kernels = {network.get_submodule(name).kernel_size[0] for name in temporal}
    assert kernels == {3}


@pytest.mark.parametrize("depth", [10, 50])
def test_time_is_never_strided(depth: int) -> None:
    network = tiny(depth, "B")
    lengths = []
    for name in ("layer1", "layer2", "layer3", "layer4"):
        network.get_submodule(name).register_forward_hook(
            lambda _module, _input, output: lengths.append(tuple(output.shape[2:]))
        )

    with torch.inference_mode():
        network(torch.randn(1, 3, 5, 64, 64))

    assert lengths == [(5, 16, 16), (5, 8, 8), (5, 4, 4), (5, 2, 2)]


def test_shortcut_a_keeps_every_second_pixel_and_adds_empty_channels() -> None:
    x_BCTHW = torch.arange(2 * 16, dtype=torch.float32).reshape(1, 2, 1, 4, 4)

    out_BCTHW = SubsampleAndPad(out_channels=3, stride=2)(x_BCTHW)

    assert out_BCTHW.shape == (1, 3, 1, 2, 2)
    assert out_BCTHW[0, 0, 0].tolist() == [[0, 2], [8, 10]]
    assert out_BCTHW[0, 1, 0].tolist() == [[16, 18], [24, 26]]
    assert not out_BCTHW[0, 2].any()


def test_a_gradient_passes_through_shortcut_a() -> None:
    # the authors' code takes `.data` there, which cuts the gradient
    block = BasicBlock(2, 4, stride=2, temporal=False, shortcut="A")
    nn.init.zeros_(block.bn2.weight)
    x_BCTHW = torch.rand(1, 2, 1, 4, 4, requires_grad=True)

    block(x_BCTHW).sum().backward()

    assert x_BCTHW.grad is not None
    assert x_BCTHW.grad[0, :, 0, ::2, ::2].abs().min() > 0


def test_shuffled_frames_give_another_feature_vector() -> None:
    network = tiny()
    clips_BCTHW = torch.randn(1, 3, 4, 32, 32)

    with torch.inference_mode():
        forward = network(clips_BCTHW)
        shuffled = network(clips_BCTHW[:, :, [2, 0, 3, 1]])

    assert not torch.allclose(forward, shuffled, rtol=1e-3)


class ImageBlock(nn.Module):
    """torchvision's BasicBlock, by its names."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = nn.Sequential()
        if stride != 1:
            self.downsample.append(nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False))
            self.downsample.append(nn.BatchNorm2d(channels))

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        out_BCHW = torch.relu(self.bn1(self.conv1(x_BCHW)))
        return torch.relu(self.bn2(self.conv2(out_BCHW)) + self.downsample(x_BCHW))


class ImageResNet10(nn.Module):
    """A 2D ResNet-10 with 4 channels, written as torchvision would."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(ImageBlock(4, 4, 1))
        self.layer2 = nn.Sequential(ImageBlock(4, 8, 2))
        self.layer3 = nn.Sequential(ImageBlock(8, 16, 2))
        self.layer4 = nn.Sequential(ImageBlock(16, 32, 2))
        self.fc = nn.Linear(32, 5)

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(images_BCHW)))
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3))


def image_network() -> ImageResNet10:
    torch.manual_seed(4)
    network = ImageResNet10().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network


def test_an_inflated_network_sees_an_endless_still_as_the_2d_network_sees_the_image() -> None:
    image = image_network()
    video = tiny(10, "B")
    image_BCHW = torch.randn(1, 3, 32, 32)

    video.load_state_dict(inflate_weights(image.state_dict(), video), strict=True)
    features_T = []
    video.layer4.register_forward_hook(  # type: ignore[operator,union-attr]
        lambda _module, _input, output: features_T.append(output.mean(dim=(3, 4)))
    )
    with torch.inference_mode():
        expected_BF = image(image_BCHW)
        video(image_BCHW.unsqueeze(2).expand(-1, -1, 9, -1, -1))

    # zero padding in time reaches two frames far: one for each of the two temporal convolutions
    torch.testing.assert_close(features_T[0][:, :, 4], expected_BF, rtol=1e-4, atol=1e-5)


def test_inflation_for_shortcut_a_leaves_the_2d_shortcuts_out() -> None:
    video = tiny(10, "A")

    weights = inflate_weights(image_network().state_dict(), video)

    assert weights.keys() == video.state_dict().keys()
    assert not any("downsample" in name for name in weights)


@pytest.mark.parametrize(("depth", "channels"), [(18, 4), (10, 8), (50, 4)])
def test_a_2d_network_of_another_shape_is_refused(depth: int, channels: int) -> None:
    video = ResNet3D(ResNet3DOptions(depth=depth, shortcut="B", base_channels=channels))

    with pytest.raises(ValueError, match="2D checkpoint"):
        inflate_weights(image_network().state_dict(), video)
