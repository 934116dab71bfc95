"""Files that are made once and kept, up to a size."""

import asyncio
from pathlib import Path

import pytest

from service.media.file_cache import FileCache, files_in


class Maker:
    """Makes the same bytes each time and counts how often."""

    def __init__(self, content: bytes = b"x" * 100, error: Exception | None = None) -> None:
        self.content = content
        self.error = error
        self.count = 0

    async def __call__(self) -> bytes:
        self.count += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.content


async def test_a_derived_file_is_made_once(tmp_path: Path) -> None:
    cache, make = FileCache(tmp_path, max_bytes=1000), Maker()

    paths = await asyncio.gather(*(cache.get("a", ".jpg", make) for _ in range(5)))
    again = await FileCache(tmp_path, max_bytes=1000).get("a", ".jpg", make)

    assert set(paths) == {again}
    assert make.count == 1


async def test_a_failure_is_not_remembered(tmp_path: Path) -> None:
    cache, make = FileCache(tmp_path, max_bytes=1000), Maker(error=OSError("no luck"))

    with pytest.raises(OSError, match="no luck"):
        await cache.get("a", ".jpg", make)
    make.error = None

    assert (await cache.get("a", ".jpg", make)).exists()
    assert make.count == 2


async def test_a_caller_that_leaves_does_not_take_the_file_from_others(tmp_path: Path) -> None:
    cache, make = FileCache(tmp_path, max_bytes=1000), Maker()

    leaver = asyncio.create_task(cache.get("a", ".jpg", make))
    stayer = asyncio.create_task(cache.get("a", ".jpg", make))
    while make.count == 0:  # noqa: ASYNC110 - until the work has begun
        await asyncio.sleep(0)
    leaver.cancel()

    assert (await stayer).read_bytes() == make.content


async def test_the_least_recently_used_files_go_first(tmp_path: Path) -> None:
    cache, make = FileCache(tmp_path, max_bytes=350), Maker()
    for key in ("a", "b", "c"):
        await cache.get(key, ".jpg", make)
    await cache.get("a", ".jpg", make)

    await cache.get("d", ".jpg", make)
    for key in ("a", "d", "b"):
        await cache.get(key, ".jpg", make)

    assert make.count == 5  # b alone was made again
    assert sum(size for _, size, _ in files_in(tmp_path)) <= 350


async def test_using_a_file_does_not_change_its_etag(tmp_path: Path) -> None:
    cache, make = FileCache(tmp_path, max_bytes=1000), Maker()
    path = await cache.get("a", ".jpg", make)
    before = path.stat().st_mtime_ns

    await cache.get("a", ".jpg", make)

    assert path.stat().st_mtime_ns == before


async def test_nothing_half_written_stays(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, max_bytes=1000)

    with pytest.raises(TypeError):
        await cache.get("a", ".jpg", Maker(content="no bytes"))  # type: ignore[arg-type]

    assert files_in(tmp_path) == []
