"""The log: one line for each request, and the format in which `composer serve` writes all lines.

Requests are logged to the standard library's logger `composer.request`. Under another server its configuration, before
the start, decides whether they are shown; if they aren't, they cost nothing.
"""

import logging
from types import ModuleType
from typing import Any, Final

from composer._observe.record import ObserverFactory, Record

_log = logging.getLogger("composer.request")

# The text of a line; structlog shows the fields instead.
_TEXT: Final = "%(method)s %(route)s %(status)s in %(ms)s ms, app %(app)s, request %(request_id)s"


def log_is_enabled() -> bool:
    """Return whether the lines of requests are shown."""
    return _log.isEnabledFor(logging.INFO)


def request_log() -> ObserverFactory:
    """Return the observer that logs each request when it has ended: app, route, method, status, time, ID, no values.

    The level is ERROR if the app raised, else INFO. If structlog is installed, the ID and the app are bound to its
    context during the request. What handlers bind there is part of the line, too, except in `def` handlers, which run
    in a thread.
    """
    try:
        # Imported here, because it takes a tenth of a second.
        from structlog import contextvars
    except ModuleNotFoundError:
        return _Line
    return lambda record: _BoundLine(record, contextvars)


class _Line:
    """The line of one request."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def entered(self) -> None:
        """Do nothing: the record has the app."""

    def ended(self) -> None:
        """Write the line."""
        level = logging.ERROR if self._record.error else logging.INFO
        if _log.isEnabledFor(level):
            fields = _fields(self._record)
            _log.log(level, _TEXT, fields, extra=fields)


class _BoundLine(_Line):
    """The line of one request that is bound to structlog's context."""

    def __init__(self, record: Record, context: ModuleType) -> None:
        super().__init__(record)
        self._context = context
        # A server may reuse the context of the previous request, and an app may call another one within its own.
        self._outer: dict[str, Any] = context.get_contextvars()
        context.clear_contextvars()
        context.bind_contextvars(request_id=record.id)

    def entered(self) -> None:
        """Bind the app."""
        self._context.bind_contextvars(app=self._record.app)

    def ended(self) -> None:
        """Write the line, and restore the context."""
        super().ended()
        self._context.clear_contextvars()
        self._context.bind_contextvars(**self._outer)


def _fields(record: Record) -> dict[str, Any]:
    ms = None if record.seconds is None else round(record.seconds * 1000, 2)
    fields = {"app": record.app, "route": record.route, "method": record.method, "status": record.status, "ms": ms}
    optional = {"code": record.code, "error": record.error}
    return fields | {"request_id": record.id} | {name: value for name, value in optional.items() if value is not None}
