"""What goes over the wire. Limits are types, so OpenAPI shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from index.catalog.records import VideoRow
from index.ingest.files import printable
from service.engine import Classification, LabelOrder, Readiness, SearchAnswer

if TYPE_CHECKING:  # index.label brings NumPy
    from index.label import LabelScore

MAX_LABELS = 1000
MAX_TEMPLATES = 32

Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Template = Annotated[str, StringConstraints(min_length=2, max_length=200, pattern=r"\{\}")]
VideoId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]

EXAMPLE_ID = "6b0f5d1c8e6b4a0f9a3f1c2d7e8f9a0b"
EXAMPLE_LABELLING: JsonDict = {
    "video_id": EXAMPLE_ID,
    "labels": ["swimming", "running", "cooking"],
    "top": 2,
}


class Body(BaseModel):
    """A request or an answer: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Problem(Body):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:cpd:problem:overloaded",
                    "title": "Too busy",
                    "status": 429,
                    "detail": "256 queries wait already; try again in a moment",
                    "instance": "/v1/search",
                }
            ]
        },
    )

    type: str
    """A name for this kind of problem that does not change."""
    title: str
    status: int
    detail: str
    """One sentence for a person."""
    instance: str
    """The path that was asked for."""


class SearchRequest(Body):
    """A description of what to find."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"query": "a dog catching a frisbee", "limit": 10}]}
    )

    query: Query
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    merge: bool = True
    """Whether adjacent windows of one video become one moment."""


class SearchHit(Body):
    """A moment [start, stop) of a video."""

    video_id: str
    path: str
    start_seconds: float
    stop_seconds: float
    score: float
    """Cosine similarity with the query, in [-1, 1]."""
    segment_id: int
    thumbnail_url: str
    media_url: str
    """The whole video file; seek to `start_seconds`."""
    preview_url: str
    """The moment alone as a small MP4, for files that a browser cannot play."""


class SearchResponse(Body):
    """The best moments, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query": "a dog catching a frisbee",
                    "model": "cpd-base",
                    "hits": [
                        {
                            "video_id": EXAMPLE_ID,
                            "path": "/home/ann/Videos/park.mp4",
                            "start_seconds": 12.0,
                            "stop_seconds": 18.0,
                            "score": 0.4127,
                            "segment_id": 7,
                            "thumbnail_url": f"/v1/videos/{EXAMPLE_ID}/thumbnail?at_seconds=15.0",
                            "media_url": f"/v1/videos/{EXAMPLE_ID}/media",
                            "preview_url": f"/v1/videos/{EXAMPLE_ID}/preview"
                            "?start_seconds=12.0&stop_seconds=18.0",
                        }
                    ],
                }
            ]
        }
    )

    query: str
    model: str
    hits: list[SearchHit]

    @classmethod
    def of(cls, query: str, answer: SearchAnswer) -> Self:
        """The answer with an address for each picture and film."""
        hits = [
            SearchHit(
                video_id=hit.video_id,
                path=printable(hit.path),
                start_seconds=hit.start_seconds,
                stop_seconds=hit.stop_seconds,
                score=hit.score,
                segment_id=hit.segment_id,
                thumbnail_url=thumbnail_url(
                    hit.video_id, (hit.start_seconds + hit.stop_seconds) / 2
                ),
                media_url=media_url(hit.video_id),
                preview_url=f"/v1/videos/{hit.video_id}/preview"
                f"?start_seconds={hit.start_seconds:.3f}&stop_seconds={hit.stop_seconds:.3f}",
            )
            for hit in answer.hits
        ]
        return cls(query=query, model=answer.model, hits=hits)


class LabelRequest(Body):
    """Labels to choose from; the same fields in a JSON body and in a form."""

    labels: Annotated[list[Label], Field(min_length=2, max_length=MAX_LABELS)]
    """Names of actions: they are weighed against each other."""
    top: Annotated[int, Field(ge=1, le=MAX_LABELS)] | None = None
    """How many labels to name; all of them by default."""
    timeline: bool = False
    """Whether to label each segment as well."""
    templates: Annotated[list[Template], Field(min_length=1, max_length=MAX_TEMPLATES)] | None = (
        None
    )
    """Prompts with `{}` where the label goes."""

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        if len({label.casefold() for label in self.labels}) < len(self.labels):
            raise ValueError("a label is given twice")
        return self

    def order(self) -> LabelOrder:
        """The same, for the engine."""
        return LabelOrder(
            labels=tuple(self.labels),
            templates=None if self.templates is None else tuple(self.templates),
            top=self.top,
            timeline=self.timeline,
        )


