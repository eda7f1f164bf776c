"""The pages put where FastAPI's own would be, at the same addresses."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeGuard

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from composer._docs._assets import asset, viewers
from composer._docs._document import DocumentRoute
from composer._docs._pages import AppEntry, redoc, swagger


def install_docs(
    root: FastAPI,
    document: Callable[[], Awaitable[dict[str, Any]]],
    apps: Callable[[], Sequence[AppEntry]],
) -> None:
    """Let the root serve this document, and its pages with a list of the apps, from assets of its own.

    The addresses stay as the root was told (`openapi_url`, `docs_url`, `redoc_url`); where one is None, or something
    else answers there, nothing is installed. `document` returns the same object as long as nothing has changed.
    Raises ModuleNotFoundError without `fastapi-offline`.
    """

    async def states(request: Request) -> JSONResponse:
        return JSONResponse([asdict(app) for app in apps()], headers={"Cache-Control": "no-store"})

    routes = root.router.routes
    for index, route in enumerate(routes):
        if _is_own(route) and route.path == root.openapi_url:
            routes[index] = Route(route.path, DocumentRoute(root, document).__call__, include_in_schema=False)
    _install_pages(root, [("apps", states)])


def install_own_docs(app: FastAPI) -> None:
    """Let an app's own pages load what they need from the app itself instead of another host.

    Pages that aren't FastAPI's are left alone, and so is the app's document. To do it again changes nothing.
    Raises ModuleNotFoundError without `fastapi-offline`.
    """
    _install_pages(app, [])


def _install_pages(app: FastAPI, more: list[tuple[str, Callable[[Request], Awaitable[JSONResponse]]]]) -> None:
    pages = {app.docs_url: swagger, app.redoc_url: redoc}
    routes = app.router.routes
    own = [(index, route) for index, route in enumerate(routes) if _is_own(route) and route.path in pages]
    if not own:
        return
    viewers()
    first, shown = own[0]
    base = shown.path.rstrip("/")
    for index, route in own:
        routes[index] = Route(route.path, pages[route.path](app, f"{base}/assets"), include_in_schema=False)
    added = [Route(f"{base}/{name}", endpoint, include_in_schema=False) for name, endpoint in more]
    routes[first:first] = [Route(f"{base}/assets/{{name}}", asset, include_in_schema=False), *added]


def _is_own(route: BaseRoute) -> TypeGuard[Route]:
    """Tell whether the route is one that FastAPI made itself."""
    return isinstance(route, Route) and getattr(route.endpoint, "__module__", "") == FastAPI.__module__
