"""A guest stays whole: what is its own is its own, and the root's middleware stands around it once."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import composer


def real() -> str:
    return "real"


class Marking:
    """Add a header to each response, and count how often that was done."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self.app, self.name = app, name.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-passed", self.name))
            await send(message)

        await self.app(scope, receive, tell)


def guest() -> FastAPI:
    app = FastAPI(title="Guest", middleware=[Middleware(Marking, name="guest")])
    app.state.name = "guest"
    app.dependency_overrides[real] = lambda: "overridden"

    @app.exception_handler(LookupError)
    async def handle(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"handled by": request.app.title}, 410)

    @app.get("/told")
    async def told(request: Request, dependency: Annotated[str, Depends(real)]) -> dict[str, Any]:
        return {
            "dependency": dependency,
            "app": request.app is app,
            "state": request.app.state.name,
            "router": request.scope["router"] is app.router,
            "address": str(request.url_for("told")),
        }

    @app.get("/large")
    async def large() -> str:
        return "x" * 5000

    @app.get("/gone")
    async def gone() -> None:
        raise LookupError("gone")

    return app


def root() -> FastAPI:
    app = FastAPI(title="Root", middleware=[Middleware(Marking, name="root")])
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"])
    app.state.name = "root"
    app.dependency_overrides[real] = lambda: "the root's"

    @app.exception_handler(LookupError)
    async def handle(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"handled by": request.app.title}, 500)

    return app


def test_overrides_handlers_state_and_middleware_are_the_guests_own() -> None:
    composed = composer.compose([composer.App("guest", "/guest", app=guest)], root=root())
    with TestClient(composed) as mounted, TestClient(guest()) as alone:
        assert mounted.get("/guest/told").json() == {
            "dependency": "overridden",
            "app": True,
            "state": "guest",
            "router": True,
            "address": "http://testserver/guest/told",
        }
        for path in ("/told", "/gone", "/nowhere"):
            theirs, ours = alone.get(path), mounted.get(f"/guest{path}")
            assert ours.status_code == theirs.status_code
            assert ours.text.replace("/guest", "") == theirs.text
        assert mounted.get("/guest/gone").json() == {"handled by": "Guest"}


def test_the_roots_middleware_stands_around_a_guest_once() -> None:
    composed = composer.compose([composer.App("guest", "/guest", app=guest)], root=root())
    with TestClient(composed) as client:
        answer = client.get("/guest/large", headers={"Origin": "https://example.org", "Accept-Encoding": "gzip"})
        assert answer.headers.get_list("x-passed") == ["guest", "root"]
        assert answer.headers.get_list("content-encoding") == ["gzip"]
        assert answer.headers.get_list("access-control-allow-origin") == ["https://example.org"]
        assert answer.json() == "x" * 5000
        assert client.get("/docs").headers.get_list("x-passed") == ["root"]
