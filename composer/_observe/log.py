"""The log: one line for each request, and how `composer serve` shows it and all else that is logged.

Requests are told to the standard library's logger `composer.request`; who serves the composition in another way decides
by its configuration, before the server starts, whether they are seen. Where they aren't, they cost nothing.
"""

import functools
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from types import ModuleType
from typing import Any, Final

from composer._compat.uvicorn import COLORED_MESSAGE, hides_query
from composer._environment import PRODUCTION, current_environment
from composer._observe.record import ObserverFactory, Record

_log = logging.getLogger("composer.request")

# What loggers without structlog show; structlog shows the fields.
_TEXT: Final = "%(method)s %(route)s %(status)s in %(ms)s ms, app %(app)s, request %(request_id)s"

# They tell a line for each request that they send, with its query.
_TALKATIVE: Final = ("httpx", "httpx2", "httpcore")


def log_is_enabled() -> bool:
    """Tell whether anybody wants the lines of requests."""
    return _log.isEnabledFor(logging.INFO)


def request_log() -> ObserverFactory:
    """Return what logs each request when it has ended: its app, route, method, status, time and id, and no value of it.

    The level is ERROR where the app raised, else INFO. While the request is served, its id and its app are bound to
    structlog's context, and what is bound there meanwhile stands in the line too; what a `def` handler binds doesn't,
    for it runs in a thread.
    """
    # Not for everybody who imports composer: it takes a tenth of a second.
    from structlog import contextvars

    return lambda record: _Line(record, contextvars)


class _Line:
    """The line of one request."""

    __slots__ = ("_before", "_context", "_record")

    def __init__(self, record: Record, context: ModuleType) -> None:
        self._record = record
        self._context = context
        # A server may start a request in the context of the one before it, and an app may ask another one from its own.
        self._before: dict[str, Any] = context.get_contextvars()
        if self._before:
            context.clear_contextvars()
        context.bind_contextvars(request_id=record.id)

    def entered(self) -> None:
        """Bind the app."""
        self._context.bind_contextvars(app=self._record.app)

    def ended(self) -> None:
        """Write the line."""
        level = logging.ERROR if self._record.error else logging.INFO
        if _log.isEnabledFor(level):
            fields = _fields(self._record)
            _log.log(level, _TEXT, fields, extra=fields)
        self._context.clear_contextvars()
        if self._before:
            self._context.bind_contextvars(**self._before)


def _fields(record: Record) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "app": record.app,
        "route": record.route,
        "method": record.method,
        "status": record.status,
        "ms": None if record.seconds is None else round(record.seconds * 1000, 2),
        "request_id": record.id,
    }
    if record.code is not None:
        fields["code"] = record.code
    if record.error is not None:
        fields["error"] = record.error
    return fields


def in_production() -> bool:
    """Return whether the environment says so."""
    return current_environment()[0] == PRODUCTION


@functools.cache
def configure_logging(production: bool | None = None) -> None:
    """Let this process log to stderr: JSON in production or where stderr is no terminal, else a line for people.

    Both structlog and the standard library's loggers are shown so, those of composer and uvicorn from INFO on and all
    others from WARNING on; uvicorn's own lines about requests and WebSockets are left out, for they hold the query. No
    traceback shows the values of variables. A configuration of structlog that is there already stays. Doing it again
    changes nothing.
    """
    from logging.config import dictConfig

    import structlog

    as_json = not sys.stderr.isatty() or (in_production() if production is None else production)
    dictConfig(_configuration(as_json))
    logging.getLogger("uvicorn.error").addFilter(hides_query)
    if not structlog.is_configured():
        processors = [structlog.contextvars.merge_contextvars, *_added(), *_rendered(as_json)]
        structlog.configure(
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            cache_logger_on_first_use=True,
        )


def _configuration(as_json: bool) -> dict[str, Any]:
    info = {"level": "INFO"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"all": {"()": lambda: _formatter(as_json)}, "requests": {"()": lambda: _Requests(as_json)}},
        "handlers": {name: {"class": "logging.StreamHandler", "formatter": name} for name in ("all", "requests")},
        "root": {"level": "WARNING", "handlers": ["all"]},
        "loggers": {
            "composer": info,
            _log.name: {"handlers": ["requests"], "propagate": False},
            "uvicorn": info,
            # A worker is configured after uvicorn has silenced it, which this would undo.
            "uvicorn.access": {"handlers": [], "propagate": False},
            **{name: {"level": "WARNING"} for name in _TALKATIVE},
        },
    }


class _Requests(logging.Formatter):
    """Render the fields of a request's line: structlog's formatter is made for whatever may come."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        from structlog.contextvars import merge_contextvars

        self._processors = [merge_contextvars, *_added(), *_rendered(as_json)]

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, as an event with its fields: its text says no more than they do."""
        fields = record.args if isinstance(record.args, Mapping) else {}
        event: Any = {"event": "request", **fields, "logger": record.name}
        for processor in self._processors:
            event = processor(None, record.levelname.lower(), event)
        return str(event)


def _formatter(as_json: bool) -> logging.Formatter:
    import structlog

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(),
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            *_added(),
        ],
        processors=[_without_colours, structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendered(as_json)],
    )


def _added() -> list[Callable[..., Any]]:
    import structlog

    return [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]


def _rendered(as_json: bool) -> list[Callable[..., Any]]:
    from structlog import dev, processors

    if as_json:
        # As plain text: as data they would hold the variables of each frame, and those may hold secrets.
        return [processors.format_exc_info, processors.JSONRenderer(ensure_ascii=False, default=_shown)]
    return [dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=dev.plain_traceback)]


def _shown(value: object) -> str:
    """Show what JSON has no form for."""
    return str(value)


def _without_colours(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what uvicorn says a second time, with colours."""
    event.pop(COLORED_MESSAGE, None)
    return event
