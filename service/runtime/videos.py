"""What a library holds, read on threads of its own."""

from functools import partial

from index.catalog.records import VideoRow
from index.library.library import Library
from service.core.videos import VideoPage
from service.runtime.executors import BoundedExecutor


class LibraryVideos:
    """`service.core.videos.Videos` over a library."""

    def __init__(self, library: Library, executor: BoundedExecutor) -> None:
        self._library = library
        self._executor = executor

    async def page(self, *, limit: int, offset: int) -> VideoPage:
        def read() -> VideoPage:
            rows = self._library.videos(limit=limit, offset=offset)
            return VideoPage(rows, self._library.status().videos)

        return await self._executor.run(read)

    async def get(self, video_id: str) -> VideoRow:
        return await self._executor.run(partial(self._library.video, video_id))
