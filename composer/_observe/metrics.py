"""`/metrics`: the metrics of a composition for Prometheus, with the extra `fastapi-composer[metrics]`.

They are those of one process: its requests, its parts, and the metrics that its apps create with prometheus-client. If
several workers listen on one port, each scrape reaches one of them: give each process its own port to scrape, or run
one process in each container.
"""

from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from composer._model import PartStatus, State
from composer._observe.record import WEBSOCKET, ObserverFactory, Record

METRICS: Final = "/metrics"

# The label of all paths without a known route, since their number has no limit.
UNMATCHED: Final = "unmatched"

# Upper bounds of the latency histogram, in seconds.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Parts = Callable[[], Iterable[PartStatus]]


def is_installed() -> bool:
    """Return whether the extra is installed."""
    return find_spec("prometheus_client") is not None


def metrics(parts: Parts) -> tuple[ObserverFactory, ASGIApp]:
    """Return the observer that counts requests, and the app that serves `/metrics`.

    `parts` returns the current state of each part. Each composition has its own registry; the metrics of the apps are
    in prometheus-client's default one, and are served, too. Requests to the root's own routes have an empty app label.
    """
    from prometheus_client import REGISTRY, CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    requests = _Requests(registry)

    class Everything:
        def collect(self) -> Iterator[Any]:
            yield from registry.collect()
            yield from _part_metrics(parts())
            yield from REGISTRY.collect()

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        encode, content_type = choose_encoder(accept.decode("latin-1"))
        response = Response(encode(Everything()), headers={"Content-Type": content_type, "Cache-Control": "no-store"})
        await response(scope, receive, send)

    return lambda record: _RequestCounter(requests, record), page


class _Requests:
    """The metrics of all requests."""

    def __init__(self, registry: Any) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        labels = ("app", "route", "method")
        self.total = Counter(
            "composer_requests", "Finished requests and WebSockets.", (*labels, "status"), registry=registry
        )
        self.seconds = Histogram(
            "composer_request_seconds",
            "Time until the end of the response, without WebSockets.",
            labels,
            registry=registry,
            buckets=_BUCKETS,
        )
        self.in_flight = Gauge(
            "composer_requests_in_flight", "Requests and WebSockets in an app.", ("app",), registry=registry
        )


class _RequestCounter:
    """Count one request."""

    __slots__ = ("_record", "_requests")

    def __init__(self, requests: _Requests, record: Record) -> None:
        self._requests = requests
        self._record = record

    def entered(self) -> None:
        """Count the request as in flight."""
        self._requests.in_flight.labels(self._record.app).inc()

    def ended(self) -> None:
        """Count the request as finished, and observe its time."""
        record, requests = self._record, self._requests
        if record.app is not None:
            requests.in_flight.labels(record.app).dec()
        labels = (record.app or "", record.route or UNMATCHED, record.method)
        requests.total.labels(*labels, str(record.status or "none")).inc()
        if record.method != WEBSOCKET and record.seconds is not None:
            requests.seconds.labels(*labels).observe(record.seconds)


def _part_metrics(parts: Iterable[PartStatus]) -> list[Any]:
    """Return the state of each part, and the time that its start took."""
    from prometheus_client.core import GaugeMetricFamily

    labels = ("kind", "name")
    start = GaugeMetricFamily("composer_part_start_seconds", "Time of the last start.", labels=labels)
    state = GaugeMetricFamily("composer_part_state", "1 for the current state.", labels=(*labels, "state"))
    for part in parts:
        start.add_metric((part.kind, part.name), part.seconds)
        for each in State:
            state.add_metric((part.kind, part.name, each.value), each is part.state)
    return [start, state]
