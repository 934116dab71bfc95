"""run.json: everything that says which run this was."""

import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cpd_model.fingerprint import hash_tokenizer
from training.config import RunConfig
from training.run.loop import Plan
from training.run.model import RunModel
from training.run.pairs import RunPairs

_PACKAGES = ("cpd", "torch", "transformers", "numpy", "av")

_MAY_CHANGE = (
    ("data", "num_workers"),
    ("checkpoint_steps",),
    ("keep_checkpoints",),
    ("epochs",),
)
"""Settings that may change while a run is stopped: they change nothing of the steps that are done.
The length of a run is among them, but for the rates of a cosine, see docs/method.md."""


def first_record(
    config: RunConfig, pairs: RunPairs, *, plan: Plan, device: str, command: str
) -> dict[str, Any]:
    """The record of a run that begins now."""
    return {
        "recipe": config.recipe,
        "command": command,
        "settings": config.as_json(),
        "data": {
            "name": pairs.name,
            "fingerprint": pairs.fingerprint,
            "num_train": len(pairs.train),
            "num_val": len(pairs.val),
        },
        "steps_per_epoch": plan.steps_per_epoch,
        "total_steps": plan.total_steps,
        "processes": plan.processes.world_size,
        "stage_two_step": stage_two_step(config, plan),
        "device": device_name(device),
        "versions": {"python": sys.version.split()[0], **_versions()},
        "commit": commit(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": 0.0,
        "steps": 0,
        "finished": False,
    }


def settled_record(
    before: dict[str, Any] | None, now: dict[str, Any], *, expected_bytes: int
) -> dict[str, Any]:
    """The record to write: of a resumed run with the seconds and the command of its beginning."""
    memory = {"expected_bytes": expected_bytes, "peak_bytes": 0}
    if before is None:
        return {**now, "memory": memory}
    kept = ("started", "command", "seconds")
    return now | {key: before[key] for key in kept if key in before} | {"memory": memory}


def identity_of(config: RunConfig, built: RunModel, pairs: RunPairs) -> dict[str, Any]:
    """What must stay the same for a run to go on, see `CheckpointFolder`."""
    settings = config.as_json()
    for path in _MAY_CHANGE:
        inner = settings
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
    with tempfile.TemporaryDirectory(prefix="cpd-tokenizer-") as folder:
        built.processor.tokenizer.save_pretrained(folder)
        tokenizer = hash_tokenizer(Path(folder))
    return {
        "config": settings,
        "model": built.start_fingerprint,
        "tokenizer": tokenizer,
        "pairs": pairs.fingerprint,
    }


def stage_two_step(config: RunConfig, plan: Plan) -> int | None:
    """The step at which the text encoder begins to learn; None: never."""
    epoch = config.curriculum.unfreeze_epoch
    step = None if epoch is None else round(epoch * plan.steps_per_epoch)
    return step if step is not None and step < plan.total_steps else None


def device_name(device: str) -> str:
    """A device as a reader of the record knows it."""
    if device == "cpu":
        return "cpu"
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def commit() -> str | None:
    """The commit of this code where it runs from a git checkout."""
    here = Path(__file__).resolve().parent
    try:
        asked = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
