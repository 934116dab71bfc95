"""Video files to a searchable library. Names are loaded on first use, so importing costs nothing.

from index import DecodePool, Library, add_videos
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.add import AddReport, add_videos
    from index.decode_pool import DecodePool
    from index.embed import Bounds, embed_videos
    from index.files import find_videos
    from index.label import LabelledVideo, label_video
    from index.library import Library
    from index.open_library import open_for_adding, open_for_search
    from index.outcomes import EmbeddedVideo, FailedEmbedding, KnownVideo
    from index.records import LibrarySettings, LibraryStatus
    from index.search import Hit
    from index.segments import Segment, plan_sampling
    from index.video import VideoFacts

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
    "AddReport": "index.add",
    "Bounds": "index.embed",
    "DecodePool": "index.decode_pool",
    "EmbeddedVideo": "index.outcomes",
    "FailedEmbedding": "index.outcomes",
    "Hit": "index.search",
    "KnownVideo": "index.outcomes",
    "LabelledVideo": "index.label",
    "Library": "index.library",
    "LibrarySettings": "index.records",
    "LibraryStatus": "index.records",
    "Segment": "index.segments",
    "VideoFacts": "index.video",
    "add_videos": "index.add",
    "embed_videos": "index.embed",
    "find_videos": "index.files",
    "label_video": "index.label",
    "open_for_adding": "index.open_library",
    "open_for_search": "index.open_library",
    "plan_sampling": "index.segments",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
