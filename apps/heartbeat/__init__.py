"""Say that the server is alive, and send back what a WebSocket sends."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypedDict

from fastapi import APIRouter, FastAPI, Request, WebSocket
from pydantic import BaseModel, Field

router = APIRouter(tags=["heartbeat"])


class Heartbeat(BaseModel):
    """What a living server answers."""

    status: Literal["alive"] = "alive"
    uptime_seconds: float = Field(ge=0, description="Seconds since this app was started.")


class State(TypedDict):
    """What the app keeps from its start on."""

    started: float


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Note the time of the start, in seconds of the monotonic clock."""
    yield {"started": time.monotonic()}


@router.get("/", summary="Is the server alive?")
async def read_heartbeat(request: Request) -> Heartbeat:
    """Answer at once, touching no other part of the server."""
    return Heartbeat(uptime_seconds=round(time.monotonic() - request.state.started, 3))


@router.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Send each text or binary message back unchanged, until the client leaves."""
    await websocket.accept()
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        content = {kind: message[kind] for kind in ("text", "bytes") if message.get(kind) is not None}
        await websocket.send({"type": "websocket.send", **content})


def create_app() -> FastAPI:
    """Construct the app with `GET /` and the WebSocket `/echo`."""
    summary = "Is the server alive? And a WebSocket that echoes."
    app = FastAPI(title="Heartbeat", version="1.0.0", summary=summary, lifespan=lifespan)
    app.include_router(router)
    return app
