"""Finding moments."""

from fastapi import APIRouter

from service.http.dependencies import EngineDep, MetricsDep
from service.http.problems import problems
from service.http.schemas.search import SearchRequest, SearchResponse

router = APIRouter(tags=["search"])


@router.post(
    "/v1/search",
    summary="Find moments by describing them",
    responses=problems(422, 429, 503),
)
async def search(body: SearchRequest, engine: EngineDep, metrics: MetricsDep) -> SearchResponse:
    answer = await engine.searches.search(body.query, limit=body.limit, merge=body.merge)
    metrics.observe_search(answer)
    return SearchResponse.of(body.query, answer)
