"""Thumbnails and previews: made once by a decoder process, then kept on disk."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from cpd_model.cache import cache_folder
from cpd_model.errors import InputError
from index.catalog.records import VideoRow
from index.errors import VideoError
from index.ingest.files import printable
from service.core.errors import MediaGoneError, OverloadedError
from service.core.media import MediaFile
from service.media.content_types import content_type_of
from service.media.file_cache import FileCache
from service.settings import Settings

MAX_PREVIEW_SECONDS = 30.0
"""A longer preview is cut here: it is made while somebody waits for it."""

MAX_WAITING = 256
"""Pictures and previews that may be in the making; one more is refused."""

TIME_STEP_SECONDS = 0.1
"""Thumbnails of times closer than this are the same file."""


class PictureDecoder(Protocol):
    """Makes pictures and films somewhere else; `index.decoding.pool.DecodePool` does."""

    def read_jpeg(self, path: Path, at_seconds: float) -> Future[bytes]:
        """The frame nearest to a time."""
        ...

    def read_preview(self, path: Path, start_seconds: float, stop_seconds: float) -> Future[bytes]:
        """A small MP4 of [start, stop)."""
        ...


class MediaStore:
    """The files of videos, and what is derived from them. Use from one event loop."""

    def __init__(self, decoder: PictureDecoder, cache: FileCache) -> None:
        self._decoder = decoder
        self._cache = cache
        self._num_waiting = 0

    def original(self, video: VideoRow) -> MediaFile:
        """The file itself."""
        return MediaFile(video.path, content_type_of(video.path), printable(video.path.name))

    async def thumbnail(self, video: VideoRow, *, at_seconds: float) -> MediaFile:
        """A JPEG of the frame nearest to a time."""
        step = round(min(at_seconds, video.duration_seconds) / TIME_STEP_SECONDS)
        key = f"thumbnail {video.video_id} {video.content_hash} {step}"
        path = await self._derived(
            key, ".jpg", video, lambda: self._decoder.read_jpeg(video.path, step / 10)
        )
        return MediaFile(path, "image/jpeg", f"{_stem(video)}.jpg")

    async def preview(
        self, video: VideoRow, *, start_seconds: float, stop_seconds: float
    ) -> MediaFile:
        """A small MP4 of at most MAX_PREVIEW_SECONDS from `start_seconds` on.

        Raises:
            InputError: nothing of the video lies between the two times.
        """
        stop_seconds = min(stop_seconds, video.duration_seconds)
        stop_seconds = min(stop_seconds, start_seconds + MAX_PREVIEW_SECONDS)
        if not start_seconds < stop_seconds:
            raise InputError(
                f"nothing to preview: expected start_seconds < stop_seconds within the video's "
                f"{video.duration_seconds:.1f} s"
            )
        key = f"preview {video.video_id} {video.content_hash} {start_seconds} {stop_seconds}"
        path = await self._derived(
            key,
            ".mp4",
            video,
            lambda: self._decoder.read_preview(video.path, start_seconds, stop_seconds),
        )
        return MediaFile(path, "video/mp4", f"{_stem(video)}.mp4")

    async def close(self) -> None:
        """Give up what is being made."""
        await self._cache.close()

    async def _derived(
        self, key: str, suffix: str, video: VideoRow, decode: Callable[[], Future[bytes]]
    ) -> Path:
        async def make() -> bytes:
            return await self._decoded(video, decode)

        return await self._cache.get(key, suffix, make)

    async def _decoded(self, video: VideoRow, decode: Callable[[], Future[bytes]]) -> bytes:
        if self._num_waiting >= MAX_WAITING:
            raise OverloadedError("too many pictures are in the making; try again in a moment")
        self._num_waiting += 1
        try:
            return await _awaited(decode())
        except VideoError as error:
            if not await asyncio.to_thread(video.path.is_file):
                raise MediaGoneError(
                    f"the file {printable(video.path.name)} is no longer there; "
                    f"run `cpd index add` again"
                ) from error
            raise
        finally:
            self._num_waiting -= 1


@contextmanager
def open_cache(settings: Settings) -> Iterator[FileCache]:
    """The cache that the settings name, else the user's, else one in a temporary folder.

    Not in the library: readers leave that alone. Libraries can share one, for keys hold video ids.

    Raises:
        InputError: the folder that the settings name cannot be written.
    """
    folder = settings.media_cache_dir or cache_folder() / "media"
    with ExitStack() as stack:
        if not _can_write(folder):
            if settings.media_cache_dir is not None:
                raise InputError(f"CPD_MEDIA_CACHE_DIR: the folder {folder} cannot be written")
            # A container with a read-only root can serve all the same.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cpd-media-")))
        yield FileCache(folder, max_bytes=settings.media_cache_bytes)


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _awaited(future: Future[bytes]) -> Awaitable[bytes]:
    return asyncio.wrap_future(future)


def _stem(video: VideoRow) -> str:
    return printable(video.path.stem)
