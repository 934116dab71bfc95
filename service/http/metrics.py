"""What operators watch, in Prometheus' words; each app has a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from service.core.engine import Load
from service.core.search import SearchAnswer

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Counters of one app. Labels are route templates, never addresses: their number is bounded."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "cpd_requests",
            "Requests that were answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "cpd_request_seconds",
            "Time from a request to the end of its answer.",
            ["method", "route"],
            buckets=LATENCY_BUCKETS,
            registry=self._registry,
        )
        self._search_seconds = Histogram(
            "cpd_search_seconds",
            "Time of the two stages of a search, waiting included.",
            ["stage"],
            buckets=LATENCY_BUCKETS,
            registry=self._registry,
        )
        self._gauges = {
            name: Gauge(f"cpd_{name}", text, registry=self._registry)
            for name, text in (
                ("queued_queries", "Text queries that wait for the model."),
                ("pending_searches", "Searches that run or wait."),
                ("pending_videos", "Videos that are being classified or wait for it."),
                ("videos", "Videos in the library."),
                ("segments", "Segments in the library."),
            )
        }

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def observe_search(self, answer: SearchAnswer) -> None:
        """Count one search."""
        self._search_seconds.labels("encode").observe(answer.encode_seconds)
        self._search_seconds.labels("search").observe(answer.search_seconds)

    def exposition(self, load: Load) -> bytes:
        """Everything in the text format of Prometheus, with the engine's present load."""
        self._gauges["queued_queries"].set(load.num_queued_queries)
        self._gauges["pending_searches"].set(load.num_pending_searches)
        self._gauges["pending_videos"].set(load.num_pending_videos)
        self._gauges["videos"].set(load.num_videos)
        self._gauges["segments"].set(load.num_segments)
        return generate_latest(self._registry)