class StoredLabelRequest(LabelRequest):
    """Labels to choose from for a video of the library."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_LABELLING]})

    video_id: VideoId


class LabelProbability(Body):
    """A label, and how probable it is among those asked for."""

    label: str
    probability: float
    """In [0, 1]; all labels together make 1."""


class SegmentLabels(Body):
    """The labels of one stretch [start, stop) of a video."""

    start_seconds: float
    stop_seconds: float
    labels: list[LabelProbability]


class ClassifyResponse(Body):
    """The labels of a video, the most probable first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "video_id": EXAMPLE_ID,
                    "path": "/home/ann/Videos/pool.mp4",
                    "model": "cpd-base",
                    "labels": [
                        {"label": "swimming", "probability": 0.81},
                        {"label": "running", "probability": 0.12},
                    ],
                    "timeline": None,
                    "note": None,
                }
            ]
        }
    )

    video_id: str | None
    """null for an upload."""
    path: str
    """Stored path, or the file name of an upload."""
    model: str
    labels: list[LabelProbability]
    timeline: list[SegmentLabels] | None
    """null where it was not asked for."""
    note: str | None
    """What to know before trusting these labels."""

    @classmethod
    def of(cls, answer: Classification) -> Self:
        """The engine's answer, for the wire."""
        return cls(
            video_id=answer.video_id,
            path=printable(answer.path),
            model=answer.model,
            labels=_on_the_wire(answer.labels),
            timeline=None
            if answer.timeline is None
            else [
                SegmentLabels(
                    start_seconds=segment.start_seconds,
                    stop_seconds=segment.stop_seconds,
                    labels=_on_the_wire(segment.labels),
                )
                for segment in answer.timeline
            ],
            note=answer.note,
        )


class Video(Body):
    """A video of the library."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "video_id": EXAMPLE_ID,
                    "path": "/home/ann/Videos/park.mp4",
                    "duration_seconds": 61.5,
                    "fps": 29.97,
                    "width": 1920,
                    "height": 1080,
                    "codec": "h264",
                    "container": "mov,mp4,m4a,3gp,3g2,mj2",
                    "size_bytes": 15200391,
                    "num_segments": 30,
                    "thumbnail_url": f"/v1/videos/{EXAMPLE_ID}/thumbnail?at_seconds=15.375",
                    "media_url": f"/v1/videos/{EXAMPLE_ID}/media",
                }
            ]
        }
    )

    video_id: str
    path: str
    duration_seconds: float
    fps: float
    width: int
    height: int
    codec: str
    container: str
    size_bytes: int
    num_segments: int
    thumbnail_url: str
    media_url: str

    @classmethod
    def of(cls, video: VideoRow) -> Self:
        """The engine's answer with an address for the picture and the film."""
        return cls(
            video_id=video.video_id,
            path=printable(video.path),
            duration_seconds=video.duration_seconds,
            fps=video.fps,
            width=video.width,
            height=video.height,
            codec=video.codec,
            container=video.container,
            size_bytes=video.size_bytes,
            num_segments=video.num_segments,
            # A quarter in: many films start and end in black.
            thumbnail_url=thumbnail_url(video.video_id, video.duration_seconds / 4),
            media_url=media_url(video.video_id),
        )


class VideoList(Body):
    """Some videos of the library, and how many there are."""

    total: int
    limit: int
    offset: int
    videos: list[Video]


class Alive(Body):
    """The process answers."""

    status: str = "alive"


class ReadinessReport(Body):
    """Whether questions can be answered, and which device does what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ready": True,
                    "reason": None,
                    "model": "cpd-base",
                    "fingerprint": "9f2c...",
                    "devices": {"model": "cpu", "search": "cpu"},
                    "library": "/home/ann/library",
                    "num_videos": 12,
                    "num_segments": 340,
                }
            ]
        }
    )

    ready: bool
    reason: str | None
    model: str
    fingerprint: str
    devices: dict[str, str | None]
    """`model` encodes queries and uploads, `search` compares vectors."""
    library: str
    num_videos: int
    num_segments: int

    @classmethod
    def of(cls, readiness: Readiness) -> Self:
        """The engine's answer, for the wire."""
        return cls(
            ready=readiness.ready,
            reason=readiness.reason,
            model=readiness.model,
            fingerprint=readiness.fingerprint,
            devices={"model": readiness.model_device, "search": readiness.search_device},
            library=readiness.library,
            num_videos=readiness.num_videos,
            num_segments=readiness.num_segments,
        )


def _on_the_wire(scores: "Sequence[LabelScore]") -> list[LabelProbability]:
    return [LabelProbability(**score._asdict()) for score in scores]


def thumbnail_url(video_id: str, at_seconds: float) -> str:
    """Where the picture of a video at a time is served."""
    return f"/v1/videos/{video_id}/thumbnail?at_seconds={at_seconds:.3f}"


def media_url(video_id: str) -> str:
    """Where the file of a video is served."""
    return f"/v1/videos/{video_id}/media"
