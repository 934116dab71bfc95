"""What becomes of a video file on its way into a library.

Axes: S segments, D dimensions of the embedding.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from cpd_model.encoder import Vectors
from index.segments import Segment

if TYPE_CHECKING:
    from index.video.file import VideoFacts

CHANGED = "it changed while it was read; run again"
"""The reason of a file that somebody was still writing."""


class FileVersion(NamedTuple):
    """What tells, without reading a file, whether it is still the same."""

    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileVersion":
        """Raises OSError: the file is not there, or not ours to see."""
        facts = os.stat(path)
        return cls(facts.st_size, facts.st_mtime_ns)


class EmbeddedVideo(NamedTuple):
    """A video, whole: one unit vector for each of its segments."""

    path: Path
    version: FileVersion
    content_hash: str
    facts: "VideoFacts"
    segments: list[Segment]
    embeddings_SD: Vectors


class KnownVideo(NamedTuple):
    """A file whose content `known` said it has: nothing was decoded."""

    path: Path
    version: FileVersion
    content_hash: str
    facts: "VideoFacts"


class FailedEmbedding(NamedTuple):
    """A file that gave no embeddings; nothing of it is kept."""

    path: Path
    reason: str
    version: FileVersion | None
    """None when the file itself is out of reach."""
    content_hash: str | None
    is_video: bool
    """False when the content is no video at all, so that there was nothing to embed."""


Outcome: TypeAlias = EmbeddedVideo | KnownVideo | FailedEmbedding
