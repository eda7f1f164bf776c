"""The log: one line for each request, and the format in which `composer serve` writes all lines.

Requests are logged to the standard library's logger `composer.request`. Under another server its configuration, before
the start, decides whether they are shown; if they aren't, they cost nothing.
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

# The text of a line; structlog shows the fields instead.
_TEXT: Final = "%(method)s %(route)s %(status)s in %(ms)s ms, app %(app)s, request %(request_id)s"

# These log each request that they send, with its query.
_VERBOSE: Final = ("httpx", "httpx2", "httpcore")


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


def in_production() -> bool:
    """Return whether the environment is production."""
    return current_environment()[0] == PRODUCTION


@functools.cache
def configure_logging(production: bool | None = None) -> None:
    """Log to stderr: as JSON in production or if stderr isn't a terminal, else as lines for people.

    structlog and the standard library's loggers share the format; composer and uvicorn log from INFO on, all others
    from WARNING on. uvicorn's own lines about requests and WebSockets, which contain the query, are dropped.
    Tracebacks don't show the values of variables. An existing configuration of structlog stays. A second call has no
    effect.
    """
    from logging.config import dictConfig

    import structlog

    as_json = not sys.stderr.isatty() or (in_production() if production is None else production)
    dictConfig(_configuration(as_json))
    logging.getLogger("uvicorn.error").addFilter(hides_query)
    if not structlog.is_configured():
        structlog.configure(
            processors=[*_added(), *_rendered(as_json)],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            cache_logger_on_first_use=True,
        )


def _configuration(as_json: bool) -> dict[str, Any]:
    info = {"level": "INFO"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "all": {"()": lambda: _formatter(as_json)},
            "requests": {"()": lambda: _RequestFormatter(as_json)},
        },
        "handlers": {name: {"class": "logging.StreamHandler", "formatter": name} for name in ("all", "requests")},
        "root": {"level": "WARNING", "handlers": ["all"]},
        "loggers": {
            "composer": info,
            _log.name: {"handlers": ["requests"], "propagate": False},
            "uvicorn": info,
            # Also for workers, which are configured after uvicorn has turned its access log off.
            "uvicorn.access": {"handlers": [], "propagate": False},
            **{name: {"level": "WARNING"} for name in _VERBOSE},
        },
    }


class _RequestFormatter(logging.Formatter):
    """Render the fields of a request's line; structlog's general formatter is slower."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._processors = [*_added(), *_rendered(as_json)]

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as an event with its fields, which say all that its text says."""
        fields = record.args if isinstance(record.args, Mapping) else {}
        event: Any = {"event": "request", **fields, "logger": record.name}
        for processor in self._processors:
            event = processor(None, record.levelname.lower(), event)
        return str(event)


def _formatter(as_json: bool) -> logging.Formatter:
    from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_logger_name

    return ProcessorFormatter(
        foreign_pre_chain=[ExtraAdder(), add_logger_name, *_added()],
        processors=[_without_colours, ProcessorFormatter.remove_processors_meta, *_rendered(as_json)],
    )


def _added() -> list[Callable[..., Any]]:
    from structlog import contextvars, processors

    return [contextvars.merge_contextvars, processors.add_log_level, processors.TimeStamper(fmt="iso", utc=True)]


def _rendered(as_json: bool) -> list[Callable[..., Any]]:
    from structlog import dev, processors

    if as_json:
        # Tracebacks as text: as data they would contain the variables of each frame, and so perhaps secrets.
        return [processors.format_exc_info, processors.JSONRenderer(ensure_ascii=False, default=str)]
    return [dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=dev.plain_traceback)]


def _without_colours(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop uvicorn's second copy of the message, which has colours."""
    event.pop(COLORED_MESSAGE, None)
    return event
