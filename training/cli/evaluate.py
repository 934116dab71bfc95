"""`cpd evaluate ...`: how good a model is on your own list of videos."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cpd_model.built_in.defaults import DEFAULT_MODEL
from training.cli.classifiers import finetune, linear
from training.cli.reports import (
    LABEL_FIGURES,
    Device,
    Json,
    Manifest,
    Model,
    SplitName,
    class_table,
    figure_table,
    progress_on_stderr,
    show,
    tell,
    text_table,
)

if TYPE_CHECKING:
    from training.evaluation.zero_shot import HalfZeroShotResult

_RANK_FIGURES = {
    "recall_at_1": "recall at 1",
    "recall_at_5": "recall at 5",
    "recall_at_10": "recall at 10",
    "median_rank": "median rank",
    "mrr": "mean reciprocal rank",
}


class Protocol(StrEnum):
    """Which classes compete."""

    ALL = "all"
    HALF = "half"


evaluate_app = typer.Typer(
    name="evaluate",
    help="Measure a model on a list of videos with captions or labels.",
    no_args_is_help=True,
)


@evaluate_app.command("retrieval")
def retrieval(
    manifest: Manifest,
    split: SplitName = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Search all videos for each caption, and the reverse: how early does its own come?"""
    from cpd_model.loading import load_encoder
    from training.data.manifest import read_manifest
    from training.evaluation.retrieval import evaluate_retrieval

    read_manifest(manifest, split=split)  # a slip of the pen should not wait for the model
    with progress_on_stderr() as on_progress:
        result = evaluate_retrieval(
            manifest,
            load_encoder(model, device=device, on_message=tell),
            split=split,
            on_progress=on_progress,
        )
    figures: dict[str, Any] = {**result.as_json(), **result.details_as_json()}
    back = figures["video_to_text"]
    tables = [
        figure_table(
            f"Text to video: {len(result.ranks_Q)} captions, {result.num_videos} videos",
            figures,
            _RANK_FIGURES,
            intervals=figures["intervals"],
        ),
        figure_table(
            f"Video to text: {back['num_queries']} videos, {back['num_captions']} captions",
            back,
            _RANK_FIGURES,
            intervals=back["intervals"],
        ),
    ]
    show(result, figures, tables, as_json=as_json)


@evaluate_app.command("zero-shot")
def zero_shot(
    manifest: Manifest,
    classes: Annotated[Path, typer.Option("--classes", help="Class names, one a line.")],
    split: SplitName = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    protocol: Annotated[
        Protocol,
        typer.Option(
            help="all: every class competes. half: half of the classes, drawn several times, "
            "compete for their own videos alone; never compare the two."
        ),
    ] = Protocol.ALL,
    draws: Annotated[int, typer.Option(min=1, help="Of --protocol half.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Decides on the draws of half.")] = 0,
    as_json: Json = False,
) -> None:
    """Name what happens in each video, without having trained on the names."""
    from cpd_model.loading import load_encoder
    from training.data.manifest import read_manifest
    from training.evaluation.classes import read_classes
    from training.evaluation.zero_shot import evaluate_zero_shot, evaluate_zero_shot_half

    read_manifest(manifest, split=split)  # a slip of the pen should not wait for the model
    read_classes(classes)
    with progress_on_stderr() as on_progress:
        encoder = load_encoder(model, device=device, on_message=tell)
        if protocol is Protocol.HALF:
            half = evaluate_zero_shot_half(
                manifest,
                classes,
                encoder,
                split=split,
                num_draws=draws,
                seed=seed,
                on_progress=on_progress,
            )
        else:
            result = evaluate_zero_shot(
                manifest, classes, encoder, split=split, on_progress=on_progress
            )
    if protocol is Protocol.HALF:
        _show_half(half, as_json=as_json)
        return
    figures: dict[str, Any] = {**result.as_json(), **result.details_as_json()}
    tables = [
        class_table(figures["per_class"]),
        figure_table(
            f"Zero-shot labelling, all {result.num_classes} classes",
            figures,
            LABEL_FIGURES,
            intervals=figures["intervals"],
            others=[("chance, top-1", f"{1 / result.num_classes:.3f}")],
        ),
    ]
    show(result, figures, tables, as_json=as_json)


def _show_half(result: "HalfZeroShotResult", *, as_json: bool) -> None:
    figures: dict[str, Any] = result.as_json()
    rows = [
        (name, f"{figures[key]:.3f}", f"{figures['std'][key]:.3f}")
        for key, name in LABEL_FIGURES.items()
    ]
    rows.append(("chance, top-1", f"{1 / result.num_classes:.3f}", ""))
    title = f"Zero-shot labelling, {len(result.draws)} draws of {result.num_classes} classes"
    table = text_table(title, ("figure", "mean", "deviation"), rows)
    show(result, figures, [table], as_json=as_json)


evaluate_app.command("linear")(linear)
evaluate_app.command("finetune")(finetune)
