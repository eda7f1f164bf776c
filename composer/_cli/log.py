"""The log of `composer serve`: its format for every line, of composer, the server and the apps."""

import functools
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from logging.config import dictConfig
from typing import Any, Final

import structlog
from structlog import contextvars, dev, processors
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_logger_name

from composer._compat.uvicorn import COLORED_MESSAGE, hides_query
from composer._settings.environment import PRODUCTION, current_environment

# These loggers log each request that they send, with its query.
_VERBOSE: Final = ("httpx", "httpx2", "httpcore")


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
            "composer.request": {"handlers": ["requests"], "propagate": False},
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
    return ProcessorFormatter(
        foreign_pre_chain=[ExtraAdder(), add_logger_name, *_added()],
        processors=[_without_colours, ProcessorFormatter.remove_processors_meta, *_rendered(as_json)],
    )


def _added() -> list[Callable[..., Any]]:
    return [contextvars.merge_contextvars, processors.add_log_level, processors.TimeStamper(fmt="iso", utc=True)]


def _rendered(as_json: bool) -> list[Callable[..., Any]]:
    if as_json:
        # Tracebacks as text: as data they would contain the variables of each frame, and so perhaps secrets.
        return [processors.format_exc_info, processors.JSONRenderer(ensure_ascii=False, default=str)]
    return [dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=dev.plain_traceback)]


def _without_colours(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop uvicorn's second copy of the message, which has colours."""
    event.pop(COLORED_MESSAGE, None)
    return event
