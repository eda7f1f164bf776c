"""What composer knows of uvicorn's insides."""

import logging
from typing import Any, Final

# uvicorn 0.38, logging.py: the same message again, with colours.
COLORED_MESSAGE: Final = "color_message"


def has_failed_to_stop(server: Any) -> bool:
    """Return whether the lifespan of a server that has ended failed to stop; False where that can't be seen."""
    # uvicorn 0.38, lifespan/on.py, LifespanOn: Server.run doesn't tell by its status.
    return bool(getattr(getattr(server, "lifespan", None), "shutdown_failed", False))


def tells_no_query(record: logging.LogRecord) -> bool:
    """Return whether a log line of uvicorn's is free of a request's query."""
    # uvicorn 0.38, protocols/websockets/*.py: '%s - "WebSocket %s" [accepted]', with the query.
    return "WebSocket %s" not in str(record.msg)
