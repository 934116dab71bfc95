"""An engine that answers from a table: obeys the Engine protocol, knows no model and no library."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from index.catalog.records import VideoRow
from index.errors import UnknownVideoError
from index.label import LabelledSegment, LabelScore
from index.search.moments import Hit
from service.core.engine import Load, Readiness
from service.core.errors import NotReadyError
from service.core.labels import Classification, LabelOrder
from service.core.media import MediaFile
from service.core.search import SearchAnswer
from service.core.videos import VideoPage

DOG_ID = "d" * 32
CAT_ID = "c" * 32


def video_row(video_id: str, path: str, *, duration_seconds: float = 60.0) -> VideoRow:
    """A video of 640 x 360 pixels; nothing else about it matters."""
    return VideoRow(
        video_id=video_id,
        path=Path(path),
        size_bytes=1000,
        mtime_ns=0,
        content_hash="0" * 64,
        duration_seconds=duration_seconds,
        fps=25.0,
        width=640,
        height=360,
        rotation_degrees=0,
        sample_aspect_ratio=1.0,
        codec="h264",
        container="mp4",
        num_frames=1500,
        has_audio=False,
        num_segments=29,
        date=0.0,
        added_at=0.0,
        updated_at=0.0,
    )


DOG_HIT = Hit(12.0, 18.0, segment_id=7, video_id=DOG_ID, path=Path("/videos/dog.mp4"), score=0.5)


class FakeEngine:
    """Two videos; a query is answered by `answers`, where an exception is raised instead.

    Args:
        answers: query -> hits, or what goes wrong. Other queries find nothing.
        files: what `media`, `thumbnail` and `preview` give for the dog's video.
        reason: why it is not ready; None when it is.
    """

    def __init__(
        self,
        answers: Mapping[str, Sequence[Hit] | Exception] | None = None,
        *,
        files: MediaFile | None = None,
        reason: str | None = None,
        videos: Sequence[VideoRow] | None = None,
    ) -> None:
        self.reason = reason
        self._rows = (
            [video_row(DOG_ID, "/videos/dog.mp4"), video_row(CAT_ID, "/videos/cat.mp4")]
            if videos is None
            else list(videos)
        )
        self.searches = FakeSearches(self, answers or {})
        self.videos = FakeVideos(self._rows)
        self.labels = FakeLabels(self.videos)
        self.media = FakeMedia(self.videos, files)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["FakeEngine"]:
        """As `create_app` wants it."""
        yield self

    async def readiness(self) -> Readiness:
        return Readiness(
            ready=self.reason is None,
            reason=self.reason,
            model="fake",
            fingerprint="f" * 64,
            model_device=None if self.reason else "cpu",
            search_device="cpu",
            library="/library",
            num_videos=len(self._rows),
            num_segments=29 * len(self._rows),
        )

    async def load(self) -> Load:
        return Load(
            num_queued_queries=3,
            num_pending_searches=2,
            num_pending_videos=1,
            num_videos=len(self._rows),
            num_segments=29 * len(self._rows),
        )


class FakeSearches:
    """The searches of a FakeEngine."""

    def __init__(
        self, engine: FakeEngine, answers: Mapping[str, Sequence[Hit] | Exception]
    ) -> None:
        self._engine = engine
        self._answers = answers

    async def search(self, query: str, *, limit: int, merge: bool) -> SearchAnswer:
        if self._engine.reason is not None:
            raise NotReadyError(self._engine.reason)
        answer = self._answers.get(query, ())
        if isinstance(answer, Exception):
            raise answer
        return SearchAnswer("fake", list(answer)[:limit], 0.25, 0.125)


class FakeVideos:
    """The videos of a FakeEngine."""

    def __init__(self, rows: Sequence[VideoRow]) -> None:
        self._rows = rows

    async def page(self, *, limit: int, offset: int) -> VideoPage:
        return VideoPage(self._rows[offset : offset + limit], len(self._rows))

    async def get(self, video_id: str) -> VideoRow:
        for video in self._rows:
            if video.video_id == video_id:
                return video
        raise UnknownVideoError(f"no video {video_id} in this library")


class FakeLabels:
    """The labels in the order given, each half as probable as the one before."""

    def __init__(self, videos: FakeVideos) -> None:
        self._videos = videos
        self.uploads: list[tuple[Path, bytes, LabelOrder]] = []
        """What was uploaded: where it lay, what it held, what was asked."""

    async def of_stored(self, video_id: str, order: LabelOrder) -> Classification:
        video = await self._videos.get(video_id)
        return _classification(str(video.path), video_id, order)

    async def of_upload(self, path: Path, file_name: str, order: LabelOrder) -> Classification:
        content = await asyncio.to_thread(path.read_bytes)
        self.uploads.append((path, content, order))
        return _classification(file_name, None, order)


class FakeMedia:
    """The same file for everything that is asked of a video."""

    def __init__(self, videos: FakeVideos, files: MediaFile | None) -> None:
        self._videos = videos
        self._files = files

    async def original(self, video_id: str) -> MediaFile:
        await self._videos.get(video_id)
        assert self._files is not None, "this test gave the engine no file"
        return self._files

    async def thumbnail(self, video_id: str, *, at_seconds: float) -> MediaFile:
        return await self.original(video_id)

    async def preview(
        self, video_id: str, *, start_seconds: float, stop_seconds: float
    ) -> MediaFile:
        return await self.original(video_id)


def _classification(path: str, video_id: str | None, order: LabelOrder) -> Classification:
    scores = [LabelScore(name, 0.5 ** (i + 1)) for i, name in enumerate(order.labels)]
    shown = scores[: order.top]
    return Classification(
        model="fake",
        path=path,
        video_id=video_id,
        labels=shown,
        timeline=[LabelledSegment(0.0, 4.0, shown)] if order.timeline else None,
        note=None,
    )
