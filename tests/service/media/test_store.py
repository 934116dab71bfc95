"""Pictures and previews: made somewhere else, kept here, refused when too many are asked for."""

import asyncio
from concurrent.futures import Future
from pathlib import Path

import pytest

from cpd_model.errors import InputError
from index.errors import VideoError
from service.core.errors import MediaGoneError, OverloadedError
from service.media.file_cache import FileCache
from service.media.store import MAX_PREVIEW_SECONDS, MAX_WAITING, MediaStore, open_cache
from service.settings import Settings
from tests.service.fakes import DOG_ID, video_row


class SlowDecoder:
    """Its futures stay open until the test settles them; notes what was asked."""

    def __init__(self) -> None:
        self.futures: list[Future[bytes]] = []
        self.asked: list[tuple[float, ...]] = []

    def read_jpeg(self, path: Path, at_seconds: float) -> Future[bytes]:
        return self._asked(at_seconds)

    def read_preview(self, path: Path, start_seconds: float, stop_seconds: float) -> Future[bytes]:
        return self._asked(start_seconds, stop_seconds)

    def _asked(self, *times: float) -> Future[bytes]:
        self.asked.append(times)
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def decoder() -> SlowDecoder:
    return SlowDecoder()


@pytest.fixture
def store(decoder: SlowDecoder, tmp_path: Path) -> MediaStore:
    return MediaStore(decoder, FileCache(tmp_path / "cache", max_bytes=10**6))


async def wait_for(decoder: SlowDecoder, count: int) -> None:
    """Until the decoder was asked that often."""
    while len(decoder.futures) < count:  # noqa: ASYNC110 - it has no event to wait for
        await asyncio.sleep(0.001)


async def test_a_long_preview_is_cut(decoder: SlowDecoder, store: MediaStore) -> None:
    video = video_row(DOG_ID, "/videos/dog.mp4", duration_seconds=1000.0)

    task = asyncio.create_task(store.preview(video, start_seconds=10.0, stop_seconds=900.0))
    await wait_for(decoder, 1)
    decoder.futures[0].set_result(b"film")

    assert (await task).path.suffix == ".mp4"
    assert decoder.asked == [(10.0, 10.0 + MAX_PREVIEW_SECONDS)]


async def test_too_many_pictures_are_refused_at_once(
    decoder: SlowDecoder, store: MediaStore
) -> None:
    video = video_row(DOG_ID, "/videos/dog.mp4", duration_seconds=10_000.0)
    tasks = [
        asyncio.create_task(store.thumbnail(video, at_seconds=float(second)))
        for second in range(MAX_WAITING)
    ]
    await wait_for(decoder, MAX_WAITING)

    with pytest.raises(OverloadedError):
        await store.thumbnail(video, at_seconds=9999.0)
    for future in decoder.futures:
        future.set_result(b"picture")
    await asyncio.gather(*tasks)
    late = asyncio.create_task(store.thumbnail(video, at_seconds=9999.0))
    await wait_for(decoder, MAX_WAITING + 1)
    decoder.futures[-1].set_result(b"picture")

    assert (await late).content_type == "image/jpeg"


@pytest.mark.parametrize(("is_there", "expected"), [(True, VideoError), (False, MediaGoneError)])
async def test_a_file_that_has_gone_is_told_from_one_that_cannot_be_read(
    decoder: SlowDecoder,
    store: MediaStore,
    tmp_path: Path,
    is_there: bool,
    expected: type[Exception],
) -> None:
    path = tmp_path / "dog.mp4"
    if is_there:
        path.write_bytes(b"damaged")
    video = video_row(DOG_ID, str(path))

    task = asyncio.create_task(store.thumbnail(video, at_seconds=1.0))
    await wait_for(decoder, 1)
    decoder.futures[0].set_exception(VideoError(path, "no such file or damaged"))
    with pytest.raises(expected) as caught:
        await task

    assert type(caught.value) is expected
    assert "dog.mp4" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


async def test_closing_gives_up_what_is_being_made(decoder: SlowDecoder, store: MediaStore) -> None:
    video = video_row(DOG_ID, "/videos/dog.mp4")
    task = asyncio.create_task(store.thumbnail(video, at_seconds=1.0))
    await wait_for(decoder, 1)

    await store.close()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert decoder.futures[0].cancelled()


async def test_pictures_are_kept_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPD_CACHE", str(tmp_path / "user"))

    path = await kept_by(Settings(library=tmp_path / "library"))

    assert path.parent == tmp_path / "user" / "media"
    assert path.exists()
    assert not (tmp_path / "library").exists()


async def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container may have a read-only root; a file in the way does the same for any user."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CPD_CACHE", str(tmp_path / "file"))

    path = await kept_by(Settings(library=tmp_path))

    assert path.suffix == ".jpg"
    assert not path.parent.exists()  # it was there for as long as the cache was open


def test_a_named_cache_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(library=tmp_path, media_cache_dir=tmp_path / "file" / "cache")

    with pytest.raises(InputError, match="CPD_MEDIA_CACHE_DIR"), open_cache(settings):
        pass


async def kept_by(settings: Settings) -> Path:
    """Where the cache of these settings puts a picture."""

    async def make() -> bytes:
        return b"picture"

    with open_cache(settings) as cache:
        return await cache.get("key", ".jpg", make)
