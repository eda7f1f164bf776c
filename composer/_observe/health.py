"""The probes: `/livez` says that the process runs, `/readyz` whether every part is up, and which one isn't."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from starlette.responses import JSONResponse

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._model import PartStatus, State

LIVE, READY = "/livez", "/readyz"

# Seconds that a cornerstone gets to say that it can serve.
CHECK_TIMEOUT: Final = 2.0

Check = Callable[[], Awaitable[Any]]


def probes(parts: Callable[[], Iterable[PartStatus]], checks: Mapping[str, Check]) -> Mapping[str, ASGIApp]:
    """Make the probes by their paths; `parts` returns how each part is at the moment.

    `checks` holds what asks a cornerstone, by its name, whether it can serve now: one that raises, or doesn't answer
    in time, isn't ready.
    """
    asked = _Asked(checks)

    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"status": "live"})(scope, receive, send)

    async def ready(scope: Scope, receive: Receive, send: Send) -> None:
        body = readiness(await asked.of(parts()))
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


class _Asked:
    """What cornerstones say when they are asked; however many want to know at once, each is asked once."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._asking: dict[str, asyncio.Task[str]] = {}

    async def of(self, parts: Iterable[PartStatus]) -> list[PartStatus]:
        """Return the parts, those that are up but can't serve as not ready."""
        found = list(parts)
        asked = [part.name for part in found if _is_up(part) and part.name in self._checks]
        reasons = dict(zip(asked, await asyncio.gather(*map(self._reason, asked)), strict=True))
        return [
            replace(part, state=State.NOT_READY, reason=reasons[part.name])
            if _is_up(part) and reasons.get(part.name)
            else part
            for part in found
        ]

    async def _reason(self, name: str) -> str:
        asking = self._asking.get(name)
        if asking is None or asking.done() or asking.get_loop() is not asyncio.get_running_loop():
            asking = self._asking[name] = asyncio.create_task(_reason(self._checks[name]), name=f"asking {name}")
        # Whoever gave up waiting doesn't end the question for the others.
        return await asyncio.shield(asking)


def _is_up(part: PartStatus) -> bool:
    return part.kind == "cornerstone" and part.state is State.UP


async def _reason(check: Check) -> str:
    """Return why a cornerstone can't serve, or nothing; its error's text isn't for everybody who can ask."""
    limit = asyncio.timeout(CHECK_TIMEOUT)
    try:
        async with limit:
            await check()
    except (Exception, asyncio.CancelledError) as error:
        if limit.expired():
            return f"not ready: no answer within {CHECK_TIMEOUT:g} seconds"
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise
        return f"not ready: {type(error).__name__}"
    return ""


def _is_cancelled() -> bool:
    """Tell whether this very task was cancelled, and not what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
