"""The app: routes, error answers, middleware and the page around an engine that a factory opens."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.core.engine import Engine
from service.http.metrics import Metrics
from service.http.middleware import DoorKeeper, RequestRecord, SafeHeaders
from service.http.pages import page_router
from service.http.problems import install_error_handlers
from service.http.routes import classify, health, media, search, videos
from service.http.schemas.labels import StoredLabelRequest
from service.http.schemas.problem import Problem
from service.settings import Settings

DESCRIPTION = (
    "Find moments in your own video by describing them, and label actions with your own words. "
    "Failures are problem documents (RFC 9457, `application/problem+json`)."
)

TAGS = [
    {"name": "search", "description": "Describe what you look for."},
    {"name": "classify", "description": "Label actions with your own words."},
    {"name": "videos", "description": "What the library holds, and how it looks."},
    {"name": "health", "description": "For operators."},
]


def create_app(
    open_engine: Callable[[], AbstractAsyncContextManager[Engine]], settings: Settings
) -> FastAPI:
    """A new app that opens its engine when it starts and closes it when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_engine() as engine:
            app.state.engine = engine
            yield

    metrics = Metrics()
    app = FastAPI(
        title="cpd",
        version=version("cpd"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        docs_url=None,  # the usual one loads its scripts from elsewhere; http.pages has ours
        redoc_url=None,
    )
    app.state.metrics = metrics
    for room in (health, search, classify, videos, media):
        app.include_router(room.router)
    app.include_router(page_router)
    install_error_handlers(app)
    app.add_middleware(DoorKeeper, settings=settings)
    app.add_middleware(RequestRecord, metrics=metrics)
    app.add_middleware(SafeHeaders)  # added last, runs first
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's own recipe
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the schemas that it cannot find by itself, and our 422."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        for model in (Problem, StoredLabelRequest):
            schemas[model.__name__] = model.model_json_schema(
                ref_template="#/components/schemas/{model}"
            )
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
