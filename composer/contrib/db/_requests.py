"""Types for handlers: sessions, and numbers and texts that every database can store."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, cast

from fastapi import Depends, Path, Query
from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from composer import Shared
from composer.contrib.db._database import Database

MAX_INTEGER = 2**31 - 1
MAX_LIMIT = 1000


def session_from(
    cornerstone: str | None = None, *, writes: bool = True
) -> Callable[[Database], AsyncIterator[AsyncSession]]:
    """Return the dependency that opens the session of a request, for a composition with several databases:

        ReplicaSession = Annotated[AsyncSession, Depends(session_from("replica", writes=False), scope="function")]

    With `scope="function"`, the session commits before the response is sent, so that a failed commit is never a 2xx.

    Args:
        cornerstone: The name of the database's cornerstone. Default: the only one.
        writes: If false, the session doesn't wait for writers, and can't write.
    """
    wanted = Annotated[Database, cornerstone] if cornerstone else Database

    async def open_session(database: Shared[wanted]) -> AsyncIterator[AsyncSession]:  # type: ignore[valid-type]
        async with cast(Database, database).session(writes=writes) as session:
            yield session

    return open_session


Session = Annotated[AsyncSession, Depends(session_from(), scope="function")]
ReadSession = Annotated[AsyncSession, Depends(session_from(writes=False), scope="function")]

Id = Annotated[int, Path(ge=1, le=MAX_INTEGER, description="The id from the response to its creation.")]
Skip = Annotated[int, Query(ge=0, le=MAX_INTEGER, description="Number of entries to skip.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Maximum number of entries.")]

# PostgreSQL can't store the NUL character.
StorableText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
