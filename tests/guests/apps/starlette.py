"""Starlette itself: a lifespan that yields state, a mount, named routes, a session, a WebSocket.

Source: https://www.starlette.dev/applications/
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, object]]:
    yield {"greeting": "hello"}


async def home(request: Request) -> JSONResponse:
    names = {"item": request.url_for("box:item", number=3), "style": request.url_for("static", path="site.css")}
    return JSONResponse({"greeting": request.state.greeting} | {name: str(url) for name, url in names.items()})


async def item(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.url))


async def count(request: Request) -> RedirectResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return RedirectResponse(request.url_for("visits"))


async def visits(request: Request) -> JSONResponse:
    return JSONResponse(request.session)


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(f"{await websocket.receive_text()} {websocket.state.greeting} {websocket.url.path}")
    await websocket.close()


def create_app() -> Starlette:
    routes = [
        Route("/", home),
        Route("/count", count),
        Route("/visits", visits),
        Mount("/box", name="box", routes=[Route("/items/{number:int}", item, name="item")]),
        Mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static"),
        WebSocketRoute("/echo", echo),
    ]
    session = Middleware(SessionMiddleware, secret_key="of this test alone", session_cookie="starlette_session")
    return Starlette(routes=routes, middleware=[session], lifespan=lifespan)
