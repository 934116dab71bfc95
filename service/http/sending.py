"""Sending files: whole, in ranges, or 304 for what a client has already."""

import asyncio
import os
import stat

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from service.core.errors import MediaGoneError
from service.core.media import MediaFile

NOT_MODIFIED = 304


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
