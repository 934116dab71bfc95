"""What a library holds, as values that two libraries can be compared by."""

from typing import Any

from index.catalog.reads import to_unit
from index.catalog.whole_videos import WholeVideo
from index.library.library import Library
from tests.index.libraries import MADE_BY, unit_rows

Contents = dict[str, dict[str, Any]]
"""By path."""


def contents(library: Library, *, with_ids: bool = True) -> Contents:
    """All that a library knows of its videos and failures; segment ids left out."""
    with library.whole_videos(models=library.ready_models().values()) as whole:
        found = {str(video.file.path): _told(video) for video in whole.videos}
    if not with_ids:
        for each in found.values():
            del each["video_id"]
    return found


def answers(library: Library, seed: int) -> list[tuple[str, float, float]]:
    """What a search for a seed's vector finds in all windows: path, start, score; best first."""
    query_D = unit_rows(1, seed=seed)[0]
    hits = library.search(query_D, fingerprint=MADE_BY, limit=1000, merge=False)
    found = [(str(hit.path), hit.start_seconds, round(float(hit.score), 5)) for hit in hits]
    return sorted(found, key=lambda each: (-each[2], each))


def _told(video: WholeVideo) -> dict[str, Any]:
    return {
        "video_id": video.video_id,
        "file": video.file,
        "facts": video.facts,
        "reason": video.reason,
        "documents": dict(video.documents),
        "transcript": video.transcript,
        "collections": video.collections,
        "vectors": {
            meaning: (
                of_video.starts_S.tolist(),
                of_video.stops_S.tolist(),
                to_unit(of_video.vectors_SD).tolist(),
            )
            for meaning, of_video in video.vectors.items()
        },
    }
