"""The pages put where FastAPI's own would be, at the same addresses."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeGuard

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, request_response

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._docs.assets import asset, viewers
from composer._docs.document import ConnectOrigins, DocumentRoute
from composer._docs.pages import AppEntry, Apps, Document, Page, PageContext, oauth2_redirect, redoc, swagger


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
    answer = DocumentRoute(root, document).__call__
    _replace(root, {root.openapi_url: (answer, request_response(answer))})
    _install_pages(root, document, apps)


def install_own_docs(app: FastAPI) -> None:
    """Let an app's own pages load what they need from the app itself instead of another host.

    Pages that aren't FastAPI's are left alone, and so is the app's document. To do it again changes nothing.
    Raises ModuleNotFoundError without `fastapi-offline`.
    """
    _install_pages(app, lambda: run_in_threadpool(app.openapi), None)


def _install_pages(app: FastAPI, document: Document, apps: Apps | None) -> None:
    pages: dict[str | None, Page] = {app.docs_url: swagger, app.redoc_url: redoc}
    first = next((index for index, route in enumerate(app.router.routes) if _is_own(route, pages)), None)
    if first is None:
        return
    viewers()
    base = app.router.routes[first].path.rstrip("/")  # type: ignore[attr-defined]
    shown = PageContext(app, base, ConnectOrigins(document), apps)
    pages[app.swagger_ui_oauth2_redirect_url] = oauth2_redirect
    _replace(app, {path: (page, _PageApp(page, shown)) for path, page in pages.items()})
    app.router.routes[first:first] = _beside(shown)


class _PageApp:
    """Answer requests for one page; a composition has some for each app, so they are small."""

    __slots__ = ("_page", "_shown")

    def __init__(self, page: Page, shown: PageContext) -> None:
        self._page = page
        self._shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._page(self._shown, Request(scope, receive, send))
        await response(scope, receive, send)


# One for all apps whose pages are at the same address.
@cache
def _files(base: str) -> Route:
    return Route(f"{base}/assets/{{name}}", asset, include_in_schema=False)


def _beside(shown: PageContext) -> list[BaseRoute]:
    """Return the routes that the pages need besides their own."""
    files = _files(shown.base)
    if (apps := shown.apps) is None:
        return [files]

    async def states(request: Request) -> Response:
        # In ASCII: a title from an app's document may hold half of a surrogate pair, which UTF-8 can't have.
        told = json.dumps([entry._asdict() for entry in apps()])
        return Response(told, headers={"Cache-Control": "no-store"}, media_type="application/json")

    return [files, Route(f"{shown.base}/apps", states, include_in_schema=False)]


def _replace(app: FastAPI, answers: Mapping[str | None, tuple[Callable[..., Any], ASGIApp]]) -> None:
    """Let other functions answer at routes of FastAPI's own, each by the ASGI app beside it; the names stay."""
    for route in app.router.routes:
        if _is_own(route, answers):
            route.endpoint, route.app = answers[route.path]


def _is_own(route: BaseRoute, paths: Mapping[str | None, Any]) -> TypeGuard[Route]:
    """Tell whether the route is one that FastAPI made itself, for one of these paths."""
    made_by = getattr(getattr(route, "endpoint", None), "__module__", "")
    return isinstance(route, Route) and made_by == FastAPI.__module__ and route.path in paths
