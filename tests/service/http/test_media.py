"""Files are sent whole, in ranges, or not at all where the client has them already."""

from pathlib import Path

import httpx
import pytest

from service.core.media import MediaFile
from service.media.content_types import content_type_of
from tests.service.conftest import ClientFor
from tests.service.fakes import DOG_ID, FakeEngine

MEDIA = f"/v1/videos/{DOG_ID}/media"
CONTENT = bytes(range(256)) * 4


@pytest.fixture
def film(tmp_path: Path) -> MediaFile:
    path = tmp_path / "film.mp4"
    path.write_bytes(CONTENT)
    return MediaFile(path, "video/mp4", "caf\u00e9 \u2013 1.mp4")


async def get(
    client_for: ClientFor, file: MediaFile, path: str = MEDIA, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client_for(FakeEngine(files=file)) as client:
        return await client.get(path, headers=named)


async def test_a_file_is_sent_whole(client_for: ClientFor, film: MediaFile) -> None:
    response = await get(client_for, film)

    assert response.status_code == 200
    assert response.content == CONTENT
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"].startswith("inline; filename*=utf-8''caf%C3%A9")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=1000-", 1000, 1024),
     ("bytes=-10", 1014, 1024), ("bytes=1000-9999", 1000, 1024)],
)  # fmt: skip
async def test_a_range_is_sent_alone(
    client_for: ClientFor, film: MediaFile, asked: str, start: int, stop: int
) -> None:
    response = await get(client_for, film, range=asked)

    assert response.status_code == 206
    assert response.content == CONTENT[start:stop]
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"


async def test_a_range_behind_the_end_is_refused(client_for: ClientFor, film: MediaFile) -> None:
    response = await get(client_for, film, range="bytes=5000-")

    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(CONTENT)}"


async def test_only_the_head_can_be_asked_for(client_for: ClientFor, film: MediaFile) -> None:
    async with client_for(FakeEngine(files=film)) as client:
        response = await client.head(MEDIA)

    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["content-length"] == str(len(CONTENT))


async def test_what_the_client_has_is_not_sent_again(
    client_for: ClientFor, film: MediaFile
) -> None:
    first = await get(client_for, film)
    again = await get(client_for, film, if_none_match=first.headers["etag"])

    assert again.status_code == 304
    assert again.content == b""


async def test_what_has_changed_is_sent_again(client_for: ClientFor, film: MediaFile) -> None:
    first = await get(client_for, film)
    film.path.write_bytes(b"something else")
    again = await get(client_for, film, if_none_match=first.headers["etag"])

    assert again.status_code == 200
    assert again.content == b"something else"


@pytest.mark.parametrize("kind", ["media", "thumbnail", "preview?start_seconds=0&stop_seconds=1"])
async def test_a_file_that_has_gone_is_not_found(
    client_for: ClientFor, film: MediaFile, kind: str
) -> None:
    film.path.unlink()

    response = await get(client_for, film, f"/v1/videos/{DOG_ID}/{kind}")

    assert response.status_code == 404
    assert response.json()["type"] == "urn:cpd:problem:media-gone"
    assert str(film.path.parent) not in response.text


async def test_a_folder_in_place_of_a_file_is_not_found(
    client_for: ClientFor, film: MediaFile
) -> None:
    film.path.unlink()
    film.path.mkdir()

    response = await get(client_for, film)

    assert response.status_code == 404


async def test_a_picture_may_be_kept_for_a_while(client_for: ClientFor, film: MediaFile) -> None:
    response = await get(client_for, film, f"/v1/videos/{DOG_ID}/thumbnail?at_seconds=3")

    assert response.headers["cache-control"] == "private, max-age=3600"
    assert response.headers["etag"]


@pytest.mark.parametrize(
    "query", ["at_seconds=-1", "at_seconds=nan", "at_seconds=inf", "at_seconds=x"]
)
async def test_a_time_that_is_none_is_refused(
    client_for: ClientFor, film: MediaFile, query: str
) -> None:
    response = await get(client_for, film, f"/v1/videos/{DOG_ID}/thumbnail?{query}")

    assert response.status_code == 422


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/a/b.MP4", "video/mp4"), ("b.ts", "video/mp2t"), ("b.html", "application/octet-stream")],
)
def test_a_content_type_is_that_of_a_video_or_none(path: str, content_type: str) -> None:
    """A file in the catalog that calls itself HTML must not become a page of this site."""
    assert content_type_of(path) == content_type
