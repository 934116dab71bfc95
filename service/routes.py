"""The addresses of the service. A route parses, asks the engine and shapes; it decides nothing."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as PathParameter
from starlette.responses import FileResponse, Response

from service.engine import Engine
from service.errors import READY_STATUS, problems
from service.media import file_response
from service.metrics import CONTENT_TYPE, Metrics
from service.schemas import (
    EXAMPLE_ID,
    Alive,
    ClassifyResponse,
    ReadinessReport,
    SearchRequest,
    SearchResponse,
    StoredLabelRequest,
    Video,
    VideoId,
    VideoList,
)
from service.uploads import REQUEST_BODY, Upload, classify_body

THUMBNAIL_AGE_SECONDS = 3600
MEDIA_AGE_SECONDS = 0
"""Zero: a browser asks again each time, and is told 304 while the file is the same."""

router = APIRouter()


def engine_of(request: Request) -> Engine:
    """The engine that the app's lifespan opened."""
    return cast(Engine, request.app.state.engine)


def metrics_of(request: Request) -> Metrics:
    """The app's metrics."""
    return cast(Metrics, request.app.state.metrics)


EngineDep = Annotated[Engine, Depends(engine_of)]
MetricsDep = Annotated[Metrics, Depends(metrics_of)]
VideoIdParameter = Annotated[VideoId, PathParameter(examples=[EXAMPLE_ID])]
TimeParameter = Annotated[float, Query(ge=0, le=1e7, allow_inf_nan=False)]


@router.get("/health/live", tags=["health"], summary="Is the process there?")
async def live() -> Alive:
    return Alive()


@router.get(
    "/health/ready",
    tags=["health"],
    summary="Can it answer, and which device does what?",
    responses={503: {"model": ReadinessReport, "description": "Not yet, or not any more."}},
)
async def ready(engine: EngineDep, response: Response) -> ReadinessReport:
    readiness = await engine.readiness()
    response.status_code = READY_STATUS[readiness.ready]
    return ReadinessReport.of(readiness)


@router.get("/metrics", tags=["health"], summary="Numbers for Prometheus", response_class=Response)
async def metrics(engine: EngineDep, metrics: MetricsDep) -> Response:
    return Response(metrics.exposition(await engine.load()), media_type=CONTENT_TYPE)


@router.post(
    "/v1/search",
    tags=["search"],
    summary="Find moments by describing them",
    responses=problems(422, 429, 503),
)
async def search(body: SearchRequest, engine: EngineDep, metrics: MetricsDep) -> SearchResponse:
    answer = await engine.search(body.query, limit=body.limit, merge=body.merge)
    metrics.observe_search(answer)
    return SearchResponse.of(body.query, answer)


@router.post(
    "/v1/classify",
    tags=["classify"],
    summary="Label a video with your own words",
    description="Two kinds of body: JSON that names a video of the library, or a form "
    "(`multipart/form-data`) with a file, which is deleted after the answer.",
    responses=problems(404, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": REQUEST_BODY},
)
async def classify(
    body: Annotated[StoredLabelRequest | Upload, Depends(classify_body)], engine: EngineDep
) -> ClassifyResponse:
    if isinstance(body, Upload):
        answer = await engine.classify_upload(body.path, body.file_name, body.request.order())
    else:
        answer = await engine.classify_stored(body.video_id, body.order())
    return ClassifyResponse.of(answer)


@router.get("/v1/videos", tags=["videos"], summary="List the library", responses=problems(422))
async def videos(
    engine: EngineDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> VideoList:
    page = await engine.videos(limit=limit, offset=offset)
    shown = [Video.of(video) for video in page.videos]
    return VideoList(total=page.total, limit=limit, offset=offset, videos=shown)


@router.get(
    "/v1/videos/{video_id}", tags=["videos"], summary="One video", responses=problems(404, 422)
)
async def video(video_id: VideoIdParameter, engine: EngineDep) -> Video:
    return Video.of(await engine.video(video_id))


@router.head("/v1/videos/{video_id}/media", include_in_schema=False)
@router.get(
    "/v1/videos/{video_id}/media",
    tags=["videos"],
    summary="The file of a video, whole or in ranges",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/*": {}}, "description": "The file."},
        206: {"content": {"video/*": {}}, "description": "The range that was asked for."},
        **problems(404, 422),
    },
)
async def media(request: Request, video_id: VideoIdParameter, engine: EngineDep) -> Response:
    file = await engine.media(video_id)
    return await file_response(request, file, max_age_seconds=MEDIA_AGE_SECONDS)


@router.get(
    "/v1/videos/{video_id}/thumbnail",
    tags=["videos"],
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
    file = await engine.thumbnail(video_id, at_seconds=at_seconds)
    return await file_response(request, file, max_age_seconds=THUMBNAIL_AGE_SECONDS)


@router.get(
    "/v1/videos/{video_id}/preview",
    tags=["videos"],
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
    file = await engine.preview(video_id, start_seconds=start_seconds, stop_seconds=stop_seconds)
    return await file_response(request, file, max_age_seconds=THUMBNAIL_AGE_SECONDS)
