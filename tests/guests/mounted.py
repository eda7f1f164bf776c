"""All guests in one FastAPI, by its `mount`; and the same with the causes of failures fixed, one after another.

So each failing check has a cause: the one whose fix lets it pass.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send
from uvicorn import Config
from uvicorn.lifespan.on import LifespanOn

from tests.guests.catalogue import made, tables

# The environment variable with the number of causes to fix.
FIXED = "FIXED"

CAUSES = [
    "no lifespan",
    "the root in its scope",
    "the prefix in its path",
]

# What FastAPI leaves in the scope of a mounted app's request, and Starlette takes for the app's own.
_OF_THE_ROOT = ["app", "router", "app_root_path", "endpoint", "path_params", "route", "starlette.exception_handlers"]
_OF_THE_ROOT += ["fastapi", "fastapi_inner_astack", "fastapi_function_astack", "fastapi_middleware_astack"]


class Fixed:
    """A mounted guest, with the first `fixes` causes fixed."""

    def __init__(self, app: ASGIApp, fixes: int) -> None:
        self._app = app
        self._fixes = fixes
        # As a server runs the lifespan of the app that it serves.
        self._lifespan = LifespanOn(Config(app, lifespan="auto", log_config=None))

    async def start(self) -> None:
        """Run the startup of the guest's lifespan, if it has one."""
        await self._lifespan.startup()

    async def stop(self) -> None:
        """Run the shutdown of the guest's lifespan."""
        await self._lifespan.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = dict(self._lifespan.state)
        if self._fixes > 1:
            scope = {key: value for key, value in scope.items() if key not in _OF_THE_ROOT}
        if self._fixes > 2:
            scope["path"] = scope["path"].removeprefix(scope["root_path"]) or "/"
            scope["raw_path"] = scope["path"].encode()
        await self._app(scope, receive, send)


def app() -> FastAPI:
    """Mount all guests with their settings; wrap WSGI apps, as FastAPI's documentation describes."""
    fixes = int(os.environ[FIXED])
    guests = {name: made(table, table.get("settings", {})) for name, table in tables().items()}
    if not fixes:
        return _root(guests, None)
    fixed = {name: Fixed(guest, fixes) for name, guest in guests.items()}

    @asynccontextmanager
    async def lifespan(root: FastAPI) -> AsyncIterator[None]:
        for guest in fixed.values():
            await guest.start()
        yield
        for guest in fixed.values():
            await guest.stop()

    return _root(fixed, lifespan)


def _root(guests: Mapping[str, ASGIApp], lifespan: Lifespan[FastAPI] | None) -> FastAPI:
    root = FastAPI(lifespan=lifespan)
    for name, guest in guests.items():
        root.mount(f"/{name}", guest)
    return root
