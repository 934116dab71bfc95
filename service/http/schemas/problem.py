"""What a failure looks like."""

from pydantic import ConfigDict

from service.http.schemas.body import Body


class Problem(Body):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:cpd:problem:overloaded",
                    "title": "Too busy",
                    "status": 429,
                    "detail": "256 queries wait already; try again in a moment",
                    "instance": "/v1/search",
                }
            ]
        },
    )

    type: str
    """A name for this kind of problem that does not change."""
    title: str
    status: int
    detail: str
    """One sentence for a person."""
    instance: str
    """The path that was asked for."""
