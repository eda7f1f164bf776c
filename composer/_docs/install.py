"""The pages put where FastAPI's own would be, at the same addresses."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from composer._asgi import Receive, Scope, Send
from composer._compat.fastapi import is_own_page
from composer._docs.assets import asset, viewers_folder
from composer._docs.document import ConnectOrigins, DocumentRoute
from composer._docs.pages import AppEntry, GetApps, GetDocument, Page, PageContext, oauth2_redirect, redoc, swagger


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
    _install_pages(app, lambda: run_in_threadpool(app.openapi), None)


def _install_pages(app: FastAPI, document: GetDocument, apps: GetApps | None) -> None:
    pages: dict[str | None, Page] = {app.docs_url: swagger, app.redoc_url: redoc}
    own = [(index, route.path) for index, route in enumerate(app.router.routes) if is_own_page(route)]
    first, path = next(((index, path) for index, path in own if path in pages), (None, ""))
    if first is None:
        return
    viewers_folder()
    base = path.rstrip("/")
    context = PageContext(app, base, ConnectOrigins(document), apps)
    pages[app.swagger_ui_oauth2_redirect_url] = oauth2_redirect
    _replace(app, {path: _PageApp(page, context) for path, page in pages.items()})
    app.router.routes[first:first] = _extra_routes(context)


class _PageApp:
    """Answer requests for one page; a composition has some for each app, so they are small."""

    __slots__ = ("_context", "page")

    def __init__(self, page: Page, context: PageContext) -> None:
        self.page = page
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self.page(self._context, Request(scope, receive, send))
        await response(scope, receive, send)


# One for all apps whose pages are at the same address.
@cache
def _assets_route(base: str) -> Route:
    return Route(f"{base}/assets/{{name}}", asset, include_in_schema=False)


def _extra_routes(context: PageContext) -> list[BaseRoute]:
    """Return the routes that the pages need besides their own."""
    assets = _assets_route(context.base)
    if (apps := context.apps) is None:
        return [assets]

    async def states(request: Request) -> Response:
        # In ASCII: a title from an app's document may hold half of a surrogate pair, which UTF-8 can't have.
        entries = json.dumps([entry._asdict() for entry in apps()])
        return Response(entries, headers={"Cache-Control": "no-store"}, media_type="application/json")

    return [assets, Route(f"{context.base}/apps", states, include_in_schema=False)]


def _replace(app: FastAPI, endpoints: Mapping[str | None, Callable[..., Any]]) -> None:
    """Put other routes in the place of FastAPI's own ones, with the same paths, methods and names."""
    routes = app.router.routes
    for index, route in enumerate(routes):
        if is_own_page(route) and route.path in endpoints:
            routes[index] = _route_like(route, endpoints[route.path])


def _route_like(route: Route, endpoint: Callable[..., Any]) -> Route:
    methods = list(route.methods or ["GET"])
    copy = Route(route.path, endpoint, methods=methods, name=route.name, include_in_schema=False)
    if isinstance(endpoint, _PageApp):
        # What looks at the routes sees the function that answers, as at FastAPI's own pages.
        copy.endpoint = endpoint.page
    return copy
