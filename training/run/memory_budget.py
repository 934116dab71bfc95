"""How much memory a step will roughly take, told before the first one, and how much it took.

A guess: it counts weights, what autograd keeps and the banks, and not what kernels and allocators
take for a moment. The peak measured on a CPU was 0.86 to 1.41 times it (docs/experiments.md).

Axes: B pairs, T frames, H height, W width, C channels, F features, L tokens, E encoder width.
"""

import resource
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from cpd_model.processor import Tokens
from cpd_model.towers.frames import FramesTower
from training.config import RunConfig
from training.data.batch import Batch
from training.method.towers import PairTowers, unchanged_statistics

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_FLOAT_BYTES = 4
_PROBE_PAIRS = 2
"""The fewest that a batch norm takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryBudget:
    """Bytes, roughly, by what they are for; on the device of the towers but for `process`."""

    parameters: int
    gradients: int
    optimizer: int
    banks: int
    activations: int
    """Of the largest part of a batch, kept for the backward pass."""

    process: int
    """What the process held before the first step: libraries, features, the decoder's queue."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(asdict(self).values())

    def sentence(self) -> str:
        """The budget for a person."""
        parts = ", ".join(
            f"{name} {megabytes(size)}" for name, size in asdict(self).items() if size
        )
        return f"memory expected: roughly {megabytes(self.total)} ({parts})"


def megabytes(size: int) -> str:
    """A size for a person."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def predict(
    towers: PairTowers, config: RunConfig, *, num_items: int, local_pairs: int
) -> MemoryBudget:
    """What a step of the most demanding stage roughly takes.

    Args:
        local_pairs: pairs that one process sees at a step.
    """
    stage = towers.stage
    if config.curriculum.unfreeze_epoch is not None:
        towers.set_stage("II")
    weights = list(towers.model.parameters())
    all_bytes = _FLOAT_BYTES * sum(weight.numel() for weight in weights)
    learning = _FLOAT_BYTES * sum(weight.numel() for weight in weights if weight.requires_grad)
    part = -(-local_pairs // config.accumulate)
    activations = _activations(towers, config) * part // _PROBE_PAIRS
    towers.set_stage(stage)
    banked = config.loss.kind == "nce" and not config.loss.bank_on_disk
    row = towers.model.cpd_config.embed_dim * (2 if config.loss.bank_dtype == "float16" else 4)
    on_cpu = towers.model.device.type == "cpu"
    return MemoryBudget(
        parameters=0 if on_cpu else all_bytes,  # a CPU's process holds them already
        gradients=learning,
        optimizer=learning * (1 if config.optimizer.kind == "sgd" else 2),
        banks=0 if on_cpu or not banked else 2 * num_items * row,
        activations=activations,
        process=psutil.Process().memory_info().rss if on_cpu else 0,
    )


def forget_peak(towers: PairTowers) -> None:
    """Let `peak_bytes` count from now on; where the system cannot, it counts from the start."""
    if towers.model.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(towers.model.device)
        return
    with suppress(OSError):
        _CLEAR_REFS.write_text("5")  # man 5 proc: resets the peak of the resident set


def peak_bytes(towers: PairTowers) -> int:
    """The most that this process has held on the towers' device since `forget_peak`."""
    if towers.model.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(towers.model.device))
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


def _activations(towers: PairTowers, config: RunConfig) -> int:
    """Bytes that autograd keeps for two pairs, counted by asking it."""
    own = {weight.untyped_storage().data_ptr() for weight in towers.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    mode = towers.training
    towers.train()
    with (
        torch.random.fork_rng(devices=[]),
        unchanged_statistics(towers),
        saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        pairs = towers(_probe(towers, config))  # holds the graph, and so all storages, until here
    del pairs
    towers.train(mode)
    return sum(kept.values())


def _probe(towers: PairTowers, config: RunConfig) -> Batch:
    model = towers.model.cpd_config
    clip_THWC = (model.num_frames, model.frame_size, model.frame_size, 3)
    video = torch.zeros((_PROBE_PAIRS, *clip_THWC), dtype=torch.uint8)
    tower = towers.model.video_tower
    if config.model.features and isinstance(tower, FramesTower):
        video = torch.zeros((_PROBE_PAIRS, model.num_frames, tower.num_features))
    ids_BL = torch.ones((_PROBE_PAIRS, min(model.text.max_tokens, 64)), dtype=torch.int64)
    text: Tokens | Tensor = Tokens(ids_BL, torch.ones_like(ids_BL))
    if config.model.features and towers.stage == "I":
        text = torch.zeros((_PROBE_PAIRS, towers.model.text_tower.encoder.config.hidden_size))
    return Batch(items_B=torch.arange(_PROBE_PAIRS), video=video, text=text)
