"""Recall on the held-back pairs while a model learns, both ways.

Axes: V videos, M captions of all of them, T frames of a clip, D shared space.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cpd_model.encoder import Frames
from cpd_model.processor import CPDProcessor
from index.decoding.pool import DecodePool
from index.errors import VideoError
from training.data.augment import centre_plan
from training.data.media_tasks import read_pair_clip
from training.data.pair import Pair
from training.evaluation.metrics import best_own_ranks, pessimistic_ranks, recall_at
from training.features.stream import FeaturePairs
from training.method.towers import PairTowers

RANKS = (1, 5, 10)
CHUNK = 64
"""Videos, or captions, that are embedded at once."""

_CHUNK_FRAMES = 128


class Judge(Protocol):
    """Held-back pairs that can be embedded by a model that still changes."""

    def embed_videos(self, towers: PairTowers) -> Tensor:
        """Unit vectors (V, D); NaN where a video cannot be read."""
        ...

    def embed_texts(self, towers: PairTowers) -> Tensor:
        """Unit vectors (M, D) of all captions, pair by pair."""
        ...

    def owners(self) -> NDArray[np.int64]:
        """Which video each caption belongs to."""
        ...


def recall_figures(judge: Judge, towers: PairTowers) -> dict[str, float]:
    """Recalls in [0, 1] of captions among all videos and of videos among all captions.

    Each caption is a query of its own; a video is found by the first of its captions. `recall` is
    the mean of all six, by which the best step is chosen.
    """
    towers.train(False)
    with torch.inference_mode():
        video_VD = judge.embed_videos(towers).float().cpu().numpy()
        text_MD = judge.embed_texts(towers).float().cpu().numpy()
    towers.train()
    scores_MV = text_MD @ video_VD.T
    owners = judge.owners().tolist()
    ranks = {
        "": pessimistic_ranks(scores_MV, owners),
        "video_to_text_": best_own_ranks(scores_MV.T, owners),
    }
    figures = {
        f"{direction}recall_at_{k}": recall_at(found, k)
        for direction, found in ranks.items()
        for k in RANKS
    }
    return {**figures, "recall": sum(figures.values()) / len(figures)}


class TextJudge:
    """The captions' half of a Judge, from their words."""

    def __init__(self, pairs: Sequence[Pair], processor: CPDProcessor) -> None:
        self._captions = [caption for pair in pairs for caption in pair.captions]
        self._processor = processor
        self._owners_M = np.repeat(
            np.arange(len(pairs)), [len(pair.captions) for pair in pairs]
        ).astype(np.int64)

    def owners(self) -> NDArray[np.int64]:
        return self._owners_M

    def embed_texts(self, towers: PairTowers) -> Tensor:
        # texts of like length share a chunk, so that few tokens are padding
        order = sorted(range(len(self._captions)), key=lambda index: len(self._captions[index]))
        rows: list[Tensor] = [torch.empty(0)] * len(order)
        for start in range(0, len(order), CHUNK):
            chosen = order[start : start + CHUNK]
            tokens = self._processor.texts([self._captions[index] for index in chosen])
            for index, row in zip(chosen, towers.embed_text(tokens), strict=True):
                rows[index] = row
        return torch.stack(rows)


class FeatureJudge(TextJudge):
    """A Judge over features that are known already."""

    def __init__(
        self, pairs: Sequence[Pair], stream: FeaturePairs, processor: CPDProcessor
    ) -> None:
        super().__init__(pairs, processor)
        self._stream = stream

    def embed_videos(self, towers: PairTowers) -> Tensor:
        table = self._stream.table
        readable = np.flatnonzero(table.readable())
        chunks = [
            towers.embed_video(torch.from_numpy(table.features_of(readable[start : start + CHUNK])))
            for start in range(0, len(readable), CHUNK)
        ]
        known_RD = torch.cat(chunks)
        video_VD = known_RD.new_full((table.num_items, known_RD.shape[1]), float("nan"))
        video_VD[readable] = known_RD
        return video_VD

    def embed_texts(self, towers: PairTowers) -> Tensor:
        texts = self._stream.texts
        if texts is None or towers.stage == "II":
            return super().embed_texts(towers)
        owners_M = self.owners()
        numbers_M = np.arange(len(owners_M)) - texts.start_N[owners_M]
        chunks = [
            towers.embed_text(torch.from_numpy(texts.pooled_of(*part)))
            for part in _parts(owners_M, numbers_M)
        ]
        return torch.cat(chunks)


class ClipJudge(TextJudge):
    """A Judge that decodes the middle clip of each video whenever it is asked."""

    def __init__(
        self, pairs: Sequence[Pair], processor: CPDProcessor, *, num_workers: int | None
    ) -> None:
        super().__init__(pairs, processor)
        self._pairs = pairs
        self._num_workers = num_workers

    def embed_videos(self, towers: PairTowers) -> Tensor:
        spec = self._processor.clip_spec
        chunk = max(1, _CHUNK_FRAMES // spec.num_frames)
        width = towers.model.cpd_config.embed_dim
        rows: list[Tensor] = []
        with DecodePool(num_workers=self._num_workers) as pool:
            for start in range(0, len(self._pairs), chunk):
                clips = list(self._read(self._pairs[start : start + chunk], pool))
                known = [clip for clip in clips if clip is not None]
                embedded = iter(
                    towers.embed_video(torch.from_numpy(np.stack(known))).cpu() if known else ()
                )
                nothing_D = torch.full((width,), float("nan"))
                rows += [nothing_D if clip is None else next(embedded) for clip in clips]
        return torch.stack(rows)

    def _read(self, pairs: Sequence[Pair], pool: DecodePool) -> Iterator[Frames | None]:
        spec = self._processor.clip_spec
        plan = centre_plan(spec.short_side if spec.resize == "crop" else spec.frame_size)
        submit: Callable[..., Future[Frames]] = pool.submit
        waiting = [submit(read_pair_clip, pair.path, pair, plan, spec, None) for pair in pairs]
        for clip in waiting:
            try:
                yield clip.result()
            except (VideoError, OSError):
                yield None


def _parts(*columns: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], ...]]:
    for start in range(0, len(columns[0]), 16 * CHUNK):
        yield tuple(column[start : start + 16 * CHUNK] for column in columns)
