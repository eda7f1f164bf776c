"""A composition that uses all that composer knows of its neighbours; it prints what was answered, as JSON."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI, HTTPException, Request, WebSocket
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import composer
from composer import App, Cornerstone, Shared

PATHS = ["/a/inner/x", "/a/r/db", "/a/state", "/a/boom", "/a/nope", "/nope", "/livez", "/readyz", "/metrics"]
PAGES = ["/docs", "/redoc", "/a/docs", "/openapi.json", "/a/openapi.json"]

started: list[str] = []
routes: list[str] = []


class Database:
    rows = 1


class Guard:
    async def __call__(self, request: Request) -> None:
        if request.headers.get("key") != "right":
            raise HTTPException(401)


class Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, dict):
            routes.append(str(record.args["route"]))


def create_database() -> Database:
    return Database()


def create_guard() -> Guard:
    return Guard()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, int]]:
    started.append("app")
    yield {"x": 1}


@asynccontextmanager
async def router_lifespan(app: FastAPI) -> AsyncIterator[None]:
    started.append("router")
    yield


def create_app() -> FastAPI:
    nested, inner = APIRouter(), FastAPI()
    nested.get("/x")(lambda: 1)
    inner.include_router(nested)
    router = APIRouter(lifespan=router_lifespan)

    @router.get("/db")
    def count(db: Shared[Database]) -> int:
        return db.rows

    app = FastAPI(lifespan=lifespan)
    app.include_router(router, prefix="/r")
    app.mount("/inner", inner)

    @app.websocket("/ws")
    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hi")
        await websocket.close()

    @app.get("/boom")
    def fail() -> None:
        raise KeyError("boom")

    @app.get("/threads")
    async def set_threads(most: int = 0) -> float:
        limiter = current_default_thread_limiter()
        limiter.total_tokens = most or limiter.total_tokens
        return limiter.total_tokens

    @app.get("/state")
    def state(request: Request) -> Any:
        return request.state.x

    return app


def create_limited() -> FastAPI:
    """Return an app whose own limit counts for one route, and composer's for the other."""
    app = FastAPI()

    async def length(request: Request) -> int:
        return len(await request.body())

    app.post("/own", max_body_size=4_000_000)(length)
    app.post("/composers")(length)
    return app


def watch_spans() -> InMemorySpanExporter:
    """Set a provider for the whole process, as late as an instrumentation may; return what collects the spans."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    return spans


def route_of(span: ReadableSpan) -> str:
    attributes = span.attributes or {}
    return f"{attributes.get('composer.app')}: {attributes.get('http.route')}"


def main() -> None:
    logger = logging.getLogger("composer.request")
    logger.setLevel(logging.INFO)
    logger.addHandler(Lines())
    root = composer.compose(
        [
            App("a", "/a", create_app),
            App("limited", "/limited", create_limited, max_body_size=1000),
            App("guarded", "/guarded", create_app, guard="guard"),
        ],
        cornerstones=[Cornerstone("db", create_database), Cornerstone("guard", create_guard)],
        metrics=True,
    )
    answers: dict[str, Any] = {}
    with TestClient(root, raise_server_exceptions=False) as client:
        answers["started"] = sorted(started)
        answers |= {path: client.get(path).status_code for path in [*PATHS, *PAGES]}
        answers["other hosts"] = [path for path in PAGES if "//cdn." in client.get(path).text]
        answers["paths"] = sorted(client.get("/openapi.json").json()["paths"])
        body = b"a" * 5000
        answers["limits"] = [client.post(f"/limited/{name}", content=body).status_code for name in ("own", "composers")]
        keys = ["wrong", "right"]
        answers["guard"] = [client.get("/guarded/state", headers={"key": key}).status_code for key in keys]
        methods = ["GET", "POST", "OPTIONS", "NEW"]
        answers["guarded methods"] = [client.request(method, "/guarded/state").status_code for method in methods]
        threads = [client.get(path).json() for path in ("/a/threads?most=7", "/a/threads")]
        answers["threads"] = [*threads, client.get("/guarded/threads", headers={"key": "right"}).json()]
        with client.websocket_connect("/a/ws") as websocket:
            answers["websocket"] = websocket.receive_text()
        spans = watch_spans()
        answers["observed"] = [client.get(path).status_code for path in ("/a/r/db", "/a/inner/x", "/livez")]
    answers["routes"] = sorted(set(routes))
    answers["spans"] = sorted({route_of(span) for span in spans.get_finished_spans() if span.kind is SpanKind.SERVER})
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
