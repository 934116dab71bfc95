"""Peak memory of the recipes on this machine, predicted and measured, each in its own process."""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from rig.generated_pairs import at_size, textured_pairs
from rig.results import markdown_table

from training.config import RunConfig
from training.recipes import RECIPES, base, with_own_parts
from training.run.request import RunRequest
from training.run.run import run_training


def memory_section(config: RunConfig, scratch: Path, *, pixels: int, batch_size: int) -> str:
    """Predicted and measured peak of each recipe, every one in a process of its own."""
    tasks = _tasks(at_size(config, pixels, batch_size), scratch)
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as processes:
        found = list(processes.map(_run, [(run, out) for _, run, out in tasks]))
    rows = [
        [about, f"{expected / 2**20:.0f}", f"{peak / 2**20:.0f}", f"{peak / expected:.2f}"]
        for (about, _, _), (expected, peak) in zip(tasks, found, strict=True)
    ]
    header = ["recipe", "expected, MiB", "peak, MiB", "peak / expected"]
    return f"**Memory on the CPU.**\n\n{markdown_table(header, rows)}"


def _tasks(small: RunConfig, scratch: Path) -> list[tuple[str, RunRequest, Path]]:
    listed = scratch / "pairs.jsonl"
    videos = textured_pairs(scratch, count=1024)
    listed.write_text(
        "".join(
            json.dumps({"path": str(pair.path), "id": pair.id, "caption": f"texture {pair.id}"})
            + "\n"
            for pair in videos
        ),
        encoding="utf-8",
    )
    pixels = small.model.changes["frame_size"]
    sides = (pixels * 8 // 7, pixels * 3 // 2)
    small = replace(
        small,
        data=replace(small.data, short_side_pixels=sides, middle_seconds=None),
        loss=replace(small.loss, num_negatives=512),
    )
    runs = [
        (
            f"`kinetics210k`, {small.data.batch_size} clips of {pixels} pixels, K = 512",
            small,
            listed,
            2,
        ),
        ("`base`, 1024 generated pairs", base(), listed, 3),
        ("`synthetic`", RECIPES["synthetic"](), None, 2),
        ("`smoke`", RECIPES["smoke"](), None, 2),
    ]
    return [
        (
            f"{about}, {steps} steps",
            RunRequest(
                config=run,
                out=scratch / run.recipe,
                pairs=pairs,
                max_steps=steps,
                device="cpu",
            ),
            scratch / run.recipe,
        )
        for about, run, pairs, steps in runs
    ]


def _run(task: tuple[RunRequest, Path]) -> tuple[int, int]:
    request, out = task
    run_training(with_own_parts(request), command="training_speed.py")
    memory = json.loads((out / "run.json").read_text(encoding="utf-8"))["memory"]
    return memory["expected_bytes"], memory["peak_bytes"]
