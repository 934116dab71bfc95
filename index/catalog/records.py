"""What a library tells: its settings, its videos, its segments, its failures, its state.

Axes: S segments of one video.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from index.catalog.id_range import IdRange
from index.file_version import FileVersion
from index.segments import Segment, Windows
from index.video.facts import VideoFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class LibrarySettings:
    """What the vectors of a library mean; fixed for each of its models."""

    model: str
    """The name that the model was asked for by; two names may share one fingerprint."""

    fingerprint: str
    """Of the model: vectors of another fingerprint live in another space."""

    embed_dim: int
    """D, dimensions of a vector."""

    window_seconds: float
    """Length of a segment."""

    hop_seconds: float
    """From the start of one segment to the start of the next."""

    model_number: int = 1
    """Which of the library's models it is, in the order of their coming."""

    @property
    def segment_ids(self) -> IdRange:
        """The ids that segments of this model have."""
        return IdRange.of_model(self.model_number)

    def told(self) -> str:
        """What its vectors mean, for a sentence."""
        return (
            f"{self.model} ({self.fingerprint[:12]}) with a window of {self.window_seconds:g} s "
            f"every {self.hop_seconds:g} s"
        )

    def __post_init__(self) -> None:
        if not self.fingerprint:
            raise ValueError("fingerprint must not be empty")
        if not self.embed_dim > 0:
            raise ValueError(f"embed_dim must be positive, got {self.embed_dim}")
        Windows(self.window_seconds, self.hop_seconds)  # refuses what cannot be


@dataclass(frozen=True, kw_only=True)
class VideoRow(FileVersion, VideoFacts):
    """One indexed video: the file as it was indexed, its facts, and what the library adds.

    `path` is absolute and free of symbolic links.
    """

    video_id: str
    """32 hex digits; stays when the file moves or its content changes."""

    content_hash: str
    """SHA-256 of the file, 64 hex digits."""

    num_segments: int
    date: float
    """Seconds since 1970, when it was recorded; where that is not known, the file's time."""

    added_at: float
    """Seconds since 1970, when the file was first seen."""

    updated_at: float
    """Seconds since 1970, when this row last changed."""

    stale_reason: str | None = None
    """Why the file's newest bytes could not be read; what stands here is of the ones before."""

    stale_since: float | None = None
    """Seconds since 1970, when that was first seen; None while the file is as it was indexed."""

    def __repr__(self) -> str:
        return (
            f"VideoRow({self.path.name!r}, {self.duration_seconds:.1f} s, "
            f"{self.width}x{self.height} pixels, {self.codec}, {self.num_segments} segments)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow(Segment):
    """A segment of an indexed video."""

    segment_id: int
    """Never used again, even when the segment is gone."""


class NamedVideo(NamedTuple):
    """How a video is called outside the catalog."""

    video_id: str
    path: Path


class KnownFile(NamedTuple):
    """What a library has at a path."""

    video_id: str

    is_indexed: bool
    """False for a file that failed."""

    stale_reason: str | None
    """Of an indexed video whose newest bytes could not be read."""


@dataclass(frozen=True, kw_only=True)
class FailedVideo(FileVersion):
    """A file that could not be indexed, as it was when it failed."""

    video_id: str
    reason: str
    failed_at: float
    """Seconds since 1970."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelStatus:
    """A model that has vectors in a library, and of how many of its videos."""

    number: int
    """In the order of their coming, from 1; never used again."""

    name: str
    fingerprint: str
    embed_dim: int
    window_seconds: float
    hop_seconds: float
    state: Literal["building", "ready"]
    """`building` until a `cpd index reembed` has gone through all videos."""

    answers: bool
    """Whether it answers the searches of whoever opens the library now."""

    answered_before: bool
    """Whether it did before that one: the way back of `cpd index switch`."""

    videos: int
    """Indexed ones that have vectors of it."""

    lacking: int
    """Indexed ones that have none."""

    segments: int

    @property
    def settings(self) -> LibrarySettings:
        """What its vectors mean."""
        return LibrarySettings(
            model=self.name,
            fingerprint=self.fingerprint,
            embed_dim=self.embed_dim,
            window_seconds=self.window_seconds,
            hop_seconds=self.hop_seconds,
            model_number=self.number,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PartStatus:
    """A published part of a library's vectors."""

    kind: str
    """`exact`, or `ivf` for an approximate index."""

    rows: int
    """Segments in it, those that are gone since among them."""

    removed: int
    """Segments that are gone since."""

    recall: float | None
    """Recall@10 as it was measured when it was built; None where the search is exact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryStatus:
    """Where a library stands."""

    model: str
    fingerprint: str
    embed_dim: int
    window_seconds: float
    hop_seconds: float
    videos: int
    """Indexed ones."""

    failed: int
    """Files that could not be indexed."""

    stale: int
    """Indexed ones whose newest bytes could not be read: they are searched as they were before."""

    segments: int
    hours: float
    """Of indexed video."""

    bytes: int
    """What the library's folder takes on disk; the videos themselves are elsewhere."""

    generation: int
    """Grows with each change."""

    parts: int
    """Published parts of vectors."""

    part_list: list[PartStatus]
    """Each of them, oldest segments first."""

    tail_segments: int
    """Segments that this reader has in no part, and searches row by row in memory."""

    removed_segments: int
    """Segments that are gone and still take room in the parts, until they are merged."""

    models: list[ModelStatus]
    """All whose vectors it has, the one that answers among them."""

    exact: bool
    """Whether each search looks at every segment."""

    recall: float | None
    """Of the ten best segments the share that an approximate search finds, as it was measured when
    its index was built; the lowest of all parts. None where the search is exact."""

    search_device: str
    """`cpu` or `cuda:0`."""

    search_device_reason: str
    """Why it is that one."""

    warnings: list[str] = field(default_factory=list)
    """What an operator should know: a part that was missing or damaged."""
