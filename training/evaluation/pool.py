"""What the protocols share: videos embedded once, failures that count, and what is said of both.

Axes: V videos, S segments of one video, Q texts, D dimensions of the shared space.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cpd_model.cache import cache_folder
from cpd_model.encoder import Encoder, Vectors
from cpd_model.errors import InputError
from training.data.content import stands_still
from training.data.copies import copies_named, repeated_videos
from training.data.manifest import videos_of
from training.data.pair import ManifestRow, Pair
from training.evaluation.cache import (
    EmbeddedFile,
    EmbeddedPool,
    EmbeddingCache,
    EmbedFiles,
    FailedFile,
    OnProgress,
    embed_with_cache,
    hash_file,
)
from training.evaluation.classes import ClassList

WINDOW_SECONDS = 4.0
"""Length of a segment, as `cpd index add` has it by default."""

HOP_SECONDS = 2.0
"""From one segment's start to the next."""

_TEXTS_PER_BATCH = 256


class FailedEvaluation(NamedTuple):
    """A video of the manifest that could not be used; it counts as a miss."""

    path: Path
    """Absolute; inside an archive, the archive's and the member's."""

    written_path: str
    """The path as the manifest writes it."""

    reason: str

    def as_json(self) -> dict[str, str]:
        """For `--json`: the path as the manifest writes it, and the reason."""
        return {"path": self.written_path, "reason": self.reason}


def embed_pool(
    videos: Mapping[Path, Pair],
    encoder: Encoder,
    *,
    cache_root: Path | None,
    embed_files: EmbedFiles | None,
    on_progress: OnProgress,
) -> EmbeddedPool:
    """Segment embeddings of all videos, from the cache where they are known.

    Args:
        videos: by their addresses, as `videos_of` gives them.
        cache_root: where embeddings are kept; None for the user's cache folder.
        embed_files: decodes and embeds; None for `embed_media`.
    """
    cache = EmbeddingCache(
        cache_root or cache_folder(),
        fingerprint=encoder.fingerprint,
        device=encoder.device,
        embed_dim=encoder.embed_dim,
        window_seconds=WINDOW_SECONDS,
        hop_seconds=HOP_SECONDS,
    )

    def embed(addresses: list[Path]) -> Iterator[EmbeddedFile | FailedFile]:
        # Imported here, so that an evaluation whose embeddings are all cached starts no decoder.
        from training.evaluation.media import embed_media

        asked = {address: videos[address] for address in addresses}
        yield from embed_media(asked, encoder, windows=(WINDOW_SECONDS, HOP_SECONDS))

    return embed_with_cache(
        list(videos),
        cache,
        embed_files or embed,
        hash_of=lambda address: hash_file(videos[address].path, videos[address].members),
        on_progress=on_progress,
    )


def encode_texts(encoder: Encoder, texts: list[str]) -> Vectors:
    """Unit vectors (Q, D) of any number of texts."""
    starts = range(0, len(texts), _TEXTS_PER_BATCH)
    return np.concatenate(
        [encoder.encode_text(texts[start : start + _TEXTS_PER_BATCH]) for start in starts]
    )


def labelled_rows(
    rows: list[ManifestRow], classes: ClassList, *, manifest: Path
) -> list[ManifestRow]:
    """Rows whose label is one of the class names; the path is for the error.

    Raises:
        InputError: there is no such row.
    """
    known = set(classes.names)
    kept = [row for row in rows if row.label in known]
    if not kept:
        raise InputError(
            f"no label in {manifest.name} is one of the {len(classes.names)} classes of "
            f"{classes.source}; labels must be written as in the class list"
        )
    return kept


def one_label_each(rows: list[ManifestRow], manifest: Path) -> dict[Path, str]:
    """The label of each video, by its address.

    Raises:
        InputError: a video has two.
    """
    label_of: dict[Path, str] = {}
    for row in rows:
        if label_of.setdefault(row.address, row.label) != row.label:
            raise InputError(
                f"{manifest.name} gives {row.written_path} two labels, {label_of[row.address]} and "
                f"{row.label}; accuracy needs one label for each video"
            )
    return label_of


def failures_of(rows: list[ManifestRow], pool: EmbeddedPool) -> list[FailedEvaluation]:
    """The failed videos in the order of the manifest."""
    return [
        FailedEvaluation(address, row.written_path, pool.reasons[address])
        for address, row in videos_of(rows).items()
        if address in pool.reasons
    ]


def count_segments(pool: EmbeddedPool) -> int:
    """Segments of all videos that could be read."""
    return sum(len(rows_SD) for rows_SD in pool.embeddings.values())


def sampling_words(encoder: Encoder, videos: Mapping[Path, Pair]) -> str:
    """How videos are cut, for a protocol line."""
    stills = any(stands_still(pair.path, pair.members) for pair in videos.values())
    return (
        f"{WINDOW_SECONDS:g} s windows every {HOP_SECONDS:g} s, "
        f"{encoder.clip_spec.num_frames} frames each"
        + (", a picture or a folder of frames whole" if stills else "")
    )


def fairness_words(failures: list[FailedEvaluation]) -> str:
    """How ties and failures count, for a protocol line."""
    count = len(failures)
    failed = "1 failed video counts as a miss" if count == 1 else f"{count} failed count as misses"
    return f"ties count against the model; {failed if count else 'no video failed'}"


def copies_words(videos: Mapping[Path, Pair]) -> str:
    """Which videos are others under another name, for the end of a protocol line."""
    copies = repeated_videos(list(videos.values()))
    if not copies:
        return ""
    return (
        f"; {len(copies)} of {len(videos)} videos repeat another's content "
        f"({copies_named(copies)}) and count as videos of their own: list each content once"
    )
