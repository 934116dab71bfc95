"""Everything the service can do, without HTTP: what a notebook could call as well.

`Engine` is what routes see. `service.cpd_engine.CPDEngine` is the real one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from index.catalog.records import VideoRow

if TYPE_CHECKING:  # so that routes and their tests start without NumPy and FAISS
    from index.label import LabelledSegment, LabelScore
    from index.search.moments import Hit


class SearchAnswer(NamedTuple):
    """The best moments, and what finding them took."""

    model: str
    """Name of the model that understood the query."""

    hits: "Sequence[Hit]"
    """Best first."""

    encode_seconds: float
    """Time from text to vector, waiting included."""

    search_seconds: float
    """Time from vector to moments, waiting included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelOrder:
    """What to label a video with."""

    labels: tuple[str, ...]
    """Names of actions, two or more: they are weighed against each other."""

    templates: tuple[str, ...] | None = None
    """Prompts with `{}` where the label goes; None takes the model's own set for actions."""

    top: int | None = None
    """Labels to name, the most probable first; None names all."""

    timeline: bool = False
    """Whether to label each segment as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """Labels of a video, the most probable first."""

    model: str
    path: str
    """Stored path of a video of the library; file name of an upload."""

    video_id: str | None
    """None for an upload."""

    labels: "Sequence[LabelScore]"
    timeline: "Sequence[LabelledSegment] | None"
    """None where it was not asked for."""

    note: str | None
    """What to know before trusting the labels of this model."""


class VideoPage(NamedTuple):
    """Some videos of the library, and how many there are."""

    videos: Sequence[VideoRow]
    total: int


class MediaFile(NamedTuple):
    """A file to send."""

    path: Path
    content_type: str
    file_name: str
    """The name that a browser saves it under."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """Whether questions can be answered, and which device does what."""

    ready: bool
    reason: str | None
    """Why not, in one sentence; None when ready."""

    model: str
    fingerprint: str
    """Of the model that indexed the library."""

    model_device: str | None
    """Where the model runs; None until it has answered once."""

    search_device: str
    library: str
    """Folder of the library."""

    num_videos: int
    num_segments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """How busy the engine is, and how much it searches."""

    num_queued_queries: int
    num_pending_searches: int
    num_pending_videos: int
    num_videos: int
    num_segments: int


class Engine(Protocol):
    """What routes need.

    Every method may raise a CPDError: OverloadedError when too much waits, NotReadyError before
    the model has answered once, UnknownVideoError for an id that is not in the library.
    """

    async def readiness(self) -> Readiness:
        """Whether questions can be answered; never raises for a model that cannot be had."""
        ...

    async def load(self) -> Load:
        """Queue lengths and sizes, for metrics."""
        ...

    async def search(self, query: str, *, limit: int, merge: bool) -> SearchAnswer:
        """The moments that fit a description best; `merge=False` gives raw windows."""
        ...

    async def classify_stored(self, video_id: str, order: LabelOrder) -> Classification:
        """Labels of a video of the library, from its stored embeddings."""
        ...

    async def classify_upload(
        self, path: Path, file_name: str, order: LabelOrder
    ) -> Classification:
        """Labels of a file outside the library.

        Raises:
            VideoError: it cannot be decoded.
            UploadTooLargeError: it lasts too long.
        """
        ...

    async def videos(self, *, limit: int, offset: int) -> VideoPage:
        """Videos of the library in a stable order."""
        ...

    async def video(self, video_id: str) -> VideoRow:
        """One video of the library."""
        ...

    async def media(self, video_id: str) -> MediaFile:
        """Where the file of a video lies; it may have gone meanwhile."""
        ...

    async def thumbnail(self, video_id: str, *, at_seconds: float) -> MediaFile:
        """A JPEG of the frame nearest to a time."""
        ...

    async def preview(
        self, video_id: str, *, start_seconds: float, stop_seconds: float
    ) -> MediaFile:
        """A small MP4 of a stretch of a video that any browser plays, from its own time 0."""
        ...
