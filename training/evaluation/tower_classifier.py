"""A video tower and a linear layer on it, trained together to name classes: the authors' recipe.

Read from their code (MCG-NJU/CPD-Video, README.md and main.py): SGD with momentum, dropout
0.8 before the linear layer, a rate that falls tenfold when things stop getting better. One thing
differs: the authors watch the accuracy on the test split for that, here it is the training loss,
so that no test video has a say in what is tested on it. One thing is added: when all is learned,
the batch norms' statistics are taken once more, over up to 200 batches of training clips, because
in a short run their running means are still those of the start (as SlowFast does, Feichtenhofer et
al. 2019, precise batch norm). And clips of classes that name a side are never mirrored. These last
two are as the authors have them under the protocol `authors`.

The authors' linear classification is the same training with all but the last layer frozen
(--ft_begin_index 5): the weights rest, while the batch norms, in train mode, normalise by the batch
and move their running means.

Everything random at a step is a function of the seed and the step.

Axes: B clips of a batch, T frames of a clip, H height, W width, C channels (3, RGB), F features,
L classes.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cpd_model.encoder import ClipSpec, Frames
from cpd_model.errors import InputError
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from cpd_model.zero_shot import spoken_label
from index.errors import VideoError
from training.data.augment import draw_plan, names_a_side
from training.data.batch import BatchOrder
from training.data.pair import Pair
from training.evaluation.splits import SplitVideo
from training.evaluation.views import ClipShape, Submit, in_order

FinetuneProtocol: TypeAlias = Literal["cpd", "authors"]

_MIN_LEARNING_RATE = 1e-6
_CLIPS_AHEAD = 32
_SETTLING_STEPS = 200
_BATCH_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneSettings:
    """How the classifier is trained; the defaults are the authors'."""

    protocol: FinetuneProtocol = "cpd"
    """authors: batch norms end with their running means, half of all clips are mirrored, and test
    clips start at i / n, as in the authors' code."""

    frozen: bool = False
    """Whether the tower's weights rest, so that the linear layer alone learns."""

    epochs: int = 100
    batch_size: int = 128
    """Clips of a step; fewer where there are fewer training videos."""

    learning_rate: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 1e-4
    dropout: float = 0.8
    """Share of the features that the linear layer does not see in a training step, in [0, 1)."""

    patience: int = 5
    """Epochs without a smaller training loss before the rate falls."""

    decay: float = 0.1
    """What the rate is then multiplied by."""

    clip_norm: float = 20.0
    """Longest gradient over all weights."""

    seed: int = 0

    def __post_init__(self) -> None:
        if self.protocol not in get_args(FinetuneProtocol):
            raise InputError(f"protocol must be cpd or authors, got {self.protocol!r}")
        if self.epochs < 1 or self.batch_size < 2:
            raise InputError(
                "fine-tuning needs one epoch or more and batches of two clips or more, "
                f"got {self.epochs} and {self.batch_size}"
            )
        if not self.learning_rate > 0 or not 0 <= self.dropout < 1:
            raise InputError(
                "the learning rate must be above 0 and the dropout in [0, 1), "
                f"got {self.learning_rate} and {self.dropout}"
            )


AUTHORS_LINEAR = FinetuneSettings(protocol="authors", frozen=True, learning_rate=2.0)
"""The authors' linear classification; their README also names a rate of 20."""


class Epoch(NamedTuple):
    """How one pass over the training videos went."""

    number: int
    """From 1."""

    loss: float
    learning_rate: float


class VideoClassifier(nn.Module):
    """Clips (B, 3, T, H, W), normalised -> logits (B, L)."""

    def __init__(self, model: CPDModel, *, num_classes: int, dropout: float, frozen: bool) -> None:
        super().__init__()
        self.model = model
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(int(model.video_tower.num_features), num_classes)
        model.requires_grad_(False)
        model.video_tower.requires_grad_(not frozen)

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        logits_BL: Tensor = self.head(self.dropout(self.model.video_features(clips_BCTHW)))
        return logits_BL


@dataclass(frozen=True, kw_only=True)
class TrainingClips:
    """Where the clips of a batch come from: drawn, read and augmented as in pre-training."""

    videos: Sequence[SplitVideo]
    class_names: Sequence[str]
    order: BatchOrder
    shape: ClipShape
    """`pixels` is the size of the square that is cut out."""

    short_side_pixels: tuple[int, int]
    """A clip's short side is drawn from this range before that."""

    submit: Submit
    mirrors_all: bool = False
    """Whether clips of classes that name a side, as in "turn left", are mirrored as well."""

    reasons: dict[Path, str] = field(default_factory=dict)
    """Why some could not be read, filled while they are asked for."""

    def batches(
        self, first_step: int, stop_step: int
    ) -> Iterator[tuple[int, list[tuple[Frames, int]]]]:
        """Step, and its clips (T, S, S, 3) with their classes; the unreadable are left out."""
        places = [
            (step, item)
            for step in range(first_step, stop_step)
            for item in self.order.items(step).tolist()
        ]
        starts = (partial(self._start, step, item) for step, item in places)
        readings = in_order(starts, num_ahead=min(self.order.batch_size, _CLIPS_AHEAD))
        batch: list[tuple[Frames, int]] = []
        for count, ((step, item), clip) in enumerate(zip(places, readings, strict=True), start=1):
            if isinstance(clip, VideoError):
                self.reasons.setdefault(self.videos[item].path, clip.reason)
            else:
                batch.append((clip, self.videos[item].label))
            if count % self.order.batch_size == 0:
                yield step, batch
                batch = []

    def _start(self, step: int, item: int) -> Future[Frames]:
        from training.data.media_tasks import read_pair_clip

        video = self.videos[item]
        name = spoken_label(self.class_names[video.label])
        plan = draw_plan(
            self.order.random(step, item),
            short_side_pixels=self.short_side_pixels,
            mirror=self.mirrors_all or not names_a_side([name]),
        )
        spec = ClipSpec(
            num_frames=self.shape.num_frames,
            frame_size=self.shape.pixels,
            resize="crop",
            short_side=self.shape.pixels,
            span_seconds=self.shape.span_seconds,
        )
        pair = Pair(id=str(item), path=video.path, captions=(name,))
        return self.submit(read_pair_clip, video.path, pair, plan, spec, None)


