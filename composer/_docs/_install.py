"""The pages put where FastAPI's own would be, at the same addresses."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeGuard

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from composer._docs._assets import asset, viewers
from composer._docs._document import DocumentRoute, Reached
from composer._docs._pages import AppEntry, Apps, Document, Page, Shown, oauth2_redirect, redoc, swagger


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
    _replace(root, {root.openapi_url: DocumentRoute(root, document).__call__})
    _install_pages(root, document, apps)


def install_own_docs(app: FastAPI) -> None:
    """Let an app's own pages load what they need from the app itself instead of another host.

    Pages that aren't FastAPI's are left alone, and so is the app's document. To do it again changes nothing.
    Raises ModuleNotFoundError without `fastapi-offline`.
    """

    async def document() -> dict[str, Any]:
        return await run_in_threadpool(app.openapi)

    _install_pages(app, document, None)


def _install_pages(app: FastAPI, document: Document, apps: Apps | None) -> None:
    makers = {app.docs_url: swagger, app.redoc_url: redoc}
    own = [(index, route.path) for index, route in enumerate(app.router.routes) if _is_own(route, makers)]
    if not own:
        return
    viewers()
    first, path = own[0]
    shown = Shown(app, path.rstrip("/"), Reached(document), apps)
    pages: dict[str | None, Page] = {app.swagger_ui_oauth2_redirect_url: oauth2_redirect(shown)}
    _replace(app, pages | {path: makers[path](shown) for _, path in own})
    app.router.routes[first:first] = _beside(shown)


def _beside(shown: Shown) -> list[BaseRoute]:
    """Return the routes that the pages need besides their own."""
    files = Route(f"{shown.base}/assets/{{name}}", asset, include_in_schema=False)
    if (apps := shown.apps) is None:
        return [files]

    async def states(request: Request) -> JSONResponse:
        return JSONResponse([asdict(entry) for entry in apps()], headers={"Cache-Control": "no-store"})

    return [files, Route(f"{shown.base}/apps", states, include_in_schema=False)]


def _replace(app: FastAPI, endpoints: Mapping[str | None, Callable[[Request], Awaitable[Any]]]) -> None:
    routes = app.router.routes
    for index, route in enumerate(routes):
        if _is_own(route, endpoints):
            routes[index] = Route(route.path, endpoints[route.path], include_in_schema=False)


def _is_own(route: BaseRoute, paths: Mapping[str | None, Any]) -> TypeGuard[Route]:
    """Tell whether the route is one that FastAPI made itself, for one of these paths."""
    made_by = getattr(getattr(route, "endpoint", None), "__module__", "")
    return isinstance(route, Route) and made_by == FastAPI.__module__ and route.path in paths
