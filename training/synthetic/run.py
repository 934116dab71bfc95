"""What a training run of the recipe `synthetic` needs in place of lists and files.

Axes: V videos, D shared space.
"""

from pathlib import Path

import torch
from torch import Tensor

from cpd_model.processor import CPDProcessor
from training.data.pair import Pair
from training.method.towers import PairTowers
from training.run.pairs import RunPairs, pairs_fingerprint
from training.run.recall import CHUNK, TextJudge
from training.synthetic.evaluate import held_back_clips
from training.synthetic.films import Scene, held_out_scenes, training_scenes


class DrawnPairs(RunPairs):
    """Pairs whose videos are drawn when they are needed, and are files nowhere."""


def drawn_pairs() -> DrawnPairs:
    """The training scenes, judged by those held out."""
    train, val = _pairs(training_scenes(), "train"), _pairs(held_out_scenes(), "val")
    return DrawnPairs("moving shapes", train, val, pairs_fingerprint([*train, *val]))


class SyntheticJudge(TextJudge):
    """A Judge that draws one clip of each held-out scene, always the same."""

    def __init__(self, processor: CPDProcessor, *, seed: int) -> None:
        self._scenes = held_out_scenes()
        super().__init__(_pairs(self._scenes, "val"), processor)
        self._drawn_by = processor
        self._seed = seed

    def embed_videos(self, towers: PairTowers) -> Tensor:
        count = len(self._scenes)
        chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
        return torch.cat(
            [
                towers.embed_video(
                    torch.from_numpy(
                        held_back_clips(self._drawn_by, self._scenes, rows, self._seed)
                    )
                )
                for rows in chunks
            ]
        )


def _pairs(scenes: list[Scene], split: str) -> list[Pair]:
    return [
        Pair(
            id="-".join(scene),
            path=Path("/synthetic") / "-".join(scene),
            captions=(scene.caption,),
            split=split,
        )
        for scene in scenes
    ]
