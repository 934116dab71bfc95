"""For operators and their machines."""

from fastapi import APIRouter
from starlette.responses import Response

from service.http.dependencies import EngineDep, MetricsDep
from service.http.metrics import CONTENT_TYPE
from service.http.problems import READY_STATUS
from service.http.schemas.health import Alive, ReadinessReport

router = APIRouter(tags=["health"])


@router.get("/health/live", summary="Is the process there?")
async def live() -> Alive:
    return Alive()


@router.get(
    "/health/ready",
    summary="Can it answer, and which device does what?",
    responses={503: {"model": ReadinessReport, "description": "Not yet, or not any more."}},
)
async def ready(engine: EngineDep, response: Response) -> ReadinessReport:
    readiness = await engine.readiness()
    response.status_code = READY_STATUS[readiness.ready]
    return ReadinessReport.of(readiness)


@router.get("/metrics", summary="Numbers for Prometheus", response_class=Response)
async def metrics(engine: EngineDep, metrics: MetricsDep) -> Response:
    return Response(metrics.exposition(await engine.load()), media_type=CONTENT_TYPE)
