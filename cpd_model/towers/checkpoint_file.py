"""Weights out of files that others made: `.safetensors`, or `.pth` without running its code."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cpd_model.errors import ModelError, ModelNotFoundError

_WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Names under which training scripts keep the weights, beside epoch and optimizer."""

_PARALLEL = "module."
"""What DataParallel and DistributedDataParallel put before every name."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a checkpoint, on the CPU, without wrapper and `module.` prefix.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelError: it is damaged, holds no named tensors, or holds Python objects.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"there is no checkpoint file {path}")
    contents = _load_safetensors(path) if path.suffix == ".safetensors" else _load_pickled(path)
    return _bare_names(_unwrapped(contents, path))


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot read {path}: {_first_line(error)}") from error


def _load_pickled(path: Path) -> Any:
    try:
        # mapped, a memory bank of a gigabyte that nobody asks for costs nothing
        mapped = zipfile.is_zipfile(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named:
            raise ModelError(
                f"{path} holds Python objects ({named[1]}), and reading those would run code of "
                "whoever made it: save its tensors alone, as torch.save(checkpoint['state_dict'])"
            ) from error
        raise ModelError(f"cannot read {path}: it is damaged or no checkpoint of torch") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ModelError(f"cannot read {path}: {_first_line(error)}") from error


def _unwrapped(contents: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(contents, Mapping):
        for name in _WRAPPERS:
            if isinstance(contents.get(name), Mapping):
                contents = contents[name]
                break
        tensors = {str(name): value for name, value in contents.items() if torch.is_tensor(value)}
        if tensors:
            return tensors
    raise ModelError(
        f"{path} holds no named tensors: expected a state dict, or one under "
        f"{', '.join(map(repr, _WRAPPERS))}"
    )


def _bare_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    while all(name.startswith(_PARALLEL) for name in tensors):
        tensors = {name.removeprefix(_PARALLEL): value for name, value in tensors.items()}
    return tensors


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__
