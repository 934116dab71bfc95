"""Questions for moments, and their answers."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints

from index.ingest.files import printable
from service.core.search import SearchAnswer
from service.http.schemas.addresses import media_url, preview_url, thumbnail_url
from service.http.schemas.body import EXAMPLE_ID, Body, Said

Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), Said]


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
                preview_url=preview_url(hit.video_id, hit.start_seconds, hit.stop_seconds),
            )
            for hit in answer.hits
        ]
        return cls(query=query, model=answer.model, hits=hits)
