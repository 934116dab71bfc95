"""The run of `cpd train adapt`: a model made better for one's own captions, on a CPU, in minutes.

The heads of a start, and a small residual over frames that begins at zero, learn from features of
its frozen towers. In trials that hold some of the pairs back, it is seen how many steps, and
which blend with the start, find those best; then all pairs are learned from, that far. Where no
gain stands out from chance the start itself is the result, so that on the held-back pairs what was
chosen is never worse than what went in.
"""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

from cpd_model.devices import choose_device
from cpd_model.errors import InputError
from training.adapt.adaptation import Adaptation
from training.adapt.pairs import read_adapt_pairs
from training.adapt.result import write_adapted
from training.run.distributed import processes_of_environment
from training.run.events import RunListener, SilentListener
from training.run.folder import RunFolder
from training.run.pairs import RunPairs
from training.run.record import first_record
from training.run.report import Curves, open_curves
from training.run.request import RunRequest, RunResult


def run_adaptation(
    request: RunRequest, *, command: str, listener: RunListener | None = None
) -> RunResult:
    """Adapt a bundle to captioned clips, see `training.run.run.run_training`.

    What was stopped starts again with --resume: it takes minutes, and most of them are features,
    which are kept.

    Raises:
        InputError: nothing can be learned from these, or torchrun started several processes.
        ModelError: the start cannot be had.
    """
    if processes_of_environment().world_size > 1:
        raise InputError(
            "adapt runs in one process, for it takes minutes: start it without torchrun"
        )
    if request.pairs is None:
        raise InputError("the recipe adapt learns from your videos: name their list with --pairs")
    folder = RunFolder(request.out)
    with folder.claimed():
        folder.check(resume=request.resume)
        folder.check_longer(None)
        return _adapt(
            request, request.pairs, folder, command=command, listener=listener or SilentListener()
        )


def _adapt(
    request: RunRequest, source: Path, folder: RunFolder, *, command: str, listener: RunListener
) -> RunResult:
    say = listener.message
    pairs = read_adapt_pairs(
        source,
        request.val,
        seed=request.config.seed,
        caption_from=request.caption_from,
        on_message=say,
    )
    started = time.time()
    adaptation = Adaptation(
        pairs, request.config, device=choose_device(request.device), max_steps=request.max_steps
    )
    adaptation.prepare(on_message=say)
    record = first_record(
        request.config,
        RunPairs(*pairs[:4]),
        plan=adaptation.plan,
        device=adaptation.device,
        command=command,
    )
    folder.write(record)
    folder.forget_metrics_after(-1)
    with closing(open_curves(folder)) as curves:
        adaptation.learn(on_line=lambda line: _keep(line, folder, curves))
    step = adaptation.course.best.candidate.step
    record |= {"steps": step, "seconds": time.time() - started}
    figures = write_adapted(adaptation, folder=folder, record=record)
    say(adaptation.course.sentence())
    return RunResult(bundle=folder.bundle, step=step, figures=figures, interrupted=False)


def _keep(line: dict[str, Any], folder: RunFolder, curves: Curves) -> None:
    folder.add_metrics(line)
    for name, value in line.items():
        if name != "step":
            curves.add_scalar(name, float(value), line["step"])
