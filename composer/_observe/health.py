"""Health checks: `/livez` reports that the process runs, `/readyz` the state of each part."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from composer._model import PartStatus, State

LIVE, READY = "/livez", "/readyz"

# Seconds that a cornerstone has to answer.
CHECK_TIMEOUT: Final = 2.0

Check = Callable[[], Awaitable[Any]]


def probes(parts: Callable[[], Iterable[PartStatus]], check_of: Callable[[str], Check | None]) -> Mapping[str, ASGIApp]:
    """Return the health checks by their paths; `parts` returns the current state of each part.

    `check_of` returns the readiness check of the cornerstone of a name, or None. A cornerstone isn't ready if its
    check raises or doesn't answer in time. Concurrent requests share one call of it.
    """
    running: dict[str, tuple[Check, asyncio.Task[str]]] = {}

    def check(part: PartStatus) -> asyncio.Task[str] | None:
        """Return the running check of a part, or start it; None if the part has no check, or isn't up."""
        current = check_of(part.name) if part.kind == "cornerstone" and part.state is State.UP else None
        if current is None:
            return None
        former, task = running.get(part.name, (None, None))
        # A cornerstone may have been replaced while its check ran.
        if task is None or former != current or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(_failure(current), name=f"readiness of {part.name}")
            running[part.name] = current, task
        return task

    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"status": "live"})(scope, receive, send)

    async def ready(scope: Scope, receive: Receive, send: Send) -> None:
        started = [(part, check(part)) for part in parts()]
        # Shielded: a client that disconnects must not cancel the check for the others.
        checked = [(part, await asyncio.shield(task) if task else "") for part, task in started]
        body = readiness(
            replace(part, state=State.NOT_READY, reason=reason) if reason else part for part, reason in checked
        )
        status = 200 if body["status"] == "ready" else 503
        await JSONResponse(body, status, {"Cache-Control": "no-store"})(scope, receive, send)

    return {LIVE: live, READY: ready}


def readiness(parts: Iterable[PartStatus]) -> dict[str, Any]:
    """Return the body of `/readyz`: ready if every required part is up, and the state of each part with its reason."""
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


async def _failure(check: Check) -> str:
    """Return why a cornerstone isn't ready, or ""; the text of its error may be secret, and `/readyz` is public."""
    limit = asyncio.timeout(CHECK_TIMEOUT)
    try:
        async with limit:
            await check()
    except (Exception, asyncio.CancelledError) as error:
        if limit.expired():
            return f"not ready: no answer within {CHECK_TIMEOUT:g} seconds"
        return f"not ready: {type(error).__name__}"
    return ""
