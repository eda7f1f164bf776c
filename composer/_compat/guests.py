"""Frameworks whose apps read the path, or build their own URLs, differently from the ASGI specification.

Apps are recognised by the names of their classes, so that no framework is imported for it. Where a release renames one,
its apps are served as any other app; settings.toml can set their `path` and `location`.
"""

from typing import Any, Final

# python-socketio 5.14, python-engineio 4.12; Falcon 4.1; Datasette 0.65 and 1.0a.
_SOCKET_IO: Final = "engineio.async_drivers.asgi.ASGIApp"
_FALCON: Final = "falcon.asgi.app.App"
_DATASETTE: Final = "datasette.utils.asgi.AsgiRunOnFirstRequest"

# They match their routes against the whole `path`, `root_path` included.
_WANT_STRIPPED_PATH: Final = frozenset([_SOCKET_IO, _FALCON, _DATASETTE])
# They redirect to a path without `root_path`.
_FORGET_PREFIX: Final = frozenset([_DATASETTE])

# Classes and functions that return an app, by the package they are imported from; True for a WSGI app.
APP_MAKERS: Final[dict[tuple[str, str], bool]] = {
    ("fastapi", "FastAPI"): False,
    ("fastapi_offline", "FastAPIOffline"): False,
    ("starlette", "Starlette"): False,
    ("litestar", "Litestar"): False,
    ("quart", "Quart"): False,
    ("django", "get_asgi_application"): False,
    ("django", "get_wsgi_application"): True,
    ("flask", "Flask"): True,
    ("bottle", "Bottle"): True,
}


def wants_stripped_path(app: Any) -> bool:
    """Return whether an app is of a framework that wants the path without its prefix."""
    return _is_one_of(_WANT_STRIPPED_PATH, app)


def forgets_prefix(app: Any) -> bool:
    """Return whether an app is of a framework that forgets the prefix in redirects and cookies."""
    return _is_one_of(_FORGET_PREFIX, app)


def _is_one_of(names: frozenset[str], app: Any) -> bool:
    return any(f"{kind.__module__}.{kind.__qualname__}" in names for kind in type(app).__mro__)
