"""Who may ask, and how much: sizes, hosts, origins."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.http.middleware import MAX_JSON_BYTES
from service.settings import Settings
from tests.service.conftest import ClientFor
from tests.service.fakes import FakeEngine


async def test_an_announced_upload_that_is_too_large_is_refused(
    client_for: ClientFor, tmp_path: Path
) -> None:
    engine = FakeEngine()

    async with client_for(engine, Settings(library=tmp_path, max_upload_bytes=1000)) as client:
        response = await client.post(
            "/v1/classify",
            data={"labels": ["run", "swim"]},
            files={"file": ("a.mp4", b"x" * 2**21)},
        )

    assert response.status_code == 413
    assert engine.labels.uploads == []


async def test_an_upload_that_grows_too_large_is_refused(
    client_for: ClientFor, tmp_path: Path
) -> None:
    """A body in chunks announces no length."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 2**16

    async with client_for(
        FakeEngine(), Settings(library=tmp_path, max_upload_bytes=1000)
    ) as client:
        response = await client.post(
            "/v1/classify",
            content=chunks(),
            headers={"content-type": "multipart/form-data; boundary=b"},
        )

    assert response.status_code == 413


async def test_a_query_that_grows_too_large_is_refused(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_JSON_BYTES // 2**16 + 2):
            yield b" " * 2**16

    response = await client.post(
        "/v1/search", content=chunks(), headers={"content-type": "application/json"}
    )

    assert response.status_code == 413


# -- who may ask ----------------------------------------------------------------------------------


async def test_a_request_for_another_host_is_refused(client: httpx.AsyncClient) -> None:
    """DNS rebinding: a name of somebody else that points to this machine."""
    response = await client.get("/v1/videos", headers={"host": "evil.example:8000"})

    assert response.status_code == 403
    assert "CPD_ALLOWED_HOSTS" in response.json()["detail"]


async def test_another_web_site_may_not_send_a_form(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/v1/classify",
        data={"labels": ["run", "swim"]},
        files={"file": ("a.mp4", b"x")},
        headers={"sec-fetch-site": "cross-site"},
    )

    assert response.status_code == 403


async def test_no_other_origin_is_allowed_to_read(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/videos", headers={"origin": "http://evil.example"})

    assert "access-control-allow-origin" not in response.headers
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/videos", "/page/app.js", "/nowhere"])
async def test_browsers_are_told_to_load_nothing_from_elsewhere(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)

    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
