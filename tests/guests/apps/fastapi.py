"""FastAPI with a sub-application of its own, a stream and a WebSocket.

Source: https://fastapi.tiangolo.com/advanced/sub-applications/
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import RedirectResponse, StreamingResponse


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
    yield {"greeting": "hello"}


def create_app() -> FastAPI:
    app = FastAPI(title="Outer", lifespan=lifespan)
    inner = FastAPI(title="Inner")

    @app.get("/")
    def home(request: Request) -> dict[str, str]:
        return {"greeting": request.state.greeting, "item": str(request.url_for("item", number=3))}

    @app.get("/items/{number}")
    def item(number: int, request: Request) -> dict[str, str]:
        return {"url": str(request.url)}

    @app.get("/old")
    def old(request: Request) -> RedirectResponse:
        return RedirectResponse(request.url_for("home"))

    @app.get("/slashed/")
    def slashed() -> str:
        return "slashed"

    @app.get("/events")
    def tell() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for number in count():
                yield f"data: {number}\n\n"
                await asyncio.sleep(0.1)

        return StreamingResponse(lines(), media_type="text/event-stream")

    @app.websocket("/echo")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(f"{await websocket.receive_text()} {websocket.state.greeting}")
        await websocket.close()

    @inner.get("/where")
    def where(request: Request) -> dict[str, str]:
        return {"url": str(request.url_for("where"))}

    app.mount("/inner", inner)
    return app