def new_classifier(
    model: CPDModel, *, num_classes: int, settings: FinetuneSettings, device: str
) -> VideoClassifier:
    """A classifier on this model's video tower; its new layer is drawn by the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        classifier = VideoClassifier(
            model, num_classes=num_classes, dropout=settings.dropout, frozen=settings.frozen
        )
    return classifier.to(device)


def finetune(
    classifier: VideoClassifier,
    processor: CPDProcessor,
    clips: TrainingClips,
    *,
    settings: FinetuneSettings,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> None:
    """Train a classifier in place.

    Raises:
        InputError: no clip of an epoch could be read, or the loss is no number.
    """
    optimizer = torch.optim.SGD(
        [weight for weight in classifier.parameters() if weight.requires_grad],
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        patience=settings.patience,
        factor=settings.decay,
        min_lr=_MIN_LEARNING_RATE,
    )
    steps = clips.order.steps_per_epoch
    classifier.train(True)
    for epoch in range(settings.epochs):
        losses = [
            _step(classifier, processor, optimizer, batch, step=step, settings=settings)
            for step, batch in clips.batches(epoch * steps, (epoch + 1) * steps)
            if len(batch) > 1  # batch norms of one clip know no spread
        ]
        if not losses:
            reason = next(iter(clips.reasons.values()), "")
            raise InputError(f"no training video could be read; the first one: {reason}")
        mean = float(np.mean(losses))
        if not np.isfinite(mean):
            raise InputError(
                f"the loss is no number any more in epoch {epoch + 1}: choose a smaller "
                f"--learning-rate than {settings.learning_rate:g}"
            )
        on_epoch(Epoch(epoch + 1, mean, float(optimizer.param_groups[0]["lr"])))
        schedule.step(mean)
    if settings.protocol == "cpd":
        _settle_norms(classifier, processor, clips, first_step=settings.epochs * steps)
    classifier.train(False)


def logits_of(
    classifier: VideoClassifier, processor: CPDProcessor, clips_BTHWC: Frames
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """float64 (B, L) of uint8 clips."""
    device = classifier.head.weight.device
    with torch.inference_mode(), _autocast(device):
        clips = processor.clips(torch.from_numpy(np.ascontiguousarray(clips_BTHWC)).to(device))
        logits_BL: np.ndarray[Any, np.dtype[np.float64]] = classifier(clips).double().cpu().numpy()
    return logits_BL


def _step(
    classifier: VideoClassifier,
    processor: CPDProcessor,
    optimizer: torch.optim.SGD,
    batch: list[tuple[Frames, int]],
    *,
    step: int,
    settings: FinetuneSettings,
) -> float:
    device = classifier.head.weight.device
    clips_BTHWC = torch.from_numpy(np.stack([frames for frames, _ in batch])).to(device)
    classes_B = torch.tensor([label for _, label in batch], device=device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(
            int(np.random.SeedSequence((settings.seed, step)).generate_state(1)[0])
        )  # for dropout
        with _autocast(device):
            logits_BL = classifier(processor.clips(clips_BTHWC))
        loss = F.cross_entropy(logits_BL.float(), classes_B)
        optimizer.zero_grad()
        loss.backward()
    nn.utils.clip_grad_norm_(classifier.parameters(), settings.clip_norm)
    optimizer.step()
    return float(loss.detach())


def _settle_norms(
    classifier: VideoClassifier, processor: CPDProcessor, clips: TrainingClips, *, first_step: int
) -> None:
    """Let the batch norms' statistics be those of the weights as they are now."""
    norms = [module for module in classifier.modules() if isinstance(module, _BATCH_NORMS)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    device = classifier.head.weight.device
    num_steps = min(clips.order.steps_per_epoch, _SETTLING_STEPS)
    for _, batch in clips.batches(first_step, first_step + num_steps):
        if len(batch) > 1:
            clips_BTHWC = torch.from_numpy(np.stack([frames for frames, _ in batch])).to(device)
            with torch.no_grad(), _autocast(device):
                classifier(processor.clips(clips_BTHWC))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
