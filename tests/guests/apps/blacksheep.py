"""BlackSheep: routes, a WebSocket, static files, a document, and what runs at its start.

Source: https://www.neoteroi.dev/blacksheep/
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from blacksheep import Application, Request, Response, StreamedContent, WebSocket
from blacksheep.messages import get_absolute_url_to_path
from blacksheep.server.openapi.v3 import OpenAPIHandler
from openapidocs.v3 import Info


def create_app() -> Application:
    app = Application(show_error_details=True)
    OpenAPIHandler(info=Info(title="Sheep", version="1")).bind_app(app)
    app.serve_files(Path(__file__).with_name("static"), root_path="static")
    state: list[str] = []

    @app.on_start
    async def start(app: Application) -> None:
        state.append("hello")

    @app.router.get("/")
    async def home() -> str:
        return state[0]

    @app.router.get("/where")
    async def where(request: Request) -> str:
        return str(get_absolute_url_to_path(request, "/where"))

    @app.router.get("/events")
    async def tell() -> Response:
        async def lines() -> AsyncIterator[bytes]:
            # Not for ever: BlackSheep doesn't notice that a client has left.
            for number in range(100):
                yield f"data: {number}\n\n".encode()
                await asyncio.sleep(0.1)

        return Response(200, content=StreamedContent(b"text/event-stream", lines))

    @app.router.ws("/echo")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())

    return app
