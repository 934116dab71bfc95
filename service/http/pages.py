"""The web page and the reference of the API: a few plain files, nothing from elsewhere."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.core.media import MediaFile
from service.http.sending import file_response

FOLDER = Path(__file__).parents[1] / "page"

CONTENT_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "docs.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "ask.js": "text/javascript; charset=utf-8",
    "player.js": "text/javascript; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""Every file that is served, by name."""

page_router = APIRouter(include_in_schema=False)


@page_router.get("/")
async def page(request: Request) -> Response:
    """The search page."""
    return await _send(request, "index.html")


@page_router.get("/docs")
async def docs(request: Request) -> Response:
    """The reference of the API, drawn from /openapi.json."""
    return await _send(request, "docs.html")


@page_router.get("/page/{name}")
async def page_file(request: Request, name: str) -> Response:
    """A style sheet, script or picture of the pages."""
    if name not in CONTENT_TYPES:
        raise HTTPException(404, f"the page has no file {name!r}")
    return await _send(request, name)


async def _send(request: Request, name: str) -> Response:
    file = MediaFile(FOLDER / name, CONTENT_TYPES[name], name)
    return await file_response(request, file, max_age_seconds=0)
