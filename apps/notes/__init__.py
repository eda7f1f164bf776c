"""Notes: create, list, read, update and delete them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from pydantic import BaseModel, Field

from apps.notes._routes import router
from composer.contrib.db import MAX_LIMIT, UNAVAILABLE, answering_503
from composer.responses import with_plain_errors

__all__ = ["NotesSettings", "create_app"]


class NotesSettings(BaseModel):
    """Settings of the list of notes."""

    page_size: int = Field(
        default=50, ge=1, le=MAX_LIMIT, description="Number of notes in a list if the request has no limit."
    )


class State(TypedDict):
    """The state of the app's lifespan, as `request.state`."""

    page_size: int


def create_app(settings: NotesSettings) -> FastAPI:
    """Return the app; it stores its notes in the shared database."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        yield {"page_size": settings.page_size}

    summary = "Short texts, stored in the database."
    app = FastAPI(title="Notes", version="1.0.0", summary=summary, lifespan=lifespan)
    app.include_router(router, responses=UNAVAILABLE)
    return answering_503(with_plain_errors(app))
