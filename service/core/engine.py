"""Everything the service can do, without HTTP: what a notebook could call as well.

`Engine` is what routes see, a part for each kind of question. `service.runtime.engine.CPDEngine`
is the real one.
"""

from dataclasses import dataclass
from typing import Protocol

from service.core.labels import Labels
from service.core.media import Media
from service.core.search import Searches
from service.core.videos import Videos


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

    Every method of it and of its parts may raise a CPDError: OverloadedError when too much waits,
    NotReadyError before the model has answered once, UnknownVideoError for an id that is not in the
    library.
    """

    @property
    def searches(self) -> Searches:
        """Finding moments."""
        ...

    @property
    def labels(self) -> Labels:
        """Labelling videos."""
        ...

    @property
    def videos(self) -> Videos:
        """What the library holds."""
        ...

    @property
    def media(self) -> Media:
        """What can be seen of a video."""
        ...

    async def readiness(self) -> Readiness:
        """Whether questions can be answered; never raises for a model that cannot be had."""
        ...

    async def load(self) -> Load:
        """Queue lengths and sizes, for metrics."""
        ...
