"""Videos of the library."""

from typing import Self

from pydantic import ConfigDict

from index.catalog.records import VideoRow
from index.ingest.files import printable
from service.http.schemas.addresses import media_url, thumbnail_url
from service.http.schemas.body import EXAMPLE_ID, Body


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
