"""`cpd evaluate linear` and `finetune`: what a classifier makes of the video tower."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from cpd_model.built_in.defaults import DEFAULT_MODEL
from cpd_model.errors import InputError
from training.cli.reports import (
    LABEL_FIGURES,
    Device,
    Json,
    Model,
    class_table,
    figure_table,
    progress_on_stderr,
    show,
    tell,
)

if TYPE_CHECKING:
    from training.evaluation.classifier_result import ClassifierResult
    from training.evaluation.tower_classifier import Epoch, FinetuneSettings
    from training.evaluation.views import Views

TRAIN_VIEWS = "3x1"
FEATURES: Literal["trunk"] = "trunk"

Manifest = Annotated[
    Path,
    typer.Option(
        "--manifest",
        help="List with the columns path (relative to it), label, group, and split1, split2, ... "
        "(train or test) or split (train/test/train: the parts of splits 1, 2, 3).",
    ),
]
SplitNumber = Annotated[int, typer.Option("--split", min=1, help="The official split.")]
Classes = Annotated[
    Path | None,
    typer.Option("--classes", help="Class names, one a line; videos of others are left out."),
]
ProtocolName = Annotated[
    Literal["cpd", "authors"],
    typer.Option("--protocol", help="authors: as CPD's authors have it in their code."),
]
ViewsText = Annotated[
    str, typer.Option("--views", help="Clips x crops of each test video; CPD's authors take 10x3.")
]


def linear(
    manifest: Manifest,
    split: SplitNumber = 1,
    classes: Classes = None,
    views: ViewsText = "10x3",
    train_views: Annotated[
        str, typer.Option(help="Clips x crops of each training video, each a row of its own.")
    ] = TRAIN_VIEWS,
    features: Annotated[
        Literal["trunk", "embedding"],
        typer.Option(
            help="trunk: what the tower sees before its projection. embedding: what search uses."
        ),
    ] = FEATURES,
    protocol: ProtocolName = "cpd",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of --protocol authors; without it 100.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of --protocol authors; without it 2. They also name 20.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a linear classifier on frozen features of the train part; name the test videos.

    By --protocol cpd that is the exact minimum on features of fixed views, computed once. By
    --protocol authors it is SGD on random clips, which the tower sees anew in every epoch.
    """
    from training.evaluation.splits import read_split
    from training.evaluation.views import Views

    shown, taught = Views.parse(views), Views.parse(train_views)
    _refuse_mixed(protocol, exact=(train_views, features), descent=(epochs, learning_rate))
    _warn(read_split(manifest, number=split, classes=classes).warnings)
    if protocol == "authors":
        settings = _authors_linear(epochs, learning_rate)
        trained = _Trained(manifest, model, split, classes, shown, settings, device)
        _show("Linear classifier", trained.result(), as_json=as_json)
        return
    from cpd_model.loading import load_encoder
    from training.evaluation.linear import LinearChoice, evaluate_linear

    choice = LinearChoice(
        split_number=split, classes=classes, views=shown, train_views=taught, features=features
    )
    with progress_on_stderr() as on_progress:
        result = evaluate_linear(
            manifest,
            load_encoder(model, device=device, on_message=tell),
            choice=choice,
            on_progress=on_progress,
        )
    _show("Linear classifier", result, as_json=as_json)


def finetune(
    manifest: Manifest,
    split: SplitNumber = 1,
    classes: Classes = None,
    views: ViewsText = "10x3",
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Of a clip; without it 16 for a tower of CPD's authors."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1)] = 100,
    batch_size: Annotated[int, typer.Option(min=2)] = 128,
    learning_rate: Annotated[float, typer.Option()] = 0.02,
    dropout: Annotated[float, typer.Option(min=0.0, help="Before the linear layer.")] = 0.8,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    protocol: ProtocolName = "cpd",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A new folder for the weights, the classes and the figures."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train the whole video tower to name the train part's classes; name the test videos."""
    from training.evaluation.splits import read_split
    from training.evaluation.views import Views

    shown = Views.parse(views)
    _warn(read_split(manifest, number=split, classes=classes).warnings)
    from training.evaluation.tower_classifier import FinetuneSettings

    settings = FinetuneSettings(
        protocol=protocol,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        dropout=dropout,
        seed=seed,
    )
    trained = _Trained(manifest, model, split, classes, shown, settings, device)
    result = trained.result(num_frames=frames, out=out)
    _show("Fine-tuned classifier", result, as_json=as_json)


class _Trained(NamedTuple):
    """A classifier that is trained through the video tower, as it was asked for."""

    manifest: Path
    model: str
    split_number: int
    classes: Path | None
    views: "Views"
    settings: "FinetuneSettings"
    device: str

    def result(
        self, *, num_frames: int | None = None, out: Path | None = None
    ) -> "ClassifierResult":
        """Train and test it, told on stderr."""
        from training.evaluation.finetune import FinetuneChoice, evaluate_finetune

        choice = FinetuneChoice(
            split_number=self.split_number,
            classes=self.classes,
            views=self.views,
            num_frames=num_frames,
            settings=self.settings,
        )
        with progress_on_stderr() as on_progress:
            return evaluate_finetune(
                self.manifest,
                self.model,
                choice=choice,
                device=self.device,
                out=out,
                on_epoch=partial(_tell_epoch, self.settings.epochs),
                on_progress=on_progress,
            )


def _refuse_mixed(
    protocol: str, *, exact: tuple[str, str], descent: tuple[int | None, float | None]
) -> None:
    """An option that the chosen protocol would not look at is a misunderstanding."""
    if protocol == "authors" and exact != (TRAIN_VIEWS, FEATURES):
        raise InputError(
            "--train-views and --features are of --protocol cpd; the authors' takes random clips "
            "and the features before the projection, so leave them out"
        )
    if protocol == "cpd" and descent != (None, None):
        raise InputError(
            "--epochs and --learning-rate are of --protocol authors; cpd's regression is solved "
            "exactly, so leave them out"
        )


def _authors_linear(epochs: int | None, learning_rate: float | None) -> "FinetuneSettings":
    from training.evaluation.tower_classifier import AUTHORS_LINEAR

    return replace(
        AUTHORS_LINEAR,
        epochs=epochs or AUTHORS_LINEAR.epochs,
        learning_rate=AUTHORS_LINEAR.learning_rate if learning_rate is None else learning_rate,
    )


def _show(title: str, result: "ClassifierResult", *, as_json: bool) -> None:
    figures: dict[str, Any] = result.as_json()
    num_classes = len(result.split.class_names)
    tables = [
        class_table(figures["per_class"]),
        figure_table(
            f"{title}, split {result.split.number}, {num_classes} classes",
            figures,
            LABEL_FIGURES,
            intervals=figures["intervals"],
            others=[("chance, top-1", f"{1 / num_classes:.3f}")],
        ),
    ]
    show(result, figures, tables, as_json=as_json)


def _tell_epoch(num_epochs: int, epoch: "Epoch") -> None:
    tell(
        f"epoch {epoch.number} of {num_epochs}: loss {epoch.loss:.3f}, rate {epoch.learning_rate:g}"
    )


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        tell(f"warning: {warning}")
