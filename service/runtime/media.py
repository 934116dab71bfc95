"""What can be seen of a library's videos."""

from service.core.media import MediaFile
from service.core.videos import Videos
from service.media.store import MediaStore


class LibraryMedia:
    """`service.core.media.Media` for the videos of a library."""

    def __init__(self, videos: Videos, store: MediaStore) -> None:
        self._videos = videos
        self._store = store

    async def original(self, video_id: str) -> MediaFile:
        return self._store.original(await self._videos.get(video_id))

    async def thumbnail(self, video_id: str, *, at_seconds: float) -> MediaFile:
        return await self._store.thumbnail(await self._videos.get(video_id), at_seconds=at_seconds)

    async def preview(
        self, video_id: str, *, start_seconds: float, stop_seconds: float
    ) -> MediaFile:
        return await self._store.preview(
            await self._videos.get(video_id), start_seconds=start_seconds, stop_seconds=stop_seconds
        )
