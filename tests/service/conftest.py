"""A client for an app around a fake engine, without a socket."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from service.app import create_app
from service.engine import Engine
from service.settings import Settings
from tests.service.fakes import FakeEngine

ClientFor: TypeAlias = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(library=tmp_path)


@pytest.fixture
def client_for(settings: Settings) -> ClientFor:
    """Opens a client for any engine, and for other settings if they matter."""

    @asynccontextmanager
    async def open_client(
        engine: Engine, settings: Settings = settings
    ) -> AsyncIterator[httpx.AsyncClient]:
        @asynccontextmanager
        async def open_engine() -> AsyncIterator[Engine]:
            yield engine

        app = create_app(open_engine, settings)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            yield client

    return open_client


@pytest.fixture
async def client(client_for: ClientFor) -> AsyncIterator[httpx.AsyncClient]:
    """A client for two videos and an engine that finds nothing."""
    async with client_for(FakeEngine()) as client:
        yield client
