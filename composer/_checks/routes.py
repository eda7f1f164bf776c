"""Routes that no request can reach, and the lifespans of mounted apps."""

from collections.abc import Iterator, Sequence

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from composer._catalogue import problem
from composer._checks.lifespans import ignores_lifespan
from composer._compat.fastapi import iter_route_contexts
from composer._model import BuiltApp, Problem
from composer._text import is_below


def check_mounts(app: BuiltApp, asgi: Starlette) -> Iterator[Problem]:
    """Return a problem for routes behind a mount, and for mounted apps whose lifespan never runs."""
    if all(isinstance(route, Route) for route in asgi.routes):
        return
    place = app.declared.place
    routes = [(context.route, context.path or "") for context in iter_route_contexts(asgi.routes)]
    for at, (mount, path) in enumerate(routes):
        if not isinstance(mount, Mount):
            continue
        later = [route for _, route in routes[at + 1 :] if route.startswith(f"{path}/")]
        if later:
            yield problem("C050", place, mount=path or "/", route=later[0])
        # Only for FastAPI: other frameworks, such as Marimo, do so on purpose.
        if isinstance(asgi, FastAPI) and ignores_lifespan(asgi, mount.app):
            yield problem("C046", place, path=path or "/")


def check_hidden(apps: Sequence[BuiltApp]) -> Iterator[Problem]:
    """Return a problem for every app with a route that the longer prefix of another app hides."""
    by_prefix = {app.prefix.rstrip("/"): app for app in apps}
    for inner in apps:
        for above in _above(inner.prefix):
            outer = by_prefix.get(above)
            routes = _paths(outer.asgi) if outer and isinstance(outer.asgi, Starlette) else ()
            if outer and (hidden := next((r for r in routes if is_below(above + r, inner.prefix)), None)):
                place, route = outer.declared.place, above + hidden
                yield problem("C049", place, route=route, other=inner.name, prefix=inner.prefix)


def _above(prefix: str) -> list[str]:
    """Return all prefixes above a prefix, that of the root as ""."""
    segments = [segment for segment in prefix.split("/") if segment]
    return ["/".join(["", *segments[:count]]) for count in range(len(segments))]


def _paths(asgi: Starlette) -> Iterator[str]:
    return (path for context in iter_route_contexts(asgi.routes) if (path := context.path))
