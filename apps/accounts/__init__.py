"""Accounts: users, and the items that belong to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import anyio
from fastapi import FastAPI

from apps.accounts._routes import router
from shared._answers import with_plain_errors
from shared.db import UNAVAILABLE, answering_503

__all__ = ["create_app"]

# Hashing one password takes 64 MiB and a whole processor core, on purpose.
HASHES_AT_ONCE = 2


class State(TypedDict):
    """What the app's handlers find in their request's state."""

    hashing: anyio.CapacityLimiter


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Keep the number of passwords that are hashed at the same time small."""
    yield {"hashing": anyio.CapacityLimiter(HASHES_AT_ONCE)}


def create_app() -> FastAPI:
    """Construct the app; its users and items are kept in the shared database."""
    summary = "Users with one e-mail address each, and their items."
    app = FastAPI(title="Accounts", version="1.0.0", summary=summary, lifespan=lifespan)
    app.include_router(router, responses=UNAVAILABLE)
    return answering_503(with_plain_errors(app))
