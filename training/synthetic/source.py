"""Where the pairs of the recipe `synthetic` come from: drawn films in place of lists and files.

Axes: V videos, D shared space.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from cpd_model.processor import CPDProcessor
from training.config import RunConfig
from training.data.batch import BatchOrder
from training.data.pair import Pair
from training.method.towers import PairTowers
from training.run.model import RunModel
from training.run.pairs import RunPairs, pairs_fingerprint
from training.run.recall import CHUNK, TextJudge
from training.run.streams import Streams
from training.synthetic.evaluate import held_back_clips
from training.synthetic.films import Scene, SyntheticPairs, held_out_scenes, training_scenes


class DrawnPairs:
    """A PairSource whose videos are drawn when they are needed, and are files nowhere."""

    def read(self, *, on_message: Callable[[str], None]) -> RunPairs:
        return drawn_pairs()

    def open(
        self,
        pairs: RunPairs,
        built: RunModel,
        *,
        config: RunConfig,
        order: BatchOrder,
        device: str,
        on_message: Callable[[str], None],
    ) -> Streams:
        judge = SyntheticJudge(built.processor, seed=config.seed)
        return Streams(SyntheticPairs(built.processor, order), judge)


def drawn_pairs() -> RunPairs:
    """The training scenes, judged by those held out."""
    train, val = _pairs(training_scenes(), "train"), _pairs(held_out_scenes(), "val")
    return RunPairs("moving shapes", train, val, pairs_fingerprint([*train, *val]))


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
