"""Accounts: users, and the items that belong to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import anyio
from fastapi import FastAPI

from apps.accounts._routes import router
from composer.contrib.db import UNAVAILABLE, answering_503
from composer.responses import with_plain_errors

__all__ = ["create_app"]

# Hashing one password deliberately takes 64 MiB and a whole processor core.
HASHES_AT_ONCE = 2


class State(TypedDict):
    """The state of the app's lifespan, as `request.state`."""

    hashing: anyio.CapacityLimiter


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Limit how many passwords are hashed at the same time."""
    yield {"hashing": anyio.CapacityLimiter(HASHES_AT_ONCE)}


def create_app() -> FastAPI:
    """Return the app; it stores users and items in the shared database."""
    summary = "Users with one e-mail address each, and their items."
    app = FastAPI(title="Accounts", version="1.0.0", summary=summary, lifespan=lifespan)
    app.include_router(router, responses=UNAVAILABLE)
    return answering_503(with_plain_errors(app))
