"""How well a model names what happens in videos, without having trained on the names.

Two protocols, whose figures must not be compared with each other:

    all    every class of the list competes
    half   half of the classes, drawn by a seed, are the unseen ones of an older literature: only
           their videos count and only they compete; mean and spread over several draws

Axes: V videos, L classes, U classes of one draw, S segments of one video.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cpd_model.encoder import Encoder, Vectors
from cpd_model.errors import InputError
from cpd_model.zero_shot import ACTION_TEMPLATES, label_matrix, video_probabilities
from training.data.manifest import read_manifest, videos_of
from training.data.pair import ManifestRow
from training.evaluation.cache import EmbeddedPool, EmbedFiles, OnProgress
from training.evaluation.classes import Classes, ClassList, read_classes
from training.evaluation.label_figures import label_figures, label_intervals, per_class
from training.evaluation.metrics import TIE_TOLERANCE, Floats, pessimistic_ranks
from training.evaluation.pool import (
    FailedEvaluation,
    copies_words,
    count_segments,
    embed_pool,
    failures_of,
    fairness_words,
    labelled_rows,
    one_label_each,
    sampling_words,
)

NUM_DRAWS = 10
"""Draws of the protocol `half` unless a caller wants another number."""


@dataclass(frozen=True, kw_only=True)
class ZeroShotResult:
    """Where each video's own class stood among all classes."""

    ranks_V: Floats
    """1..num_classes; inf where the video failed."""

    classes_V: list[int]
    """Each video's own class, as its position in the list of classes."""

    num_classes: int
    model: str
    seconds: float
    failures: list[FailedEvaluation]
    protocol: str
    """What was measured, as one sentence for people."""

    class_names: list[str] = field(default_factory=list)
    """The list of classes."""

    def __repr__(self) -> str:
        return (
            f"ZeroShotResult({len(self.ranks_V)} videos, {self.num_classes} classes: "
            f"top-1 {self.figures['top1']:.3f}, model {self.model!r})"
        )

    @property
    def figures(self) -> dict[str, float]:
        """Accuracies in [0, 1]: top1, top5 and mean_per_class."""
        return label_figures(self.ranks_V, self.classes_V)

    def as_json(self) -> dict[str, object]:
        """The first keys of `cpd evaluate zero-shot --json`; accuracies in [0, 1]."""
        return {
            **self.figures,
            "num_videos": len(self.ranks_V),
            "num_classes": self.num_classes,
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "failures": [failure.as_json() for failure in self.failures],
        }

    def details_as_json(self) -> dict[str, object]:
        """The keys that follow: 95 % intervals as [low, high], each class, the protocol."""
        classes = per_class(self.ranks_V, self.classes_V, self.class_names)
        return {
            "intervals": label_intervals(self.ranks_V, self.classes_V),
            "per_class": [figures._asdict() for figures in classes],
            "protocol": self.protocol,
        }


class Draw(NamedTuple):
    """One half of the classes, and how its videos were named among it."""

    class_names: list[str]
    num_videos: int
    top1: float
    top5: float
    mean_per_class: float


@dataclass(frozen=True, kw_only=True)
class HalfZeroShotResult:
    """Accuracies over several draws of half of the classes."""

    draws: list[Draw]
    """Those that drew a class of at least one video."""

    num_empty_draws: int
    num_classes: int
    """Classes that compete in each draw."""

    model: str
    seconds: float
    failures: list[FailedEvaluation]
    protocol: str
    """What was measured, as one sentence for people."""

    def __repr__(self) -> str:
        return (
            f"HalfZeroShotResult({len(self.draws)} draws of {self.num_classes} classes: "
            f"top-1 {self.figures['top1']:.3f}, model {self.model!r})"
        )

    @property
    def figures(self) -> dict[str, float]:
        """Accuracies in [0, 1], means over the draws: top1, top5 and mean_per_class."""
        return {name: float(values.mean()) for name, values in self._by_draw().items()}

    def as_json(self) -> dict[str, object]:
        """What `cpd evaluate zero-shot --protocol half --json` prints.

        `top1`, `top5` and `mean_per_class` are means over the draws, `std` how far these spread.
        """
        return {
            **self.figures,
            "std": {name: float(values.std()) for name, values in self._by_draw().items()},
            "num_classes": self.num_classes,
            "num_empty_draws": self.num_empty_draws,
            "draws": [draw._asdict() for draw in self.draws],
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "failures": [failure.as_json() for failure in self.failures],
            "protocol": self.protocol,
        }

    def _by_draw(self) -> dict[str, Floats]:
        names = ("top1", "top5", "mean_per_class")
        return {name: np.array([getattr(draw, name) for draw in self.draws]) for name in names}


