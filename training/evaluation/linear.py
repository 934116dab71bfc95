"""The linear protocol: a classifier on frozen features of the video tower, tested on many views.

Axes: V videos, C classes, F features, N rows (views of all training videos).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Encoder, Vectors
from cpd_model.errors import InputError
from training.evaluation.cache import EmbeddedPool, OnProgress
from training.evaluation.classes import Classes
from training.evaluation.classifier_result import ClassifierResult, ranks_of_logits
from training.evaluation.linear_probe import L2_CHOICES, LinearClassifier, fit_linear, log_loss
from training.evaluation.pool import failures_of
from training.evaluation.splits import SplitVideo, hold_back, read_split
from training.evaluation.view_features import (
    FeatureSource,
    feature_shape,
    feature_source,
    view_features,
)
from training.evaluation.views import Views

AUTHORS_VIEWS = Views(10, 3)
TRAIN_VIEWS = Views(3, 1)
"""Of each training video; every view is a row of its own."""

L2_UNCHOSEN = 1e-2
"""Where too few videos can be spared to choose it by: the middle of what is tried, near enough."""

_FEWEST_JUDGES = 6
"""Held-back videos below which the L2 is not chosen by them."""


@dataclass(frozen=True, kw_only=True)
class LinearChoice:
    """What is measured."""

    split_number: int = 1
    """The official split, from 1."""

    classes: Classes | None = None
    """A file or list of classes; videos of others are left out. None: every label is a class."""

    views: Views = AUTHORS_VIEWS
    """Of each test video; its logits are the mean over them."""

    train_views: Views = TRAIN_VIEWS

    features: FeatureSource = "trunk"
    """An encoder without trunk features gives its embeddings, and the protocol line says so."""

    def __post_init__(self) -> None:
        if self.features not in get_args(FeatureSource):
            raise InputError(f"features must be trunk or embedding, got {self.features!r}")


def evaluate_linear(
    manifest: Path,
    encoder: Encoder,
    *,
    choice: LinearChoice = LinearChoice(),
    cache_root: Path | None = None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> ClassifierResult:
    """Train a linear classifier on the frozen features of a split's train part, and test it.

    CPD's authors train the last layer by SGD on random crops; here the classifier is the exact
    minimum on fixed views, so that nothing but the features decides.

    Args:
        cache_root: where features are kept; None for the user's cache folder.

    Raises:
        InputError: see training.evaluation.splits.read_split, or no training video could be read.
    """
    started = time.monotonic()
    split = read_split(manifest, number=choice.split_number, classes=choice.classes)
    source = feature_source(encoder, choice.features)
    taught, tested = (
        view_features(
            [video.path for video in videos],
            encoder,
            views=views,
            source=source,
            cache_root=cache_root,
            on_progress=on_progress,
        )
        for videos, views in ((split.train, choice.train_views), (split.test, choice.views))
    )
    learned = split.learned(taught.embeddings.keys())
    classifier, l2, how = fit_on_views(learned, taught, num_classes=len(split.class_names))
    failures = failures_of(split.rows, EmbeddedPool(reasons={**taught.reasons, **tested.reasons}))
    return ClassifierResult(
        ranks_V=ranks_of_logits(mean_logits(classifier, split.test, tested), split.test),
        split=split,
        num_train_videos=len(learned),
        setting={
            "features": source,
            "views": str(choice.views),
            "train_views": str(choice.train_views),
            "l2": l2,
        },
        model=encoder.name,
        seconds=time.monotonic() - started,
        failures=failures,
        method=_method(encoder, choice, source, how),
    )


def fit_on_views(
    videos: list[SplitVideo], pool: EmbeddedPool, *, num_classes: int
) -> tuple[LinearClassifier, float, str]:
    """The classifier of each video's views, its L2, and how this was chosen in words."""
    chosen, how = _chosen_l2(videos, pool, num_classes=num_classes)
    classifier = fit_linear(*_rows(videos, pool), num_classes=num_classes, l2=chosen)
    return classifier, chosen, f"L2 {chosen:g}, {how}"


def _chosen_l2(
    videos: list[SplitVideo], pool: EmbeddedPool, *, num_classes: int
) -> tuple[float, str]:
    """The strength by which held-back videos are named best, and how it was chosen in words."""
    held = hold_back(videos)
    if len(held) < _FEWEST_JUDGES:
        return L2_UNCHOSEN, (
            f"fixed, for only {len(held)} training videos can be held back to choose it by, "
            f"and fewer than {_FEWEST_JUDGES} would decide by chance"
        )
    judges = [videos[position] for position in held]
    kept = [video for position, video in enumerate(videos) if position not in set(held)]
    classes = [video.label for video in judges]
    losses = {}
    for l2 in L2_CHOICES:
        tried = fit_linear(*_rows(kept, pool), num_classes=num_classes, l2=l2)
        losses[l2] = log_loss(mean_logits(tried, judges, pool), classes)
    chosen = min(losses, key=lambda l2: losses[l2])
    return chosen, f"chosen on {len(held)} training videos held back by group, of each class"


def _rows(videos: Sequence[SplitVideo], pool: EmbeddedPool) -> tuple[Vectors, list[int]]:
    """Every view of every video, and its class."""
    views = [pool.embeddings[video.path] for video in videos]
    classes = [video.label for video, rows in zip(videos, views, strict=True) for _ in rows]
    return np.concatenate(views), classes


def mean_logits(
    classifier: LinearClassifier, videos: Sequence[SplitVideo], pool: EmbeddedPool
) -> NDArray[np.float64]:
    """Mean over the views of each video: (V, C), -inf where it failed."""
    logits_VC = np.full((len(videos), len(classifier.bias_C)), -np.inf)
    for row, video in enumerate(videos):
        if video.path in pool.embeddings:
            logits_VC[row] = classifier.logits(pool.embeddings[video.path]).mean(axis=0)
    return logits_VC


def _method(encoder: Encoder, choice: LinearChoice, source: FeatureSource, how: str) -> str:
    shape = feature_shape(encoder, source)
    features = "the video tower's features before the projection, frozen"
    if source == "embedding":
        features = "the embeddings that search compares, frozen"
        if choice.features == "trunk":
            features += " (this model gives no features before its projection)"
    return (
        f"logistic regression on {features}; {how}; trained on {choice.train_views} views "
        f"(clips x crops) of each video, tested by the mean logits of {choice.views}, "
        f"{shape.num_frames} frames over {shape.span_seconds:.3g} s, {shape.pixels} pixels"
    )
