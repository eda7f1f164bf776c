"""Sessions that end with their block, also if something still refers to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

_ENDED = (
    "this session has ended: that of a request ends when its handler returns, and that of a block with the block."
    " A background task, a streamed response or a WebSocket needs a session of its own: `async with database.session()"
    " as session:`, with `database: Shared[Database]` as a parameter of the handler"
)


def session_maker(engine: AsyncEngine, session_class: type[AsyncSession]) -> async_sessionmaker[AsyncSession]:
    """Return what makes the sessions of an engine."""
    # What was loaded can be read after the commit, and a session that was closed can't be used again.
    return async_sessionmaker(engine, class_=session_class, expire_on_commit=False, close_resets_only=False)


class _EndedSession(AsyncSession):
    """The class of a session that has ended: whatever it is used for is an error that says what to do."""

    def __getattribute__(self, name: str) -> Any:
        raise InvalidRequestError(_ENDED)


@asynccontextmanager
async def ending_session(make: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    """Yield a session: committed after the block, rolled back if the block raises, and always ended."""
    session = make()
    try:
        async with session, session.begin():
            yield session
    finally:
        # SQLAlchemy itself refuses a closed session, but its message doesn't say what to do. The class is replaced
        # because most methods of a session are reached through private attributes.
        session.__class__ = _EndedSession
