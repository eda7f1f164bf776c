"""A health check, and a WebSocket that echoes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypedDict

from fastapi import APIRouter, FastAPI, Request, WebSocket
from pydantic import BaseModel, Field

router = APIRouter(tags=["heartbeat"])


class Heartbeat(BaseModel):
    """The response of a server that is alive."""

    status: Literal["alive"] = "alive"
    uptime_seconds: float = Field(ge=0, description="Seconds since this app started.")


class State(TypedDict):
    """The state of the app's lifespan, as `request.state`."""

    started: float


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Record the start time, in seconds of the monotonic clock."""
    yield {"started": time.monotonic()}


@router.get("/", summary="Is the server alive?")
async def read_heartbeat(request: Request) -> Heartbeat:
    """Return the uptime, without using any other part of the server."""
    return Heartbeat(uptime_seconds=round(time.monotonic() - request.state.started, 3))


@router.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Send each text or binary message back unchanged, until the client disconnects."""
    await websocket.accept()
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        content = {kind: message[kind] for kind in ("text", "bytes") if message.get(kind) is not None}
        await websocket.send({"type": "websocket.send", **content})


def create_app() -> FastAPI:
    """Return the app with `GET /` and the WebSocket `/echo`."""
    summary = "A health check, and a WebSocket that echoes messages."
    app = FastAPI(title="Heartbeat", version="1.0.0", summary=summary, lifespan=lifespan)
    app.include_router(router)
    return app
