"""Say that the server is alive, and send back what a WebSocket sends."""

import time
from typing import Literal

from fastapi import APIRouter, FastAPI, WebSocket
from pydantic import BaseModel, Field

router = APIRouter(tags=["heartbeat"])
IMPORTED_AT = time.monotonic()


class Heartbeat(BaseModel):
    """What a living server answers."""

    status: Literal["alive"] = "alive"
    uptime_seconds: float = Field(ge=0, description="Seconds since the process loaded this app.")


@router.get("/", summary="Is the server alive?")
async def read_heartbeat() -> Heartbeat:
    """Answer at once, touching no other part of the server."""
    return Heartbeat(uptime_seconds=round(time.monotonic() - IMPORTED_AT, 3))


@router.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Send each text or binary message back unchanged, until the client leaves."""
    await websocket.accept()
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        await websocket.send({**message, "type": "websocket.send"})


def create_app() -> FastAPI:
    """Construct the heartbeat app.

    Returns:
        An app with `GET /` and the WebSocket `/echo`.
    """
    app = FastAPI(title="Heartbeat", version="1.0.0", summary="Is the server alive? And a WebSocket echo.")
    app.include_router(router)
    return app
