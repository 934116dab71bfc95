"""What a protocol with training found out, for people and as JSON.

Axes: V test videos, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.label_figures import label_figures, label_intervals, per_class
from training.evaluation.metrics import Floats, pessimistic_ranks
from training.evaluation.pool import FailedEvaluation, fairness_words
from training.evaluation.splits import Split, SplitVideo


@dataclass(frozen=True, kw_only=True)
class ClassifierResult:
    """Where each test video's own class stood among all classes of the split."""

    ranks_V: Floats
    """In the order of `split.test`; 1..num_classes, inf where it failed or its class was never
    trained on."""

    split: Split

    num_train_videos: int
    """Those that could be read."""

    setting: dict[str, object]
    """What else decides on the figures, by its name in JSON."""

    model: str
    seconds: float
    failures: list[FailedEvaluation]
    """Of the test part: misses. Of the train part: left out."""

    method: str
    """How the classifier came about, for the protocol line."""

    def __repr__(self) -> str:
        return (
            f"ClassifierResult({len(self.split.test)} test videos, "
            f"{len(self.split.class_names)} classes: top-1 {self.figures['top1']:.3f}, "
            f"split {self.split.number}, model {self.model!r})"
        )

    @property
    def figures(self) -> dict[str, float]:
        """Accuracies in [0, 1]: top1, top5 and mean_per_class."""
        return label_figures(self.ranks_V, self.classes)

    @property
    def classes(self) -> list[int]:
        """Each test video's class, as its position in the split's list."""
        return [video.label for video in self.split.test]

    @property
    def warnings(self) -> list[str]:
        """What makes the figures less than they seem, one sentence each."""
        return self.split.warnings

    @property
    def protocol(self) -> str:
        """What was measured, as one sentence for people."""
        groups = {video.group for video in self.split.test} - {""}
        intervals = f"{len(groups)} groups of test videos" if groups else "test videos"
        return (
            f"split {self.split.number}: {self.num_train_videos} train and "
            f"{len(self.split.test)} test videos of {len(self.split.class_names)} classes; "
            f"{self.method}; 95 % intervals by resampling {intervals}; "
            f"{fairness_words(self.failures)}."
        )

    def as_json(self) -> dict[str, object]:
        """What `--json` prints; accuracies in [0, 1], intervals at 95 % as [low, high]."""
        groups = [video.group for video in self.split.test]
        each_class = per_class(self.ranks_V, self.classes, self.split.class_names)
        return {
            **self.figures,
            "intervals": label_intervals(self.ranks_V, self.classes, groups_V=groups),
            "per_class": [figures._asdict() for figures in each_class],
            "split": self.split.number,
            "num_train_videos": self.num_train_videos,
            "num_videos": len(self.split.test),
            "num_classes": len(self.split.class_names),
            **self.setting,
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "warnings": self.warnings,
            "failures": [failure.as_json() for failure in self.failures],
            "protocol": self.protocol,
        }


def ranks_of_logits(logits_VC: NDArray[np.float64], videos: Sequence[SplitVideo]) -> Floats:
    """Rank of each video's own class; ties count against it."""
    return pessimistic_ranks(logits_VC, [video.label for video in videos])
