"""What the library holds."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.http.dependencies import EngineDep, VideoIdParameter
from service.http.problems import problems
from service.http.schemas.videos import Video, VideoList

router = APIRouter(tags=["videos"])


@router.get("/v1/videos", summary="List the library", responses=problems(422))
async def videos(
    engine: EngineDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> VideoList:
    page = await engine.videos.page(limit=limit, offset=offset)
    shown = [Video.of(video) for video in page.videos]
    return VideoList(total=page.total, limit=limit, offset=offset, videos=shown)


@router.get("/v1/videos/{video_id}", summary="One video", responses=problems(404, 422))
async def video(video_id: VideoIdParameter, engine: EngineDep) -> Video:
    return Video.of(await engine.videos.get(video_id))
