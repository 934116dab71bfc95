"""How well held-back pairs are found, where captions may repeat and pairs may be few.

Axes: V videos of all pairs, H held-back ones, U different captions, D shared space.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.pair import Pair
from training.evaluation.metrics import TIE_TOLERANCE, mean_reciprocal_rank, recall_at
from training.features.stream import FeaturePairs
from training.method.towers import PairTowers
from training.run.recall import CHUNK, RANKS


class HeldRanks(NamedTuple):
    """Ranks of held-back pairs, 1 the best, inf for a miss."""

    text: tuple[NDArray[np.float64], ...]
    """Of each pair: of its video, found by each of its captions."""

    video_H: NDArray[np.float64]
    """Of each pair: of the best of its captions, found by its video."""

    def scores(self) -> NDArray[np.float64]:
        """Mean reciprocal rank of each pair, of both ways, (H,) in [0, 1]."""
        text_H = np.array([float(np.mean(1 / ranks)) for ranks in self.text])
        return (text_H + 1 / self.video_H) / 2

    def figures(self) -> dict[str, float]:
        """Recalls and mean reciprocal ranks in [0, 1], both ways.

        `recall` is the mean of all recalls and `mean_mrr` that of `scores`.
        """
        ranks = {"": np.concatenate(self.text), "video_to_text_": self.video_H}
        figures = {
            f"{way}recall_at_{k}": recall_at(found, k)
            for way, found in ranks.items()
            for k in RANKS
        }
        recall = sum(figures.values()) / len(figures)
        figures |= {f"{way}mrr": mean_reciprocal_rank(found) for way, found in ranks.items()}
        return {**figures, "recall": recall, "mean_mrr": float(self.scores().mean())}


def pooled(parts: Sequence[HeldRanks]) -> HeldRanks:
    """The ranks of several parts as those of one."""
    texts = [ranks for part in parts for ranks in part.text]
    return HeldRanks(tuple(texts), np.concatenate([part.video_H for part in parts]))


class AdaptJudge:
    """Held-back videos and their captions among all of the list, the learned ones too.

    A clip of the same caption is never a wrong answer, nor does it help: a caption must find each
    held-back clip before all clips of other captions, and a clip must find a caption of its own.
    """

    def __init__(self, pairs: Sequence[Pair], stream: FeaturePairs) -> None:
        """
        Args:
            pairs: all of them.
            stream: over the same pairs.
        """
        assert stream.texts is not None
        self._texts_UE = stream.texts.rows_UE
        self._table = stream.table
        row_of, start = stream.texts.row_of_M, stream.texts.start_N
        self._owned_UV: NDArray[np.bool_] = np.zeros((len(self._texts_UE), len(pairs)), dtype=bool)
        for item, pair in enumerate(pairs):
            self._owned_UV[row_of[start[item] : start[item] + len(pair.captions)], item] = True

    @torch.inference_mode()
    def ranks(self, towers: PairTowers, held: Sequence[int]) -> HeldRanks:
        """Ranks of some of the pairs, by the towers as they are."""
        was_training = towers.training
        towers.train(False)
        scores_UV = self._scores(towers)
        towers.train(was_training)
        return held_ranks(scores_UV, self._owned_UV, held=held)

    def _scores(self, towers: PairTowers) -> NDArray[np.float32]:
        texts_UD = _embedded(towers.embed_text, self._texts_UE)
        readable = np.flatnonzero(self._table.readable())
        known_RD = np.concatenate(
            [
                _embedded(towers.embed_video, self._table.features_of(readable[at : at + CHUNK]))
                for at in range(0, len(readable), CHUNK)
            ]
        )
        scores_UV = np.full(self._owned_UV.shape, -np.inf, dtype=np.float32)
        scores_UV[:, readable] = texts_UD @ known_RD.T
        scores_UV[np.isnan(scores_UV)] = -np.inf  # weights that burst find nothing
        return scores_UV


def held_ranks(
    scores_UV: NDArray[np.floating], owned_UV: NDArray[np.bool_], *, held: Sequence[int]
) -> HeldRanks:
    """See `AdaptJudge`; ties count against the model, an unreadable video is a miss."""
    text_ranks, video_ranks = [], []
    for video in held:
        own_U = owned_UV[:, video]
        ranks = [
            _rank(scores_UV[text, video], scores_UV[text, ~owned_UV[text]])
            for text in np.flatnonzero(own_U)
        ]
        text_ranks.append(np.array(ranks))
        video_ranks.append(_rank(scores_UV[own_U, video].max(), scores_UV[~own_U, video]))
    return HeldRanks(tuple(text_ranks), np.array(video_ranks))


def _rank(own: float, others: NDArray[np.floating]) -> float:
    if own == -np.inf:
        return float("inf")
    return 1.0 + float((others >= own - TIE_TOLERANCE).sum())


def _embedded(embed: Any, rows: NDArray[np.float16]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = embed(torch.from_numpy(rows)).float().cpu().numpy()
    return found
