"""Labelling videos with a person's own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # so that routes and their tests start without NumPy and FAISS
    from index.label import LabelledSegment, LabelScore


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


class Labels(Protocol):
    """What labels videos."""

    async def of_stored(self, video_id: str, order: LabelOrder) -> Classification:
        """Labels of a video of the library, from its stored embeddings."""
        ...

    async def of_upload(self, path: Path, file_name: str, order: LabelOrder) -> Classification:
        """Labels of a file outside the library.

        Raises:
            VideoError: it cannot be decoded.
            UploadTooLargeError: it lasts too long.
        """
        ...
