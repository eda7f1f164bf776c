"""Undocumented facts about uvicorn."""

import logging
from importlib import import_module
from typing import Any, Final

# uvicorn 0.38, logging.py: the key of the same message with colours.
COLORED_MESSAGE: Final = "color_message"


# uvicorn 0.54, config.py: the status of a server that could not start.
STARTUP_FAILURE: Final = 3


def has_failed_to_stop(server: Any) -> bool | None:
    """Return whether the lifespan of a server that has ended failed to stop; None where unknown."""
    # uvicorn 0.38, lifespan/on.py, LifespanOn: the status of Server.run doesn't show it.
    failed: bool | None = getattr(getattr(server, "lifespan", None), "shutdown_failed", None)
    # A server that gave up before its start has no lifespan.
    return failed if server.started or failed else False


def process_supervisor() -> Any:
    """Return the class that serves in several processes; None where it can't be found."""
    try:
        # uvicorn 0.38, supervisors/__init__.py.
        return import_module("uvicorn.supervisors").Multiprocess
    except (ImportError, AttributeError):
        return None


def hides_query(record: logging.LogRecord) -> bool:
    """Return whether a log line of uvicorn's is free of a request's query."""
    # uvicorn 0.38, protocols/websockets/*.py: '%s - "WebSocket %s" [accepted]', with the query. A release may word it
    # differently: no line below a warning may show what looks like a query.
    values = record.args if isinstance(record.args, tuple) and record.levelno <= logging.INFO else ()
    return "WebSocket %s" not in str(record.msg) and not any(
        isinstance(value, str) and "?" in value for value in values
    )
