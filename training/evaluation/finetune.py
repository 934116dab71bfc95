"""The fine-tuning protocol: the whole video tower learns a split's classes, tested on many views.

With a frozen tower it is the authors' linear classification, see
training.evaluation.tower_classifier.

Axes: V test videos, L classes, K crops of a clip.
"""

import json
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cpd_model.bundles.bundle import open_model
from cpd_model.bundles.record import is_bundle
from cpd_model.config import ResNet3DOptions
from cpd_model.devices import choose_device
from cpd_model.errors import InputError
from cpd_model.loading import find_model
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from training.data.batch import BatchOrder
from training.evaluation.cache import EmbeddedPool, FailedFile, OnProgress
from training.evaluation.classes import Classes
from training.evaluation.classifier_result import ClassifierResult, ranks_of_logits
from training.evaluation.linear import AUTHORS_VIEWS
from training.evaluation.pool import failures_of
from training.evaluation.splits import Split, SplitVideo, read_split
from training.evaluation.tower_classifier import (
    Epoch,
    FinetuneSettings,
    TrainingClips,
    VideoClassifier,
    finetune,
    logits_of,
    new_classifier,
)
from training.evaluation.view_features import read_views
from training.evaluation.views import ClipShape, Submit, Views, clip_shape

_LARGER = (256 / 224, 340 / 224)
"""Range of the short side before a square is cut out, in sizes of that square."""


@dataclass(frozen=True, kw_only=True)
class FinetuneChoice:
    """What is measured."""

    split_number: int = 1
    """The official split, from 1."""

    classes: Classes | None = None
    """A file or list of classes; videos of others are left out. None: every label is a class."""

    views: Views = AUTHORS_VIEWS
    """Of each test video; its logits are the mean over them."""

    num_frames: int | None = None
    """Of a clip. None: twice as many as the model was trained with, at their distance, where the
    tower looks across frames (16 in the authors' code); else as many."""

    settings: FinetuneSettings = field(default_factory=FinetuneSettings)

    def __post_init__(self) -> None:
        if self.num_frames is not None and self.num_frames < 1:
            raise InputError(f"num_frames must be 1 or more, got {self.num_frames}")


