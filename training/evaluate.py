"""How well a model finds videos by their captions, and names what happens in them.

Axes: Q captions, V videos, S segments of one video, L classes, D dimensions of the shared space.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cpd_model.cache import cache_folder
from cpd_model.encoder import Encoder, Vectors
from cpd_model.errors import InputError
from cpd_model.zero_shot import (
    ACTION_TEMPLATES,
    label_matrix,
    read_class_names,
    video_probabilities,
)
from training.evaluate_cache import (
    EmbeddedFile,
    EmbeddedPool,
    EmbeddingCache,
    EmbedFiles,
    FailedFile,
    OnProgress,
    embed_with_cache,
)
from training.manifest import ManifestRow, read_manifest, videos_of
from training.metrics import (
    TIE_TOLERANCE,
    Floats,
    mean_per_class,
    mean_reciprocal_rank,
    median_rank,
    pessimistic_ranks,
    recall_at,
)

WINDOW_SECONDS = 4.0
"""Length of a segment, as `cpd index add` has it by default."""

HOP_SECONDS = 2.0
"""From one segment's start to the next."""

_TEXTS_PER_BATCH = 256


class Failure(NamedTuple):
    """A video of the manifest that could not be used; it counts as a miss."""

    path: str
    """As the manifest writes it."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class RetrievalResult:
    """Where each caption's own video stood among all videos."""

    ranks_Q: Floats
    """1..num_videos; inf where the caption's video failed."""

    num_videos: int
    """Size of the pool, failed videos included."""

    num_segments: int
    model: str
    seconds: float
    failures: list[Failure]
    protocol: str
    """What was measured, as one sentence for people."""

    def as_json(self) -> dict[str, object]:
        """What `cpd evaluate retrieval --json` prints; recalls in [0, 1]."""
        return {
            "recall_at_1": recall_at(self.ranks_Q, 1),
            "recall_at_5": recall_at(self.ranks_Q, 5),
            "recall_at_10": recall_at(self.ranks_Q, 10),
            "median_rank": median_rank(self.ranks_Q, num_candidates=self.num_videos),
            "mrr": mean_reciprocal_rank(self.ranks_Q),
            "num_videos": self.num_videos,
            "num_queries": len(self.ranks_Q),
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "failures": [failure._asdict() for failure in self.failures],
        }


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
    failures: list[Failure]
    protocol: str
    """What was measured, as one sentence for people."""

    def as_json(self) -> dict[str, object]:
        """What `cpd evaluate zero-shot --json` prints; accuracies in [0, 1]."""
        return {
            "top1": recall_at(self.ranks_V, 1),
            "top5": recall_at(self.ranks_V, 5),
            "mean_per_class": mean_per_class(self.ranks_V <= 1, self.classes_V),
            "num_videos": len(self.ranks_V),
            "num_classes": self.num_classes,
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "failures": [failure._asdict() for failure in self.failures],
        }


