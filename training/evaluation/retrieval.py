"""How well a model finds videos by their captions, and captions by their videos.

Axes: Q captions, V videos, S segments of one video, D dimensions of the shared space.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Encoder, Vectors
from cpd_model.errors import InputError
from training.data.manifest import read_manifest, videos_of
from training.evaluation.cache import EmbeddedPool, EmbedFiles, OnProgress
from training.evaluation.metrics import (
    Floats,
    best_own_ranks,
    pessimistic_ranks,
    rank_figures,
    rank_intervals,
)
from training.evaluation.pool import (
    FailedEvaluation,
    copies_words,
    count_segments,
    embed_pool,
    encode_texts,
    failures_of,
    fairness_words,
    sampling_words,
)


@dataclass(frozen=True, kw_only=True)
class RetrievalResult:
    """Where each caption's own video stood among all videos, and the other way round."""

    ranks_Q: Floats
    """1..num_videos; inf where the caption's video failed."""

    video_ranks_V: Floats
    """Of each video that has a caption, in order of first mention: the rank of its best own caption
    among those of other videos, 1..num_captions; inf where the video failed."""

    num_videos: int
    """Size of the pool, failed videos included."""

    num_segments: int
    model: str
    seconds: float
    failures: list[FailedEvaluation]
    protocol: str
    """What was measured, as one sentence for people."""

    def __repr__(self) -> str:
        figures = self.figures
        return (
            f"RetrievalResult({len(self.ranks_Q)} captions, {self.num_videos} videos: "
            f"recall at 1 {figures['recall_at_1']:.3f}, at 5 {figures['recall_at_5']:.3f}, "
            f"median rank {figures['median_rank']:g}, model {self.model!r})"
        )

    @property
    def figures(self) -> dict[str, float]:
        """Text to video: recall_at_1, 5 and 10 in [0, 1], median_rank and mrr."""
        return rank_figures(self.ranks_Q, num_candidates=self.num_videos)

    def as_json(self) -> dict[str, object]:
        """Text to video, the first keys of `cpd evaluate retrieval --json`; recalls in [0, 1]."""
        return {
            **self.figures,
            "num_videos": self.num_videos,
            "num_queries": len(self.ranks_Q),
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "failures": [failure.as_json() for failure in self.failures],
        }

    def details_as_json(self) -> dict[str, object]:
        """The keys that follow: the other direction, 95 % intervals as [low, high], the protocol.

        Resampling takes a moment, so this is apart.
        """
        captions = len(self.ranks_Q)
        return {
            "intervals": rank_intervals(self.ranks_Q, num_candidates=self.num_videos),
            "video_to_text": {
                **rank_figures(self.video_ranks_V, num_candidates=captions),
                "num_queries": len(self.video_ranks_V),
                "num_captions": captions,
                "intervals": rank_intervals(self.video_ranks_V, num_candidates=captions),
            },
            "protocol": self.protocol,
        }


def evaluate_retrieval(
    manifest: Path,
    encoder: Encoder,
    *,
    split: str | None = None,
    cache_root: Path | None = None,
    embed_files: EmbedFiles | None = None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> RetrievalResult:
    """Search all videos of a manifest for each of its captions, and all captions for each video.

    Each caption of a video asks on its own, and of a video's own captions the best counts, as is
    usual where videos have several. A video's score with a caption is that of its best segment.
    Ties count against the model, a video that cannot be read stays in the pool, and its own
    captions are misses, as it is itself.

    Args:
        manifest: whatever `read_manifest` reads.
        split: only the rows of this split, as their column `split` has it; None: all.
        cache_root: where embeddings are kept; None for the user's cache folder.
        embed_files: decodes and embeds; None for the pipeline of `index`.

    Raises:
        InputError: the manifest cannot be used or has no caption.
    """
    started = time.monotonic()
    rows = read_manifest(manifest, split=split)
    asked = [(row.address, caption) for row in rows for caption in row.captions]
    if not asked:
        raise InputError(f"no row of {manifest.name} has a caption; retrieval needs one or more")
    videos = videos_of(rows)
    pool = embed_pool(
        videos, encoder, cache_root=cache_root, embed_files=embed_files, on_progress=on_progress
    )
    scores_QV = best_segment_scores(
        encode_texts(encoder, [caption for _, caption in asked]), list(videos), pool
    )
    column_of = {address: column for column, address in enumerate(videos)}
    targets_Q = [column_of[address] for address, _ in asked]
    described = sorted(set(targets_Q))
    row_of = {column: row for row, column in enumerate(described)}
    num_segments = count_segments(pool)
    failures = failures_of(rows, pool)
    return RetrievalResult(
        ranks_Q=pessimistic_ranks(scores_QV, targets_Q),
        video_ranks_V=best_own_ranks(
            scores_QV.T[described], [row_of[target] for target in targets_Q]
        ),
        num_videos=len(videos),
        num_segments=num_segments,
        model=encoder.name,
        seconds=time.monotonic() - started,
        failures=failures,
        protocol=(
            f"{len(asked)} captions, each against all {len(videos)} videos, and "
            f"{len(described)} videos that have a caption, each against all {len(asked)} "
            "captions by the best of its own; "
            "a video scores as the best of its segments by cosine "
            f"({sampling_words(encoder, videos)}; {num_segments} in all); "
            f"{fairness_words(failures)}"
            f"{copies_words(videos)}."
        ),
    )


def best_segment_scores(
    texts_QD: Vectors, videos: Sequence[Path], pool: EmbeddedPool
) -> NDArray[np.float32]:
    """Cosine of each text with each video's best segment: float32 (Q, V), -inf where it failed."""
    scores_QV = np.full((len(texts_QD), len(videos)), -np.inf, dtype=np.float32)
    for column, path in enumerate(videos):
        if path in pool.embeddings:
            scores_QV[:, column] = (texts_QD @ pool.embeddings[path].T).max(axis=1)
    return scores_QV
