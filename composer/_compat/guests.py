"""Frameworks whose apps take the path, or their own address, otherwise than the ASGI specification says.

They are known by the names of their apps' classes, for they aren't imported to know them. Where a release has another
name, its apps are served as any other, and settings.toml can say `path` and `location` of them.
"""

from typing import Any, Final

# python-socketio 5.14, python-engineio 4.12; Falcon 4.1; Datasette 0.65 and 1.0a.
_SOCKET_IO: Final = "engineio.async_drivers.asgi.ASGIApp"
_FALCON: Final = "falcon.asgi.app.App"
_DATASETTE: Final = "datasette.utils.asgi.AsgiRunOnFirstRequest"

# They look for their own paths in `path` as it is, though `root_path` is a part of it.
_WANT_IT_STRIPPED: Final = frozenset([_SOCKET_IO, _FALCON, _DATASETTE])
# They redirect to a path without `root_path`.
_FORGET_IT: Final = frozenset([_DATASETTE])

# What makes an app when it is called, by the package that it is imported from; True where the app is a WSGI one.
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
    return not _WANT_IT_STRIPPED.isdisjoint(_class_names(app))


def forgets_prefix(app: Any) -> bool:
    """Return whether an app is of a framework that forgets the prefix in redirects and cookies."""
    return not _FORGET_IT.isdisjoint(_class_names(app))


def _class_names(app: Any) -> list[str]:
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in type(app).__mro__]
