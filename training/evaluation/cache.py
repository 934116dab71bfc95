"""Segment embeddings of videos that were evaluated before, by what the files contain.

A second evaluation of the same model then needs no decoder and no video tower. The cache holds no
times, so it is worthless to everything else.

Axes: S segments of one video, D dimensions of the shared space.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cpd_model.encoder import Vectors
from index.errors import VideoError
from training.data.content import content_hash
from training.data.pair import TarMember
from training.features.row_cache import RowCache

CACHE_VERSION = 1
"""Raise it when the same file, model, window and hop get other segments or frames than before."""


class EmbeddedFile(NamedTuple):
    """A video's segment embeddings."""

    path: Path
    content_hash: str
    """sha256 hex of the bytes that were decoded."""

    embeddings_SD: Vectors


class FailedFile(NamedTuple):
    """A video that could not be decoded or embedded."""

    path: Path
    reason: str


EmbedFiles: TypeAlias = Callable[[list[Path]], Iterator[EmbeddedFile | FailedFile]]
"""Decodes and embeds files, in any order; one answer for each."""

HashOf: TypeAlias = Callable[[Path], str | FailedFile]
"""A hash of a file's content, or why it cannot be read."""

OnProgress: TypeAlias = Callable[[int, int, int], None]
"""Told how many videos are done, how many there are, and how many failed."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedPool:
    """All videos of an evaluation: each is in exactly one of the two."""

    embeddings: dict[Path, Vectors] = field(default_factory=dict)
    """(S, D) of each video that could be read, S >= 1."""

    reasons: dict[Path, str] = field(default_factory=dict)
    """Why each of the others could not."""


class EmbeddingCache(RowCache):
    """A folder of segment embeddings of one model on one kind of device with one window and hop."""

    def __init__(
        self,
        root: Path,
        *,
        fingerprint: str,
        device: str,
        embed_dim: int,
        window_seconds: float,
        hop_seconds: float,
    ) -> None:
        setting = f"window{window_seconds:g}-hop{hop_seconds:g}"
        folder = setting_folder(root, fingerprint=fingerprint, device=device, setting=setting)
        super().__init__(folder, width=embed_dim)


def setting_folder(root: Path, *, fingerprint: str, device: str, setting: str) -> Path:
    """Where rows of one model lie that were computed on one kind of device in one setting."""
    # Half precision on a GPU gives other numbers than a CPU: one must not pass for the other.
    kind = device.partition(":")[0]
    return root / "evaluate" / fingerprint / f"v{CACHE_VERSION}-{kind}-{setting}"


def embed_with_cache(
    paths: Sequence[Path],
    cache: RowCache,
    embed_files: EmbedFiles,
    *,
    hash_of: HashOf | None = None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> EmbeddedPool:
    """Embeddings of all videos, asking `embed_files` for those whose bytes the cache lacks.

    Files of equal bytes are decoded once. A failure is not stored: it may be the machine's (a time
    or memory limit), so the next evaluation tries that file again.

    Args:
        hash_of: what a path's content is known by; None: `hash_file`.
    """
    pool = EmbeddedPool()
    same_bytes: dict[str, list[Path]] = {}

    def report() -> None:
        on_progress(len(pool.embeddings) + len(pool.reasons), len(paths), len(pool.reasons))

    for path, known_by in _hash_files(paths, hash_of or hash_file):
        if isinstance(known_by, FailedFile):
            pool.reasons[path] = known_by.reason
        elif (stored_SD := cache.load(known_by)) is not None:
            pool.embeddings[path] = stored_SD
        else:
            same_bytes.setdefault(known_by, []).append(path)
        report()
    if not same_bytes:  # embed_files is not even called: it would import the decoder
        return pool
    copies_of = {copies[0]: copies for copies in same_bytes.values()}
    for result in embed_files(list(copies_of)):
        for path in copies_of.pop(result.path):
            if isinstance(result, FailedFile):
                pool.reasons[path] = result.reason
            else:
                pool.embeddings[path] = result.embeddings_SD
        if isinstance(result, EmbeddedFile):
            with contextlib.suppress(OSError):  # a full disk costs the next evaluation time
                cache.save(result.content_hash, result.embeddings_SD)
        report()
    if copies_of:
        raise RuntimeError(f"embed_files gave no answer for {len(copies_of)} files")
    return pool


def _hash_files(paths: Sequence[Path], hash_of: HashOf) -> Iterator[tuple[Path, str | FailedFile]]:
    with ThreadPoolExecutor(max_workers=4) as threads:  # hashing releases the GIL
        yield from zip(paths, threads.map(hash_of, paths), strict=True)


def hash_file(path: Path, members: Sequence[TarMember] = ()) -> str | FailedFile:
    """`training.data.content.content_hash`, or why it cannot be had."""
    try:
        return content_hash(path, members)
    except FileNotFoundError:
        return FailedFile(path, "no such file")
    except VideoError as error:
        return FailedFile(path, error.reason)
    except OSError as error:
        return FailedFile(path, error.strerror or str(error) or type(error).__name__)
