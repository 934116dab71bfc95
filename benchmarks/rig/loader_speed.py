"""Clips a second of the loader, and whether the step waits for it."""

import time
from contextlib import closing
from pathlib import Path

import psutil
from rig.generated_pairs import textured_pairs
from rig.results import usable_cores

from training.config import DataChoice, RunConfig
from training.data.batch import BatchOrder
from training.data.clips import ClipPairs
from training.run.loop import Plan, TrainState, train
from training.run.model import RunModel
from training.run.window import StepReport


def loader_section(
    state: TrainState, built: RunModel, config: RunConfig, *, seconds: float, scratch: Path
) -> str:
    """Clips a second of the loader alone, and how long steps wait for it."""
    pixels = built.model.cpd_config.frame_size
    pairs = textured_pairs(scratch, count=64)
    batch_size, cores = config.data.batch_size, usable_cores()
    data = DataChoice(
        batch_size=batch_size,
        short_side_pixels=(pixels * 8 // 7, pixels * 3 // 2),
        num_workers=cores,
    )
    order = BatchOrder(num_items=len(pairs), batch_size=batch_size, seed=0)
    waits: list[StepReport] = []

    def note(report: StepReport) -> bool:
        waits.append(report)
        return True

    with closing(ClipPairs(pairs, built.processor, data=data, order=order)) as stream:
        alone, core_seconds = _loader_rate(stream, batch_size)
        batches = stream.batches(0, 5)
        state.step = 0
        train(state, batches, config, plan=Plan(steps_per_epoch=16, total_steps=5), on_step=note)
    later = waits[1:]
    waited = sum(report.wait_seconds for report in later) / sum(one.seconds for one in later)
    starves = "starves the step" if waited > 0.1 else "does not starve the step"
    return (
        f"**Loader.** H.264 of 340 x 256 pixels, 8 frames of 32/30 s at a random moment, cut to "
        f"{pixels} pixels, {cores} decoder processes on {cores} cores: {alone:.0f} clips/s alone, "
        f"{1e3 * core_seconds:.0f} ms of a core for a clip. The step takes "
        f"{1e3 * seconds / batch_size:.0f} ms of a core for a clip, "
        f"{seconds / batch_size / core_seconds:.0f} times as much. Beside the loader on the same "
        f"cores the step waits {100 * waited:.1f} % of the time for its batch: the loader "
        f"{starves}. One core feeds a step of up to {1 / core_seconds:.0f} clips/s."
    )


def _loader_rate(stream: ClipPairs, batch_size: int) -> tuple[float, float]:
    """Clips a second, and seconds of a core for each, this process's own share included."""
    for _ in stream.batches(0, 2):  # until the decoders have started
        pass
    clips = 16 * batch_size
    started, used = time.perf_counter(), _processor_seconds()
    for _ in stream.batches(2, 18):
        pass
    return clips / (time.perf_counter() - started), (_processor_seconds() - used) / clips


def _processor_seconds() -> float:
    """Of this process and its children so far."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(one.user + one.system for one in times)
