"""Video files to a searchable library. Names are loaded on first use, so importing costs nothing.

from index import DecodePool, Library, add_videos
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.catalog.records import LibrarySettings, LibraryStatus
    from index.decoding.pool import DecodePool
    from index.ingest.embed import Bounds, embed_videos
    from index.ingest.files import find_videos
    from index.ingest.outcomes import EmbeddedVideo, FailedEmbedding, KnownVideo
    from index.label import LabelledVideo, label_video
    from index.library.add import AddReport, add_videos
    from index.library.library import Library
    from index.library.opening import open_for_adding, open_for_search
    from index.search.moments import Hit
    from index.segments import Segment, plan_sampling
    from index.video.file import VideoFacts

__all__ = [
    "AddReport",
    "Bounds",
    "DecodePool",
    "EmbeddedVideo",
    "FailedEmbedding",
    "Hit",
    "KnownVideo",
    "LabelledVideo",
    "Library",
    "LibrarySettings",
    "LibraryStatus",
    "Segment",
    "VideoFacts",
    "add_videos",
    "embed_videos",
    "find_videos",
    "label_video",
    "open_for_adding",
    "open_for_search",
    "plan_sampling",
]

_MODULES = {
    "AddReport": "index.library.add",
    "Bounds": "index.ingest.embed",
    "DecodePool": "index.decoding.pool",
    "EmbeddedVideo": "index.ingest.outcomes",
    "FailedEmbedding": "index.ingest.outcomes",
    "Hit": "index.search.moments",
    "KnownVideo": "index.ingest.outcomes",
    "LabelledVideo": "index.label",
    "Library": "index.library.library",
    "LibrarySettings": "index.catalog.records",
    "LibraryStatus": "index.catalog.records",
    "Segment": "index.segments",
    "VideoFacts": "index.video.file",
    "add_videos": "index.library.add",
    "embed_videos": "index.ingest.embed",
    "find_videos": "index.ingest.files",
    "label_video": "index.label",
    "open_for_adding": "index.library.opening",
    "open_for_search": "index.library.opening",
    "plan_sampling": "index.segments",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
