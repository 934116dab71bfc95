"""Sending files: content types that browsers play, ranges, 304 for what a client has already."""

import asyncio
import os
import stat
from collections.abc import Mapping
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from service.engine import MediaFile
from service.errors import MediaGoneError

CONTENT_TYPES: Mapping[str, str] = {
    ".3gp": "video/3gpp",
    ".avi": "video/x-msvideo",
    ".flv": "video/x-flv",
    ".gif": "image/gif",
    ".m2ts": "video/mp2t",
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".ogg": "video/ogg",
    ".ogv": "video/ogg",
    ".ts": "video/mp2t",
    ".webm": "video/webm",
    ".wmv": "video/x-ms-wmv",
}
"""By file suffix: the tables of operating systems differ, and know `.ts` as something else."""

NOT_MODIFIED = 304


def content_type_of(path: PurePath | str) -> str:
    """Content type of a video file, by its suffix; browsers are told not to guess."""
    return CONTENT_TYPES.get(PurePath(path).suffix.lower(), "application/octet-stream")


async def file_response(request: Request, file: MediaFile, *, max_age_seconds: int) -> Response:
    """The whole file, the ranges that were asked for, or 304 where the client has it already.

    Raises:
        MediaGoneError: there is no such regular file, or it may not be read.
    """
    response = FileResponse(
        file.path,
        media_type=file.content_type,
        filename=file.file_name,
        content_disposition_type="inline",
        stat_result=await asyncio.to_thread(_stat, file),
        headers={"Cache-Control": f"private, max-age={max_age_seconds}"},
    )
    known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
    if response.headers["etag"] in known:
        kept = {name: response.headers[name] for name in ("etag", "cache-control")}
        return Response(status_code=NOT_MODIFIED, headers=kept)
    return response


def _stat(file: MediaFile) -> os.stat_result:
    try:
        facts = file.path.stat()
    except OSError as error:
        raise MediaGoneError(
            f"the file {file.file_name} is no longer there ({error.strerror}); "
            f"run `cpd index add` again"
        ) from error
    if not stat.S_ISREG(facts.st_mode) or not os.access(file.path, os.R_OK):
        raise MediaGoneError(f"{file.file_name} is no longer a file that can be read")
    return facts
