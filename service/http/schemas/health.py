"""How the service is."""

from typing import Self

from pydantic import ConfigDict

from service.core.engine import Readiness
from service.http.schemas.body import Body


class Alive(Body):
    """The process answers."""

    status: str = "alive"


class ReadinessReport(Body):
    """Whether questions can be answered, and which device does what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ready": True,
                    "reason": None,
                    "model": "cpd-base",
                    "fingerprint": "9f2c...",
                    "devices": {"model": "cpu", "search": "cpu"},
                    "library": "/home/ann/library",
                    "num_videos": 12,
                    "num_segments": 340,
                }
            ]
        }
    )

    ready: bool
    reason: str | None
    model: str
    fingerprint: str
    devices: dict[str, str | None]
    """`model` encodes queries and uploads, `search` compares vectors."""
    library: str
    num_videos: int
    num_segments: int

    @classmethod
    def of(cls, readiness: Readiness) -> Self:
        """The engine's answer, for the wire."""
        return cls(
            ready=readiness.ready,
            reason=readiness.reason,
            model=readiness.model,
            fingerprint=readiness.fingerprint,
            devices={"model": readiness.model_device, "search": readiness.search_device},
            library=readiness.library,
            num_videos=readiness.num_videos,
            num_segments=readiness.num_segments,
        )
