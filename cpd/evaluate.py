"""How good a model is, on videos with captions or labels of one's own.

    result = cpd.evaluate.retrieval("~/Videos/captions.csv")
    print(result.figures["recall_at_1"])

Every list is what `cpd evaluate` takes, a model is what `cpd.open` takes. A result's
`figures` are numbers by their names, its `protocol` says in one sentence what was measured.
"""

import os
from collections.abc import Iterable

from cpd.arguments import (
    AnyModel,
    AnyPath,
    encoder_of,
    expanded,
    name_of,
    optional,
    path_or_texts,
    text,
    whole_number,
)
from cpd_model.built_in.defaults import DEFAULT_MODEL
from training.data.manifest import read_manifest
from training.evaluation.classes import Classes, read_classes
from training.evaluation.classifier_result import ClassifierResult
from training.evaluation.finetune import FinetuneChoice, evaluate_finetune
from training.evaluation.linear import LinearChoice, evaluate_linear
from training.evaluation.pool import FailedEvaluation
from training.evaluation.retrieval import RetrievalResult, evaluate_retrieval
from training.evaluation.splits import read_split
from training.evaluation.tower_classifier import AUTHORS_LINEAR, FinetuneSettings
from training.evaluation.view_features import FeatureSource
from training.evaluation.views import Views
from training.evaluation.zero_shot import (
    HalfZeroShotResult,
    ZeroShotResult,
    evaluate_zero_shot,
    evaluate_zero_shot_half,
)

__all__ = [
    "AUTHORS_LINEAR",
    "ClassifierResult",
    "FailedEvaluation",
    "FinetuneSettings",
    "HalfZeroShotResult",
    "RetrievalResult",
    "ZeroShotResult",
    "finetune",
    "linear",
    "retrieval",
    "zero_shot",
    "zero_shot_half",
]


def retrieval(
    manifest: AnyPath,
    *,
    split: str | None = None,
    model: AnyModel = None,
    device: str = "auto",
) -> RetrievalResult:
    """Search all videos of a list for each of its captions, and the reverse.

    Args:
        split: only the rows whose column `split` says so, such as val.

    Raises:
        InputError: the list cannot be used, or has no caption.
        CPDError: the model cannot be had.
        TypeError: an argument is of another kind; so do the other protocols.
    """
    path = expanded(manifest, what="manifest")
    _check_split(split)
    read_manifest(path, split=split)  # a slip of the pen should not wait for the model
    return evaluate_retrieval(path, encoder_of(model, device=device), split=split)


def zero_shot(
    manifest: AnyPath,
    classes: AnyPath | Iterable[str],
    *,
    split: str | None = None,
    model: AnyModel = None,
    device: str = "auto",
) -> ZeroShotResult:
    """Name what happens in each video, without having trained on the names.

    Args:
        classes: a list of names, or a file of them, one a line; all of them compete.
        split: see `retrieval`.

    Raises:
        InputError: the list or the class names cannot be used, or no label is a class.
        CPDError: the model cannot be had.
    """
    path, names = expanded(manifest, what="manifest"), path_or_texts(classes, what="classes")
    _check_split(split)
    read_manifest(path, split=split)
    read_classes(names)
    return evaluate_zero_shot(path, names, encoder_of(model, device=device), split=split)


def zero_shot_half(
    manifest: AnyPath,
    classes: AnyPath | Iterable[str],
    *,
    split: str | None = None,
    num_draws: int = 10,
    seed: int = 0,
    model: AnyModel = None,
    device: str = "auto",
) -> HalfZeroShotResult:
    """The same with half of the classes competing for their own videos, for several draws.

    Never compare its figures with those of `zero_shot`.

    Raises:
        InputError: see `zero_shot`; fewer than 4 classes; no draw has a video.
        CPDError: the model cannot be had.
    """
    path, names = expanded(manifest, what="manifest"), path_or_texts(classes, what="classes")
    _check_split(split)
    draws, seed = whole_number(num_draws, what="num_draws"), whole_number(seed, what="seed")
    read_manifest(path, split=split)
    read_classes(names)
    encoder = encoder_of(model, device=device)
    return evaluate_zero_shot_half(path, names, encoder, split=split, num_draws=draws, seed=seed)


def linear(
    manifest: AnyPath,
    *,
    split_number: int = 1,
    classes: AnyPath | Iterable[str] | None = None,
    views: str = "10x3",
    train_views: str = "3x1",
    features: FeatureSource = "trunk",
    model: AnyModel = None,
    device: str = "auto",
) -> ClassifierResult:
    """Train a linear classifier on frozen features of the train part; name the test videos.

    It is the exact minimum on fixed views. The authors' way, `--protocol authors` of the command,
    runs the tower in train mode: `finetune(manifest, settings=AUTHORS_LINEAR)`.

    Args:
        split_number: the official split, from 1.
        classes: a list of names, or a file of them; videos of others are left out.
        views: clips x crops of each test video; CPD's authors take 10x3.
        train_views: of each training video, each a row of its own.

    Raises:
        InputError: the list, the split or the views cannot be used.
        CPDError: the model cannot be had.
    """
    path = expanded(manifest, what="manifest")
    choice = LinearChoice(
        split_number=whole_number(split_number, what="split_number"),
        classes=_optional_classes(classes),
        views=Views.parse(text(views, what="views")),
        train_views=Views.parse(text(train_views, what="train_views")),
        features=features,
    )
    read_split(path, number=choice.split_number, classes=choice.classes)
    return evaluate_linear(path, encoder_of(model, device=device), choice=choice)


def finetune(
    manifest: AnyPath,
    *,
    split_number: int = 1,
    classes: AnyPath | Iterable[str] | None = None,
    views: str = "10x3",
    num_frames: int | None = None,
    settings: FinetuneSettings | None = None,
    out: AnyPath | None = None,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> ClassifierResult:
    """Train the whole video tower to name the train part's classes; name the test videos.

    Args:
        split_number, classes, views: see `linear`.
        num_frames: of a clip; None is what the model was trained with, 16 for CPD's authors'.
        settings: epochs, batch size, rate, protocol and the like; None is as CPD's authors.
        out: a new folder for the weights, the classes and the figures.
        model: the name or folder of a bundle.

    Raises:
        InputError: the list, the split, the views or the model cannot be used.
        CPDError: the model cannot be had.
    """
    if not isinstance(settings, FinetuneSettings | None):
        raise TypeError(f"settings is a FinetuneSettings, got {type(settings).__name__}")
    return evaluate_finetune(
        expanded(manifest, what="manifest"),
        DEFAULT_MODEL if model is None else name_of(model),
        choice=FinetuneChoice(
            split_number=whole_number(split_number, what="split_number"),
            classes=_optional_classes(classes),
            views=Views.parse(text(views, what="views")),
            num_frames=None if num_frames is None else whole_number(num_frames, what="num_frames"),
            settings=settings or FinetuneSettings(),
        ),
        device=device,
        out=optional(out, what="out"),
    )


def _check_split(split: str | None) -> None:
    if split is not None:
        text(split, what="split")


def _optional_classes(classes: AnyPath | Iterable[str] | None) -> Classes | None:
    return None if classes is None else path_or_texts(classes, what="classes")
