"""Labelling videos."""

from typing import Annotated

from fastapi import APIRouter, Depends

from service.http.dependencies import EngineDep
from service.http.problems import problems
from service.http.schemas.labels import ClassifyResponse, StoredLabelRequest
from service.http.uploads import REQUEST_BODY, Upload, classify_body

router = APIRouter(tags=["classify"])


@router.post(
    "/v1/classify",
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
        answer = await engine.labels.of_upload(body.path, body.file_name, body.request.order())
    else:
        answer = await engine.labels.of_stored(body.video_id, body.order())
    return ClassifyResponse.of(answer)
