"""What can be seen of a video."""

from pathlib import Path
from typing import NamedTuple, Protocol


class MediaFile(NamedTuple):
    """A file to send."""

    path: Path
    content_type: str
    file_name: str
    """The name that a browser saves it under."""


class Media(Protocol):
    """The files of videos, and what is made of them."""

    async def original(self, video_id: str) -> MediaFile:
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
