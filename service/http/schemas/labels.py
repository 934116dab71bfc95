"""Orders of labels, and what a video was labelled with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from index.ingest.files import printable
from service.core.labels import Classification, LabelOrder
from service.http.schemas.body import EXAMPLE_ID, Body, Said, VideoId

if TYPE_CHECKING:  # index.label brings NumPy
    from index.label import LabelScore

MAX_LABELS = 1000
MAX_TEMPLATES = 32

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Said]
Template = Annotated[str, StringConstraints(min_length=2, max_length=200, pattern=r"\{\}")]

EXAMPLE_LABELLING: JsonDict = {
    "video_id": EXAMPLE_ID,
    "labels": ["swimming", "running", "cooking"],
    "top": 2,
}


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


def _on_the_wire(scores: "Sequence[LabelScore]") -> list[LabelProbability]:
    return [LabelProbability(**score._asdict()) for score in scores]
