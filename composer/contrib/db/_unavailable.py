"""The response while the database is unavailable: 503 with Retry-After, without details of the database."""

import logging
import sqlite3
from typing import Any, cast

from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError
from starlette.responses import Response
from starlette.websockets import WebSocket

from composer.responses import documented_503, unavailable

logger = logging.getLogger(__name__)

DETAIL = "The database is temporarily unavailable."

# WebSocket close code: try again later. Source: https://www.iana.org/assignments/websocket, 1013.
TRY_AGAIN_LATER = 1013

# Classes of SQLSTATE for which a retry may succeed: connection, transaction rollback, resources, operator,
# system. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html.
TRANSIENT_CLASSES = {"08", "40", "53", "57", "58"}
LOCK_NOT_AVAILABLE = "55P03"

# Source: https://www.sqlite.org/rescode.html.
TRANSIENT_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}

# For a router's `responses=`: a response of each of its operations.
UNAVAILABLE = documented_503(DETAIL)


def answering_503(app: FastAPI) -> FastAPI:
    """Make `app` respond with 503 and Retry-After while the database is unavailable, and close WebSockets with 1013.

    Other database errors aren't handled.

    Returns:
        The same app.
    """
    # The annotation of add_exception_handler excludes handlers of both requests and WebSockets.
    for kind in (DBAPIError, TimeoutError):
        app.add_exception_handler(kind, cast(Any, _answer))
    return app


def is_transient(error: BaseException) -> bool:
    """Return whether an error means that the database is unavailable, rather than that a statement was wrong.

    These are: no connection, a lost one, none free in time, a lock timeout, a full disk.
    """
    if isinstance(error, TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # The low byte is the primary code; the others extend it.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in TRANSIENT_CODES
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # An error of the driver itself: there is no code from a server.
        return error.connection_invalidated or isinstance(error, OperationalError)
    return str(state)[:2] in TRANSIENT_CLASSES or state == LOCK_NOT_AVAILABLE


async def _answer(connection: Any, error: Exception) -> Response | None:
    if not is_transient(error):
        raise error
    # Not the error's text: it may contain the database's address and the data.
    logger.warning("%s (%s)", DETAIL, type(getattr(error, "orig", None) or error).__name__)
    if isinstance(connection, WebSocket):
        await connection.close(TRY_AGAIN_LATER, DETAIL)
        return None
    return unavailable(DETAIL)
