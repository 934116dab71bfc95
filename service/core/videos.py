"""What the library holds."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from index.catalog.records import VideoRow


class VideoPage(NamedTuple):
    """Some videos of the library, and how many there are."""

    videos: Sequence[VideoRow]
    total: int


class Videos(Protocol):
    """The videos of the library."""

    async def page(self, *, limit: int, offset: int) -> VideoPage:
        """Some of them, in a stable order."""
        ...

    async def get(self, video_id: str) -> VideoRow:
        """One of them."""
        ...