def evaluate_finetune(
    manifest: Path,
    model: str,
    *,
    choice: FinetuneChoice = FinetuneChoice(),
    device: str = "auto",
    out: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> ClassifierResult:
    """Fine-tune the video tower of a model on a split's train part, and test it.

    Args:
        model: the name or folder of a bundle; ready-made models of transformers have no tower
            that this code could train.
        out: a folder that must not exist yet, for the weights, the classes and the figures.
        on_progress: told about the test videos.

    Raises:
        InputError: see training.evaluation.splits.read_split; the model is no bundle; the folder
            exists; or training comes to nothing.
    """
    started = time.monotonic()
    split = read_split(manifest, number=choice.split_number, classes=choice.classes)
    if out is not None and out.exists():
        raise InputError(f"{out} exists already; name a new folder for --out")
    network, processor = _load(model)
    train_shape, test_shape = _shapes(network, choice.num_frames)
    settings = choice.settings
    classifier = new_classifier(
        network,
        num_classes=len(split.class_names),
        settings=settings,
        device=choose_device(device),
    )
    from index.decoding.pool import DecodePool

    with DecodePool() as pool:
        clips = _training_clips(split, settings, train_shape, submit=pool.submit)
        finetune(classifier, processor, clips, settings=settings, on_epoch=on_epoch)
        tester = _Tester(classifier, processor, _views(choice), test_shape)
        logits_VL, reasons = tester.logits(split.test, submit=pool.submit, on_progress=on_progress)
    failures = failures_of(split.rows, EmbeddedPool(reasons={**clips.reasons, **reasons}))
    result = ClassifierResult(
        ranks_V=ranks_of_logits(logits_VL, split.test),
        split=split,
        num_train_videos=len(split.train) - len(clips.reasons),
        setting=_setting(choice, train_shape),
        model=model,
        seconds=time.monotonic() - started,
        failures=failures,
        method=_method(choice, train_shape, test_shape),
    )
    if out is not None:
        _save(out, classifier, result)
    return result


def _load(model: str) -> tuple[CPDModel, CPDProcessor]:
    folder = find_model(model)
    if not is_bundle(folder):
        raise InputError(
            f"{model} is no bundle of cpd, and only their video towers can be trained or run in "
            "train mode here; use cpd evaluate linear --protocol cpd for it"
        )
    return open_model(folder)


def _shapes(model: CPDModel, num_frames: int | None) -> tuple[ClipShape, ClipShape]:
    """The clips to train on, and those to test on."""
    config = model.cpd_config
    across = isinstance(config.video, ResNet3DOptions)
    own = clip_shape(config.clip_spec, pixels=config.frame_size)
    frames = num_frames or (2 * own.num_frames if across else own.num_frames)
    span = own.span_seconds * (frames / own.num_frames if across else 1.0)
    whole = across and config.resize == "crop"
    return (
        ClipShape(frames, span, config.frame_size),
        ClipShape(frames, span, config.short_side if whole else config.frame_size),
    )


def _training_clips(
    split: Split, settings: FinetuneSettings, shape: ClipShape, *, submit: Submit
) -> TrainingClips:
    low, high = (round(shape.pixels * larger) for larger in _LARGER)
    return TrainingClips(
        videos=split.train,
        class_names=split.class_names,
        order=BatchOrder(
            num_items=len(split.train),
            batch_size=min(settings.batch_size, len(split.train)),
            seed=settings.seed,
        ),
        shape=shape,
        short_side_pixels=(low, high),
        submit=submit,
        mirrors_all=settings.protocol == "authors",
    )


def _views(choice: FinetuneChoice) -> Views:
    """The test views, where the protocol has them lie."""
    return replace(choice.views, reaches_end=choice.settings.protocol == "cpd")


@dataclass(frozen=True)
class _Tester:
    """Names videos by the mean logits of their views."""

    classifier: VideoClassifier
    processor: CPDProcessor
    views: Views
    shape: ClipShape

    def logits(
        self, videos: list[SplitVideo], *, submit: Submit, on_progress: OnProgress
    ) -> tuple[NDArray[np.float64], dict[Path, str]]:
        """(V, L), -inf of what failed; and why it failed."""
        logits_VL = np.full((len(videos), self.classifier.head.out_features), -np.inf)
        reasons: dict[Path, str] = {}
        paths = [video.path for video in videos]
        readings = read_views(paths, self.views, self.shape, submit=submit)
        for row, (path, clips) in enumerate(readings):
            if isinstance(clips, FailedFile):
                reasons[path] = clips.reason
            else:
                views_NL = [
                    logits_of(self.classifier, self.processor, crops_KTHWC) for crops_KTHWC in clips
                ]
                logits_VL[row] = np.concatenate(views_NL).mean(axis=0)
            on_progress(row + 1, len(videos), len(reasons))
        return logits_VL, reasons


def _setting(choice: FinetuneChoice, shape: ClipShape) -> dict[str, object]:
    settings = choice.settings
    return {
        "protocol_name": settings.protocol,
        "frozen": settings.frozen,
        "views": str(_views(choice)),
        "num_frames": shape.num_frames,
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "dropout": settings.dropout,
        "seed": settings.seed,
    }


def _method(choice: FinetuneChoice, train_shape: ClipShape, test_shape: ClipShape) -> str:
    settings = choice.settings
    what = (
        "a linear layer on the frozen video tower, whose batch norms are in train mode,"
        if settings.frozen
        else "the whole video tower and a linear layer"
    )
    return (
        f"{what} trained for {settings.epochs} epochs "
        f"(batch {settings.batch_size}, SGD, rate {settings.learning_rate:g}, weight decay "
        f"{settings.weight_decay:g}, dropout {settings.dropout:g}, rate x{settings.decay:g} after "
        f"{settings.patience} epochs without a smaller training loss) on random clips of "
        f"{train_shape.num_frames} frames over {train_shape.span_seconds:.3g} s and squares of "
        f"{train_shape.pixels} pixels, tested by the mean logits of {_views(choice)} views "
        f"(clips x crops) of {test_shape.pixels} pixels"
        + ("; as the authors' code has it" if settings.protocol == "authors" else "")
    )


def _save(folder: Path, classifier: VideoClassifier, result: ClassifierResult) -> None:
    """The folder appears whole or not at all."""
    from safetensors.torch import save_file

    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
    partial.mkdir(parents=True)
    try:
        tower = {
            f"video_tower.{name}": weight.detach().cpu().contiguous()
            for name, weight in classifier.model.video_tower.state_dict().items()
        }
        head = {
            f"head.{name}": weight.detach().cpu().contiguous()
            for name, weight in classifier.head.state_dict().items()
        }
        save_file({**tower, **head}, partial / "classifier.safetensors")
        (partial / "classes.txt").write_text("\n".join(result.split.class_names) + "\n", "utf-8")
        figures = json.dumps(result.as_json(), indent=2) + "\n"
        (partial / "figures.json").write_text(figures, "utf-8")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
