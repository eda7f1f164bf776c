"""`/metrics`: what Prometheus reads of a composition, with the extra `fastapi-composer[metrics]`.

The numbers are those of one process: of its requests and its parts, and what its apps count with prometheus-client
themselves. Where several workers listen at one port, each scrape reads one of them: give each process a port of its own
to be scraped at, or serve by one process in each container.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from starlette.responses import Response

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._model import PartStatus, State
from composer._observe.record import WEBSOCKET, ObserverFactory, Record

METRICS: Final = "/metrics"

# The label of all paths that no route is known for: there is no end of them.
UNMATCHED: Final = "unmatched"

# Seconds, each an upper bound of the latency's histogram.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Parts = Callable[[], Iterable[PartStatus]]


def is_installed() -> bool:
    """Tell whether the extra is there."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError:
        return False
    return True


def metrics(parts: Parts) -> tuple[ObserverFactory, ASGIApp]:
    """Return what counts the requests, and what answers at `/metrics`; `parts` tells how each part is at the moment.

    Each composition has a registry of its own; what the apps count themselves, as prometheus-client's documentation
    shows it, is in that package's one, and is shown too. The requests of the root's own routes have the empty app.
    """
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    registry.register(_Parts(parts))
    registry.register(_OfTheProcess())
    return _Counts(registry).watch, _page(registry)


class _Counts:
    """The numbers of all requests, and the label values that were looked up once."""

    def __init__(self, registry: Any) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        labels = ("app", "route", "method")
        self.total = Counter(
            "composer_requests", "Requests and WebSockets that have ended.", (*labels, "status"), registry=registry
        )
        self.seconds = Histogram(
            "composer_request_seconds",
            "Time until the response had ended, without WebSockets.",
            labels,
            registry=registry,
            buckets=_BUCKETS,
        )
        self.running = Gauge(
            "composer_requests_in_flight",
            "Requests and WebSockets that an app has at the moment.",
            ("app",),
            registry=registry,
        )

    def watch(self, record: Record) -> "_Counted":
        """Return what counts one request."""
        return _Counted(self, record)


class _Counted:
    """The counting of one request."""

    __slots__ = ("_counts", "_record")

    def __init__(self, counts: _Counts, record: Record) -> None:
        self._counts = counts
        self._record = record

    def entered(self) -> None:
        """Count it as in flight."""
        self._counts.running.labels(self._record.app).inc()

    def ended(self) -> None:
        """Count it, and its time."""
        record, counts = self._record, self._counts
        if record.app is not None:
            counts.running.labels(record.app).dec()
        labels = (record.app or "", record.route or UNMATCHED, record.method)
        counts.total.labels(*labels, str(record.status or "none")).inc()
        if record.method != WEBSOCKET and record.seconds is not None:
            counts.seconds.labels(*labels).observe(record.seconds)


class _Parts:
    """The parts of a composition, read when they are asked for."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def describe(self) -> Iterable[Any]:
        """Name nothing beforehand: the registry would read it all to find out."""
        return ()

    def collect(self) -> Iterator[Any]:
        """Yield how each part is, and how long its start took."""
        from prometheus_client.core import GaugeMetricFamily

        labels = ("kind", "name")
        start = GaugeMetricFamily("composer_part_start_seconds", "Time that its last start took.", labels=labels)
        state = GaugeMetricFamily("composer_part_state", "1 for the state that it is in.", labels=(*labels, "state"))
        for part in self._parts():
            start.add_metric((part.kind, part.name), part.seconds)
            for each in State:
                state.add_metric((part.kind, part.name, each.value), each is part.state)
        yield from (start, state)


class _OfTheProcess:
    """All that this process counts in prometheus-client's own registry: the apps' metrics, and its memory and time."""

    def describe(self) -> Iterable[Any]:
        """Name nothing beforehand: more may come."""
        return ()

    def collect(self) -> Iterable[Any]:
        """Return what is there."""
        from prometheus_client import REGISTRY

        return REGISTRY.collect()


def _page(registry: Any) -> ASGIApp:
    """Return what shows a registry, in the form that the client asks for."""
    from prometheus_client.exposition import choose_encoder

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        encode, content_type = choose_encoder(accept.decode("latin-1"))
        response = Response(encode(registry), headers={"Content-Type": content_type, "Cache-Control": "no-store"})
        await response(scope, receive, send)

    return page
