"""What can be seen of a video."""

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from service.http.dependencies import EngineDep, TimeParameter, VideoIdParameter
from service.http.problems import problems
from service.http.sending import file_response

THUMBNAIL_AGE_SECONDS = 3600
MEDIA_AGE_SECONDS = 0
"""Zero: a browser asks again each time, and is told 304 while the file is the same."""

router = APIRouter(tags=["videos"])


@router.head("/v1/videos/{video_id}/media", include_in_schema=False)
@router.get(
    "/v1/videos/{video_id}/media",
    summary="The file of a video, whole or in ranges",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/*": {}}, "description": "The file."},
        206: {"content": {"video/*": {}}, "description": "The range that was asked for."},
        **problems(404, 422),
    },
)
async def media(request: Request, video_id: VideoIdParameter, engine: EngineDep) -> Response:
    file = await engine.media.original(video_id)
    return await file_response(request, file, max_age_seconds=MEDIA_AGE_SECONDS)


@router.get(
    "/v1/videos/{video_id}/thumbnail",
    summary="A picture of a video at a time",
    response_class=FileResponse,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The frame nearest to that time."},
        **problems(404, 422, 429),
    },
)
async def thumbnail(
    request: Request, video_id: VideoIdParameter, engine: EngineDep, at_seconds: TimeParameter = 0.0
) -> Response:
    file = await engine.media.thumbnail(video_id, at_seconds=at_seconds)
    return await file_response(request, file, max_age_seconds=THUMBNAIL_AGE_SECONDS)


@router.get(
    "/v1/videos/{video_id}/preview",
    summary="A stretch of a video, as a small MP4 that any browser plays",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "Starts at `start_seconds`."},
        **problems(404, 422, 429),
    },
)
async def preview(
    request: Request,
    video_id: VideoIdParameter,
    engine: EngineDep,
    start_seconds: TimeParameter,
    stop_seconds: TimeParameter,
) -> Response:
    file = await engine.media.preview(
        video_id, start_seconds=start_seconds, stop_seconds=stop_seconds
    )
    return await file_response(request, file, max_age_seconds=THUMBNAIL_AGE_SECONDS)
