"""Types for handlers: sessions, and numbers and texts that every database can store."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from composer import Shared
from composer.contrib.db._database import Database

MAX_INTEGER = 2**31 - 1
MAX_LIMIT = 1000


async def open_session(database: Shared[Database]) -> AsyncIterator[AsyncSession]:
    """Yield a request's session; it commits before the response is sent, so that a failed commit is never a 2xx."""
    async with database.session() as session:
        yield session


async def open_read_session(database: Shared[Database]) -> AsyncIterator[AsyncSession]:
    """Yield a session that doesn't wait for writers, and can't write."""
    async with database.session(writes=False) as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(open_read_session, scope="function")]

Id = Annotated[int, Path(ge=1, le=MAX_INTEGER, description="The id from the response to its creation.")]
Skip = Annotated[int, Query(ge=0, le=MAX_INTEGER, description="Number of entries to skip.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Maximum number of entries.")]

# PostgreSQL can't store the NUL character.
StorableText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
