"""Litestar: routes, a WebSocket, a stream, a lifespan and a document.

Source: https://docs.litestar.dev/latest/usage/applications.html
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from litestar import Litestar, Request, get, websocket_listener
from litestar.datastructures import State
from litestar.response import Redirect, ServerSentEvent
from litestar.static_files import create_static_files_router


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    app.state.greeting = "hello"
    yield


@get("/", name="home")
async def home(state: State) -> dict[str, str]:
    return {"greeting": state.greeting}


@get("/where/{number:int}", name="where")
async def where(request: Request, number: int) -> str:
    return f"{request.url_for('where', number=number)} {request.url}"


@get("/old")
async def old(request: Request) -> Redirect:
    return Redirect(request.url_for("home"))


@get("/events")
async def tell() -> ServerSentEvent:
    async def numbers() -> AsyncIterator[str]:
        for number in count():
            yield str(number)
            await asyncio.sleep(0.1)

    return ServerSentEvent(numbers())


@websocket_listener("/echo")
async def echo(data: str) -> str:
    return data


def create_app() -> Litestar:
    static = create_static_files_router(path="/static", directories=[Path(__file__).with_name("static")])
    return Litestar([home, where, old, tell, echo, static], lifespan=[lifespan])
