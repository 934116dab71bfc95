"""A client for an app around a fake engine, without a socket."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from cpd_model.encoder import Encoder
from cpd_model.testing import ColorEncoder
from index.catalog.records import LibrarySettings
from index.decoding.pool import DecodePool
from index.library.add import add_videos
from index.library.library import Library
from service.core.engine import Engine
from service.core.labels import LabelOrder
from service.http.app import create_app
from service.media.file_cache import FileCache
from service.runtime.engine import CPDEngine
from service.settings import Settings
from tests.service.fakes import FakeEngine
from tests.service.videos import write_colors

Opener: TypeAlias = Callable[..., AbstractAsyncContextManager[CPDEngine]]
COLORS = LabelOrder(labels=("red", "green", "blue", "yellow"), templates=("{}",))

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


@pytest.fixture(scope="session")
def color_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of three videos: `sunset` red then blue, `meadow` green, `old` yellow as AVI.

    Indexed by ColorEncoder; nobody changes it.
    """
    folder = tmp_path_factory.mktemp("service")
    videos = folder / "videos"
    videos.mkdir()
    write_colors(videos / "sunset.mp4", ["red", "blue"])
    write_colors(videos / "meadow.mp4", ["green"])
    write_colors(videos / "old.avi", ["yellow"], codec="mpeg4")
    encoder = ColorEncoder()
    settings = LibrarySettings(
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        embed_dim=encoder.embed_dim,
        window_seconds=4.0,
        hop_seconds=2.0,
    )
    with Library.create(folder / "library", settings) as library, DecodePool(num_workers=1) as pool:
        report = add_videos([videos], library, encoder, pool)
    assert report.added == 3, report
    return folder / "library"


@pytest.fixture(scope="session")
def decoder() -> Iterator[DecodePool]:
    """Decoder processes for the whole session: starting them takes longer than most tests."""
    with DecodePool(num_workers=1) as pool:
        yield pool


@pytest.fixture
def open_engine(color_library: Path, decoder: DecodePool, tmp_path: Path) -> Opener:
    """Opens an engine with a model, and waits until it has been loaded or not."""

    @asynccontextmanager
    async def opened(
        encoder: Encoder | Exception | None = None, *, wait: bool = True, **changes: object
    ) -> AsyncIterator[CPDEngine]:
        settings = Settings(library=color_library, **changes)  # type: ignore[arg-type]  # checked

        def load(model: str | None, device: str) -> Encoder:
            if isinstance(encoder, Exception):
                raise encoder
            return encoder or ColorEncoder()

        with Library.open(color_library) as library:
            cache = FileCache(tmp_path / "cache", max_bytes=10**6)
            async with CPDEngine(library, decoder, cache, settings, load=load) as engine:
                if wait:
                    await engine.settled()
                yield engine

    return opened
