"""The probes: `/livez` says that the process runs, `/readyz` whether every part is up, and which one isn't."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.responses import JSONResponse

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._model import PartStatus, State

LIVE, READY = "/livez", "/readyz"


def probes(parts: Callable[[], Iterable[PartStatus]]) -> Mapping[str, ASGIApp]:
    """Make the probes by their paths; `parts` returns how each part is at the moment."""

    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"status": "live"})(scope, receive, send)

    async def ready(scope: Scope, receive: Receive, send: Send) -> None:
        body = readiness(parts())
        status = 200 if body["status"] == "ready" else 503
        await JSONResponse(body, status, {"Cache-Control": "no-store"})(scope, receive, send)

    return {LIVE: live, READY: ready}


def readiness(parts: Iterable[PartStatus]) -> dict[str, Any]:
    """Return what `/readyz` shows: ready when every required part is up, and each part's state and reason."""
    rows = [
        {
            "kind": part.kind,
            "name": part.name,
            "state": part.state.value,
            "reason": part.reason or None,
            "required": part.required,
        }
        for part in parts
    ]
    ready = all(row["state"] == State.UP.value for row in rows if row["required"])
    return {"status": "ready" if ready else "not ready", "parts": rows}
