"""What becomes of a video file on its way into a library.

Axes: S segments, D dimensions of the embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cpd_model.encoder import Vectors
from index.documents import Document
from index.errors import VideoError
from index.file_version import FileVersion
from index.segments import Segment
from index.video.facts import VideoFacts

CHANGED = "it is still being written, for it changed while it was read; run again when it is whole"
"""The reason of a file that grew, or was replaced, under the reader."""

GONE = "it was moved or removed while it was read"

CHANGED_CODE, GONE_CODE, UNREADABLE_CODE = "changed", "gone", "unreadable"
"""What programs know a file's failure by where no error class stands behind it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HashedVideo:
    """A video whose bytes were read; what was found of it, its subclass says."""

    file: FileVersion
    facts: VideoFacts
    document: Document = field(default_factory=dict)
    """What the container says of the video."""

    @property
    def path(self) -> Path:
        """Where the file stands."""
        return self.file.path

    @property
    def content_hash(self) -> str:
        """SHA-256 of the file's bytes, 64 hex digits."""
        assert self.file.content_hash is not None
        return self.file.content_hash


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedVideo(HashedVideo):
    """A video, whole: one unit vector for each of its segments."""

    segments: Sequence[Segment]
    embeddings_SD: Vectors


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownVideo(HashedVideo):
    """A file whose content `known` said it has: nothing was decoded."""


class FailedEmbedding(NamedTuple):
    """A file that gave no embeddings; nothing of it is kept."""

    path: Path
    reason: str
    file: FileVersion | None
    """None when the file itself is out of reach."""
    is_video: bool
    """False when the content is no video at all, so that there was nothing to embed."""
    is_final: bool
    """Whether the bytes themselves hold nothing to embed; False where another try may end well."""
    code: str = VideoError.code
    """What programs know the failure by."""


Outcome: TypeAlias = EmbeddedVideo | KnownVideo | FailedEmbedding
