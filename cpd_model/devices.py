"""Which device the towers run on, and with which numbers.

`resolve_device` and `resolve_dtype` are the rules, and know no torch; `choose_device` and
`choose_dtype` ask the machine and apply them.
"""

import ctypes
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from cpd_model.errors import DeviceError

if TYPE_CHECKING:
    import torch

DtypeName: TypeAlias = Literal["float32", "float16", "bfloat16"]
"""The numbers that a tower computes with; embeddings leave every encoder as float32."""

_CUDA_N = re.compile(r"cuda:([0-9]{1,3})")


def check_device_word(asked: str) -> None:
    """Raises DeviceError: the word is none of `auto`, `cpu`, `cuda` and `cuda:N`."""
    if asked not in ("auto", "cpu", "cuda") and _CUDA_N.fullmatch(asked) is None:
        raise DeviceError(
            f"unknown device {asked!r}: expected auto, cpu, cuda or a numbered one such as cuda:1"
        )


def resolve_device(asked: str, *, cuda_devices: int) -> str:
    """The device that was asked for, as `cpu` or `cuda:N`.

    Args:
        asked: `auto` (the first CUDA device, or else the CPU), `cpu`, `cuda` or `cuda:N`.
        cuda_devices: how many CUDA devices there are.

    Raises:
        DeviceError: the word means nothing, or that device is not there.
    """
    check_device_word(asked)
    if asked == "auto":
        return "cuda:0" if cuda_devices else "cpu"
    if asked == "cpu":
        return "cpu"
    numbered = _CUDA_N.fullmatch(asked)
    number = int(numbered.group(1)) if numbered else 0
    if cuda_devices == 0:
        raise DeviceError(
            f"device {asked} is not there: PyTorch finds no CUDA device on this machine; "
            "use --device cpu, or install a CUDA build of PyTorch where there is a GPU"
        )
    if number >= cuda_devices:
        raise DeviceError(
            f"device {asked} is not there: this machine has {cuda_devices} CUDA device"
            f"{'s' if cuda_devices > 1 else ''}, numbered from cuda:0"
        )
    return f"cuda:{number}"


def resolve_dtype(device: str, *, bf16_supported: bool) -> DtypeName:
    """What a tower of others computes with: float32 on a CPU, half precision on a GPU.

    bfloat16 has float32's range, so that no checkpoint overflows in it; GPUs older than Ampere
    do not have it in hardware and get float16. Our own towers take float16, see `make_encoder`.
    """
    if device == "cpu":
        return "float32"
    return "bfloat16" if bf16_supported else "float16"


def choose_device(asked: str = "auto") -> str:
    """`resolve_device` on this machine.

    Raises:
        DeviceError: the word means nothing, or that device is not there.
    """
    if asked == "cpu" or (asked == "auto" and not _has_gpu_driver()):
        return "cpu"  # no need to wake a driver, or to import PyTorch, for this
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return resolve_device(asked, cuda_devices=count)


def _has_gpu_driver() -> bool:
    """Whether PyTorch could find a CUDA device here; True where only PyTorch itself can tell."""
    if sys.platform != "linux" or Path("/dev/kfd").exists():  # AMD's, which PyTorch calls CUDA too
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def choose_dtype(device: str) -> "torch.dtype":
    """`resolve_dtype` on this machine, for a device that `choose_device` gave."""
    import torch

    bf16_supported = device != "cpu" and torch.cuda.get_device_capability(device) >= (8, 0)
    name = resolve_dtype(device, bf16_supported=bf16_supported)
    dtype: torch.dtype = getattr(torch, name)
    return dtype
