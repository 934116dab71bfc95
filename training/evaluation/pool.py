"""What the protocols share: videos embedded once, failures that count, and what is said of both.

Axes: V videos, S segments of one video, Q texts, D dimensions of the shared space.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cpd_model.cache import cache_folder
from cpd_model.encoder import Encoder, Vectors
from cpd_model.errors import InputError
from cpd_model.zero_shot import read_class_names
from training.data.manifest import ManifestRow, videos_of
from training.evaluation.cache import (
    EmbeddedFile,
    EmbeddedPool,
    EmbeddingCache,
    EmbedFiles,
    FailedFile,
    OnProgress,
    embed_with_cache,
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


def embed_pool(
    videos: list[Path],
    encoder: Encoder,
    *,
    cache_root: Path | None,
    embed_files: EmbedFiles | None,
    on_progress: OnProgress,
) -> EmbeddedPool:
    """Segment embeddings of all videos, from the cache where they are known.

    Args:
        cache_root: where embeddings are kept; None for the user's cache folder.
        embed_files: decodes and embeds; None for the pipeline of `index`.
    """
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


def encode_texts(encoder: Encoder, texts: list[str]) -> Vectors:
    """Unit vectors (Q, D) of any number of texts."""
    starts = range(0, len(texts), _TEXTS_PER_BATCH)
    return np.concatenate(
        [encoder.encode_text(texts[start : start + _TEXTS_PER_BATCH]) for start in starts]
    )


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


def labelled_rows(
    rows: list[ManifestRow], names: list[str], *, manifest: Path, classes: Path
) -> list[ManifestRow]:
    """Rows whose label is one of the class names; the paths are for the error.

    Raises:
        InputError: there is no such row.
    """
    known = set(names)
    kept = [row for row in rows if row.label in known]
    if not kept:
        raise InputError(
            f"no label in {manifest.name} is one of the {len(names)} classes of {classes.name}; "
            "labels must be written as in the class list"
        )
    return kept


def one_label_each(rows: list[ManifestRow], manifest: Path) -> dict[Path, str]:
    """The label of each video.

    Raises:
        InputError: a video has two.
    """
    label_of: dict[Path, str] = {}
    for row in rows:
        if label_of.setdefault(row.path, row.label) != row.label:
            raise InputError(
                f"{manifest.name} gives {row.written_path} two labels, {label_of[row.path]} and "
                f"{row.label}; accuracy needs one label for each video"
            )
    return label_of


def failures_of(rows: list[ManifestRow], pool: EmbeddedPool) -> list[Failure]:
    """The failed videos in the order of the manifest, as it writes them."""
    written = {row.path: row.written_path for row in reversed(rows)}
    return [
        Failure(written[path], pool.reasons[path])
        for path in videos_of(rows)
        if path in pool.reasons
    ]


def count_segments(pool: EmbeddedPool) -> int:
    """Segments of all videos that could be read."""
    return sum(len(rows_SD) for rows_SD in pool.embeddings.values())


def sampling_words(encoder: Encoder) -> str:
    """How videos are cut, for a protocol line."""
    return (
        f"{WINDOW_SECONDS:g} s windows every {HOP_SECONDS:g} s, "
        f"{encoder.clip_spec.num_frames} frames each"
    )


def fairness_words(failures: list[Failure]) -> str:
    """How ties and failures count, for a protocol line."""
    count = len(failures)
    failed = "1 failed video counts as a miss" if count == 1 else f"{count} failed count as misses"
    return f"ties count against the model; {failed if count else 'no video failed'}"


def _decode_and_embed(paths: list[Path], encoder: Encoder) -> Iterator[EmbeddedFile | FailedFile]:
    # Imported here, so that an evaluation whose embeddings are all cached starts no decoder.
    from index.decoding.pool import DecodePool
    from index.ingest.embed import EmbeddedVideo, FailedEmbedding, embed_videos

    with DecodePool() as pool:
        for result in embed_videos(
            paths, encoder, pool, window_seconds=WINDOW_SECONDS, hop_seconds=HOP_SECONDS
        ):
            if isinstance(result, EmbeddedVideo):
                yield EmbeddedFile(result.path, result.content_hash, result.embeddings_SD)
            elif isinstance(result, FailedEmbedding):
                yield FailedFile(result.path, result.reason)
