"""prometheus_client's own app: one counter.

Source: https://prometheus.github.io/client_python/exporting/http/asgi/
"""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, make_asgi_app


def create_app() -> Any:
    registry = CollectorRegistry()
    Counter("guests", "Guests that came", registry=registry).inc(3)
    return make_asgi_app(registry)
