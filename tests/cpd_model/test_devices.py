"""The rules for devices are plain functions, so that they are tested where no GPU is."""

import pytest

from cpd_model.devices import choose_device, choose_dtype, resolve_device, resolve_dtype
from cpd_model.errors import DeviceError


@pytest.mark.parametrize(
    ("asked", "cuda_devices", "expected"),
    [
        ("auto", 0, "cpu"),
        ("auto", 1, "cuda:0"),
        ("auto", 4, "cuda:0"),
        ("cpu", 0, "cpu"),
        ("cpu", 2, "cpu"),
        ("cuda", 1, "cuda:0"),
        ("cuda:0", 1, "cuda:0"),
        ("cuda:3", 4, "cuda:3"),
    ],
)
def test_a_device_is_what_was_asked_for(asked: str, cuda_devices: int, expected: str) -> None:
    assert resolve_device(asked, cuda_devices=cuda_devices) == expected


@pytest.mark.parametrize(
    ("asked", "cuda_devices", "said"),
    [
        ("cuda", 0, "finds no CUDA device"),
        ("cuda:1", 0, "finds no CUDA device"),
        ("cuda:1", 1, "has 1 CUDA device, numbered"),
        ("cuda:4", 4, "has 4 CUDA devices, numbered"),
        ("gpu", 1, "expected auto, cpu, cuda"),
        ("cuda:", 1, "expected auto, cpu, cuda"),
        ("cuda:-1", 1, "expected auto, cpu, cuda"),
        ("CPU", 1, "expected auto, cpu, cuda"),
        ("", 1, "expected auto, cpu, cuda"),
    ],
)
def test_a_device_that_is_not_there_is_named_in_one_sentence(
    asked: str, cuda_devices: int, said: str
) -> None:
    with pytest.raises(DeviceError, match=said) as caught:
        resolve_device(asked, cuda_devices=cuda_devices)

    assert asked in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("device", "bf16_supported", "expected"),
    [
        ("cpu", False, "float32"),
        ("cpu", True, "float32"),
        ("cuda:0", True, "bfloat16"),
        ("cuda:1", False, "float16"),
    ],
)
def test_a_cpu_computes_in_full_precision_and_a_gpu_in_half(
    device: str, bf16_supported: bool, expected: str
) -> None:
    assert resolve_dtype(device, bf16_supported=bf16_supported) == expected


def test_the_cpu_is_always_there() -> None:
    import torch

    assert choose_device("cpu") == "cpu"
    assert choose_dtype("cpu") is torch.float32


def test_auto_finds_what_torch_finds() -> None:
    import torch

    expected = "cuda:0" if torch.cuda.is_available() else "cpu"

    assert choose_device("auto") == expected


@pytest.mark.gpu
def test_a_gpu_computes_in_half_precision() -> None:
    import torch

    assert choose_dtype(choose_device("cuda")) in (torch.bfloat16, torch.float16)
