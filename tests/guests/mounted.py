"""All guests side by side in one FastAPI, by its `mount`; and the same with what mends it, one thing after the other.

So each check that fails has a cause: what has to be mended until it passes.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send
from uvicorn import Config
from uvicorn.lifespan.on import LifespanOn

from tests.guests.catalogue import made, tables

# How many of them are mended.
MENDED = "MENDED"

CAUSES = [
    "no lifespan",
    "the root in its scope",
    "the prefix in its path",
]

# What FastAPI leaves in the scope of a request that it hands to what it mounts, and Starlette takes for the app's own.
_OF_THE_ROOT = ["app", "router", "app_root_path", "endpoint", "path_params", "route", "starlette.exception_handlers"]
_OF_THE_ROOT += ["fastapi", "fastapi_inner_astack", "fastapi_function_astack", "fastapi_middleware_astack"]


class Mended:
    """A guest that is mounted, with as many causes mended as the number says."""

    def __init__(self, app: ASGIApp, mends: int) -> None:
        self._app = app
        self._mends = mends
        # What a server does for the one app that it serves.
        self._lifespan = LifespanOn(Config(app, lifespan="auto", log_config=None))

    async def start(self) -> None:
        """Run the guest's lifespan until it is up; one that has none is up."""
        await self._lifespan.startup()

    async def stop(self) -> None:
        """Let the guest's lifespan end."""
        await self._lifespan.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = dict(self._lifespan.state)
        if self._mends > 1:
            scope = {key: value for key, value in scope.items() if key not in _OF_THE_ROOT}
        if self._mends > 2:
            scope["path"] = scope["path"].removeprefix(scope["root_path"]) or "/"
            scope["raw_path"] = scope["path"].encode()
        await self._app(scope, receive, send)


def app() -> FastAPI:
    """Mount all guests, each with its settings; a WSGI app is wrapped, as FastAPI's documentation says."""
    mends = int(os.environ[MENDED])
    guests = {name: made(table, table.get("settings", {})) for name, table in tables().items()}
    if not mends:
        return _root(guests, None)
    mended = {name: Mended(guest, mends) for name, guest in guests.items()}

    @asynccontextmanager
    async def lifespan(root: FastAPI) -> AsyncIterator[None]:
        for guest in mended.values():
            await guest.start()
        yield
        for guest in mended.values():
            await guest.stop()

    return _root(mended, lifespan)


def _root(guests: Mapping[str, ASGIApp], lifespan: Lifespan[FastAPI] | None) -> FastAPI:
    root = FastAPI(lifespan=lifespan)
    for name, guest in guests.items():
        root.mount(f"/{name}", guest)
    return root