def evaluate_zero_shot(
    manifest: Path,
    classes: Classes,
    encoder: Encoder,
    *,
    split: str | None = None,
    cache_root: Path | None = None,
    embed_files: EmbedFiles | None = None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> ZeroShotResult:
    """Name each video whose label is one of the classes, with all classes competing.

    Args:
        manifest: whatever `read_manifest` reads.
        classes: a list, or a file of one class a line; `1 ApplyEyeMakeup`, as in UCF101's
            classInd.txt, is allowed there.
        split: only the rows of this split, as their column `split` has it; None: all.
        cache_root: where embeddings are kept; None for the user's cache folder.
        embed_files: decodes and embeds; None for the pipeline of `index`.

    Raises:
        InputError: the manifest or the class list cannot be used, no label is a class, or one video
        has two.
    """
    started = time.monotonic()
    competing = read_classes(classes)
    clips = _labelled_clips(manifest, competing, split=split)
    pool = embed_pool(
        videos_of(clips.rows),
        encoder,
        cache_root=cache_root,
        embed_files=embed_files,
        on_progress=on_progress,
    )
    failures = failures_of(clips.rows, pool)
    return ZeroShotResult(
        ranks_V=_ranks(
            clips, pool, label_matrix(encoder, clips.names), temperature=encoder.temperature
        ),
        classes_V=clips.classes_V,
        num_classes=len(clips.names),
        model=encoder.name,
        seconds=time.monotonic() - started,
        failures=failures,
        protocol=(
            f"{len(clips.videos)} videos of {len(set(clips.classes_V))} classes, "
            f"all {len(clips.names)} classes of {competing.source} competing, "
            f"{_prediction_words(encoder, clips, pool)}; "
            f"mean per class is over the classes that occur; {fairness_words(failures)}"
            f"{copies_words(videos_of(clips.rows))}."
        ),
        class_names=clips.names,
    )


def evaluate_zero_shot_half(
    manifest: Path,
    classes: Classes,
    encoder: Encoder,
    *,
    split: str | None = None,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
    cache_root: Path | None = None,
    embed_files: EmbedFiles | None = None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> HalfZeroShotResult:
    """Name the videos of half of the classes with only this half competing, for several draws.

    Of 101 classes 50 are drawn, of 51 classes 25, as where the other 51 (or 26) are trained on;
    nothing is trained here. A draw of which the manifest has no video counts for nothing.

    Args:
        seed: the same seed and list of classes draw the same halves.

    Raises:
        InputError: as `evaluate_zero_shot`; fewer than 4 classes; no draw, or none has a video.
    """
    started = time.monotonic()
    for name, number, least in (("num_draws", num_draws, 1), ("seed", seed, 0)):
        if number < least:
            raise InputError(f"{name} must be {least} or more, got {number}")
    competing = read_classes(classes)
    clips = _labelled_clips(manifest, competing, split=split)
    halves = _halves(competing, num_draws=num_draws, seed=seed)
    drawn = [part for part in (_draw(clips, half) for half in halves) if part.videos]
    if not drawn:
        raise InputError(
            f"none of {num_draws} draws of {len(halves[0])} classes has a video in "
            f"{manifest.name}; use --protocol all for a list of so few classes"
        )
    pool = embed_pool(
        videos_of(clips.rows),
        encoder,
        cache_root=cache_root,
        embed_files=embed_files,
        on_progress=on_progress,
    )
    failures = failures_of(clips.rows, pool)
    words = f"{len(halves[0])} of the {len(clips.names)} classes of {competing.source}"
    left_out = num_draws - len(drawn)
    return HalfZeroShotResult(
        draws=_name(drawn, clips, pool, encoder),
        num_empty_draws=left_out,
        num_classes=len(halves[0]),
        model=encoder.name,
        seconds=time.monotonic() - started,
        failures=failures,
        protocol=(
            f"half of the classes: {words} drawn {num_draws} times (seed {seed}), only their "
            f"videos counted and only they competing, mean and standard deviation over "
            f"{len(drawn)} draws"
            + (f", {left_out} without a video left out" if left_out else "")
            + "; not comparable with all classes competing; "
            f"{_prediction_words(encoder, clips, pool)}; {fairness_words(failures)}"
            f"{copies_words(videos_of(clips.rows))}."
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _LabelledClips:
    rows: list[ManifestRow]
    names: list[str]
    videos: list[Path]
    classes_V: list[int]


def _labelled_clips(manifest: Path, classes: ClassList, *, split: str | None) -> _LabelledClips:
    rows = labelled_rows(read_manifest(manifest, split=split), classes, manifest=manifest)
    if len(classes.names) == 1:
        raise InputError(
            f"{classes.source} names one class alone, {classes.names[0]}: with no other to choose "
            "every answer is right; list all that compete"
        )
    label_of = one_label_each(rows, manifest)
    position_of = {name: position for position, name in enumerate(classes.names)}
    return _LabelledClips(
        rows=rows,
        names=classes.names,
        videos=list(label_of),
        classes_V=[position_of[label] for label in label_of.values()],
    )


def _halves(classes: ClassList, *, num_draws: int, seed: int) -> list[list[int]]:
    """The classes of each draw, by their positions, in the order of the list."""
    num_classes = len(classes.names)
    if num_classes < 4:
        raise InputError(
            f"{classes.source} has {num_classes} classes, whose half is no choice; "
            "expected 4 or more, or --protocol all"
        )
    random = np.random.default_rng(seed)
    return [
        sorted(random.choice(num_classes, num_classes // 2, replace=False).tolist())
        for _ in range(num_draws)
    ]


def _draw(clips: _LabelledClips, half: Sequence[int]) -> _LabelledClips:
    """The same with these classes alone and their videos."""
    place_of = {label: place for place, label in enumerate(half)}
    kept = [number for number, label in enumerate(clips.classes_V) if label in place_of]
    return _LabelledClips(
        rows=clips.rows,
        names=[clips.names[label] for label in half],
        videos=[clips.videos[number] for number in kept],
        classes_V=[place_of[clips.classes_V[number]] for number in kept],
    )


def _name(
    parts: Sequence[_LabelledClips], clips: _LabelledClips, pool: EmbeddedPool, encoder: Encoder
) -> list[Draw]:
    """How the videos of each draw are named; every prompt is encoded once."""
    row_of = {name: row for row, name in enumerate(clips.names)}
    labels_LD = label_matrix(encoder, clips.names)
    draws = []
    for part in parts:
        labels_UD = labels_LD[[row_of[name] for name in part.names]]
        ranks_V = _ranks(part, pool, labels_UD, temperature=encoder.temperature)
        figures = label_figures(ranks_V, part.classes_V)
        draws.append(Draw(part.names, len(part.videos), **figures))
    return draws


def _ranks(
    clips: _LabelledClips, pool: EmbeddedPool, labels_LD: Vectors, *, temperature: float
) -> Floats:
    scores_VL = np.full((len(clips.videos), len(clips.names)), -np.inf)
    for row, path in enumerate(clips.videos):
        if path in pool.embeddings:
            probabilities_L = video_probabilities(pool.embeddings[path], labels_LD, temperature)
            with np.errstate(divide="ignore"):
                scores_VL[row] = np.log(probabilities_L)
    # Logarithms of probabilities are cosines over the temperature, up to a constant.
    return pessimistic_ranks(scores_VL, clips.classes_V, tolerance=TIE_TOLERANCE / temperature)


def _prediction_words(encoder: Encoder, clips: _LabelledClips, pool: EmbeddedPool) -> str:
    return (
        f"each through {len(ACTION_TEMPLATES)} prompts; a video's prediction is the mean "
        f"probability of all its segments ({sampling_words(encoder, videos_of(clips.rows))}; "
        f"{count_segments(pool)} in all)"
    )
