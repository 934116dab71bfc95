"""What routes are given: the engine, the metrics, values of the address."""

from typing import Annotated, cast

from fastapi import Depends, Query, Request
from fastapi import Path as PathParameter

from service.core.engine import Engine
from service.http.metrics import Metrics
from service.http.schemas.body import EXAMPLE_ID, VideoId


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
