"""Falcon on ASGI: resources, a WebSocket, a stream, static files, and a middleware that is started.

Source: https://falcon.readthedocs.io/en/stable/user/tutorial-asgi.html
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import falcon
import falcon.asgi


class Startup:
    """Note that the lifespan ran."""

    def __init__(self) -> None:
        self.greeting = ""

    async def process_startup(self, scope: Any, event: Any) -> None:
        self.greeting = "hello"


class Home:
    def __init__(self, startup: Startup) -> None:
        self._startup = startup

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        response.media = {"greeting": self._startup.greeting, "uri": request.uri, "root_path": request.root_path}


class Old:
    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        raise falcon.HTTPMovedPermanently(f"{request.prefix}/home")


class Events:
    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        async def tell() -> AsyncIterator[falcon.asgi.SSEvent]:
            for number in count():
                yield falcon.asgi.SSEvent(text=str(number))
                await asyncio.sleep(0.1)

        response.sse = tell()


class Echo:
    async def on_websocket(self, request: falcon.asgi.Request, socket: falcon.asgi.WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())


def create_app() -> falcon.asgi.App:
    startup = Startup()
    app = falcon.asgi.App(middleware=[startup])
    app.add_route("/home", Home(startup))
    app.add_route("/old", Old())
    app.add_route("/events", Events())
    app.add_route("/echo", Echo())
    app.add_static_route("/static", Path(__file__).with_name("static"))
    return app