def evaluate_retrieval(
    manifest: Path,
    encoder: Encoder,
    *,
    cache_root: Path | None = None,
    embed_files: EmbedFiles | None = None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> RetrievalResult:
    """Search all videos of a manifest for each of its captions.

    A video's score is that of its best segment. Ties count against the model, a video that cannot
    be read stays in the pool, and its own captions are misses.

    Args:
        cache_root: where embeddings are kept; None for the user's cache folder.
        embed_files: decodes and embeds; None for the pipeline of `index`.

    Raises:
        InputError: the manifest cannot be used or has no caption.
    """
    started = time.monotonic()
    rows = read_manifest(manifest)
    captioned = [row for row in rows if row.caption]
    if not captioned:
        raise InputError(f"no row of {manifest.name} has a caption; retrieval needs one or more")
    videos = videos_of(rows)
    pool = _embed_pool(videos, encoder, cache_root, embed_files, on_progress)
    scores_QV = best_segment_scores(
        _encode_texts(encoder, [row.caption for row in captioned]), videos, pool
    )
    column_of = {path: column for column, path in enumerate(videos)}
    num_segments = _count_segments(pool)
    failures = _failures(rows, pool)
    return RetrievalResult(
        ranks_Q=pessimistic_ranks(scores_QV, [column_of[row.path] for row in captioned]),
        num_videos=len(videos),
        num_segments=num_segments,
        model=encoder.name,
        seconds=time.monotonic() - started,
        failures=failures,
        protocol=(
            f"{len(captioned)} captions, each against all {len(videos)} videos; "
            f"a video scores as the best of its segments by cosine ({_sampling(encoder)}; "
            f"{num_segments} in all); {_fairness(failures)}."
        ),
    )


def evaluate_zero_shot(
    manifest: Path,
    classes: Path,
    encoder: Encoder,
    *,
    cache_root: Path | None = None,
    embed_files: EmbedFiles | None = None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> ZeroShotResult:
    """Name each video whose label is one of the classes, with all classes competing.

    Args:
        classes: one class a line; `1 ApplyEyeMakeup`, as in UCF101's classInd.txt, is allowed.
        cache_root: where embeddings are kept; None for the user's cache folder.
        embed_files: decodes and embeds; None for the pipeline of `index`.

    Raises:
        InputError: the manifest or the class list cannot be used, no label is a class, or one video
        has two.
    """
    started = time.monotonic()
    names = read_classes(classes)
    rows = [row for row in read_manifest(manifest) if row.label in set(names)]
    if not rows:
        raise InputError(
            f"no label in {manifest.name} is one of the {len(names)} classes of {classes.name}; "
            "labels must be written as in the class list"
        )
    label_of = _one_label_each(rows, manifest)
    videos = list(label_of)
    pool = _embed_pool(videos, encoder, cache_root, embed_files, on_progress)
    labels_LD = label_matrix(encoder, names)
    scores_VL = np.full((len(videos), len(names)), -np.inf)
    for row, path in enumerate(videos):
        if path in pool.embeddings:
            probabilities_L = video_probabilities(
                pool.embeddings[path], labels_LD, encoder.temperature
            )
            with np.errstate(divide="ignore"):
                scores_VL[row] = np.log(probabilities_L)
    classes_V = [names.index(label_of[path]) for path in videos]
    num_segments = _count_segments(pool)
    failures = _failures(rows, pool)
    return ZeroShotResult(
        # Logarithms of probabilities are cosines over the temperature, up to a constant.
        ranks_V=pessimistic_ranks(
            scores_VL, classes_V, tolerance=TIE_TOLERANCE / encoder.temperature
        ),
        classes_V=classes_V,
        num_classes=len(names),
        model=encoder.name,
        seconds=time.monotonic() - started,
        failures=failures,
        protocol=(
            f"{len(videos)} videos of {len(set(classes_V))} classes, "
            f"all {len(names)} classes of {classes.name} competing, "
            f"each through {len(ACTION_TEMPLATES)} prompts; a video's prediction is the mean "
            f"probability of all its segments ({_sampling(encoder)}; {num_segments} in all); "
            "mean per class is over the classes that occur; "
            f"{_fairness(failures)}."
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


def read_classes(path: Path) -> list[str]:
    """Class names of a file, one a line.

    Raises:
        InputError: no such file, no UTF-8, or no name in it.
    """
    try:
        return read_class_names(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read the class list {path}: {reason}") from error


def _one_label_each(rows: list[ManifestRow], manifest: Path) -> dict[Path, str]:
    label_of: dict[Path, str] = {}
    for row in rows:
        if label_of.setdefault(row.path, row.label) != row.label:
            raise InputError(
                f"{manifest.name} gives {row.written_path} two labels, {label_of[row.path]} and "
                f"{row.label}; zero-shot accuracy needs one label for each video"
            )
    return label_of


def _embed_pool(
    videos: list[Path],
    encoder: Encoder,
    cache_root: Path | None,
    embed_files: EmbedFiles | None,
    on_progress: OnProgress,
) -> EmbeddedPool:
    cache = EmbeddingCache(
        cache_root or cache_folder(),
        fingerprint=encoder.fingerprint,
        device=encoder.device,
        embed_dim=encoder.embed_dim,
        window_seconds=WINDOW_SECONDS,
        hop_seconds=HOP_SECONDS,
    )
    embed = embed_files or (lambda paths: _decode_and_embed(paths, encoder))
    return embed_with_cache(videos, cache, embed, on_progress=on_progress)


def _decode_and_embed(paths: list[Path], encoder: Encoder) -> Iterator[EmbeddedFile | FailedFile]:
    # Imported here, so that an evaluation whose embeddings are all cached starts no decoder.
    from index.decode_pool import DecodePool
    from index.embed import EmbeddedVideo, FailedEmbedding, embed_videos

    with DecodePool() as pool:
        for result in embed_videos(
            paths, encoder, pool, window_seconds=WINDOW_SECONDS, hop_seconds=HOP_SECONDS
        ):
            if isinstance(result, EmbeddedVideo):
                yield EmbeddedFile(result.path, result.content_hash, result.embeddings_SD)
            elif isinstance(result, FailedEmbedding):
                yield FailedFile(result.path, result.reason)


def _encode_texts(encoder: Encoder, texts: list[str]) -> Vectors:
    starts = range(0, len(texts), _TEXTS_PER_BATCH)
    return np.concatenate(
        [encoder.encode_text(texts[start : start + _TEXTS_PER_BATCH]) for start in starts]
    )


def _failures(rows: list[ManifestRow], pool: EmbeddedPool) -> list[Failure]:
    written = {row.path: row.written_path for row in reversed(rows)}
    return [
        Failure(written[path], pool.reasons[path])
        for path in videos_of(rows)
        if path in pool.reasons
    ]


def _count_segments(pool: EmbeddedPool) -> int:
    return sum(len(rows_SD) for rows_SD in pool.embeddings.values())


def _sampling(encoder: Encoder) -> str:
    return (
        f"{WINDOW_SECONDS:g} s windows every {HOP_SECONDS:g} s, "
        f"{encoder.clip_spec.num_frames} frames each"
    )


def _fairness(failures: list[Failure]) -> str:
    count = len(failures)
    failed = "1 failed video counts as a miss" if count == 1 else f"{count} failed count as misses"
    return f"ties count against the model; {failed if count else 'no video failed'}"
