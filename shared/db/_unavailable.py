"""What a caller gets while the database can't serve: 503, to be tried again, with nothing of the database in it."""

import logging
import sqlite3
from typing import Any, cast

from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError
from starlette.responses import Response
from starlette.websockets import WebSocket

from shared._answers import documented_503, unavailable

logger = logging.getLogger(__name__)

DETAIL = "The database can't be asked at the moment."

# Close code of a WebSocket: try again later. Source: https://www.iana.org/assignments/websocket, 1013.
TRY_AGAIN_LATER = 1013

# Classes of SQLSTATE for which the same request may go well later: connection, transaction rolled back, resources,
# operator, system. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html.
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

# For a router's `responses=`: what each of its operations may answer.
UNAVAILABLE = documented_503(DETAIL)


def answering_503(app: FastAPI) -> FastAPI:
    """Have `app` answer 503 with Retry-After while the database can't be asked, and close a WebSocket with 1013.

    Any other error of the database stays what it is.

    Returns:
        The same app.
    """
    # Its type has no place for one that answers both requests and WebSockets.
    for kind in (DBAPIError, TimeoutError):
        app.add_exception_handler(kind, cast(Any, _answer))
    return app


def is_transient(error: BaseException) -> bool:
    """Tell whether an error says that the database can't serve now, rather than that it was asked for a wrong thing.

    That is: no connection, a lost one, none free in time, a lock that was held too long, no room.
    """
    if isinstance(error, TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # The low byte is the code; what is above tells more of it.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in TRANSIENT_CODES
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # The driver itself complains: there is no server that could have said why.
        return error.connection_invalidated or isinstance(error, OperationalError)
    return str(state)[:2] in TRANSIENT_CLASSES or state == LOCK_NOT_AVAILABLE


async def _answer(connection: Any, error: Exception) -> Response | None:
    if not is_transient(error):
        raise error
    # Not its text: that may hold where the database is, and what was to be written.
    logger.warning("%s (%s)", DETAIL, type(getattr(error, "orig", None) or error).__name__)
    if isinstance(connection, WebSocket):
        await connection.close(TRY_AGAIN_LATER, DETAIL)
        return None
    return unavailable(DETAIL)
