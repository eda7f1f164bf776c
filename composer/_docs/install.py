"""The installation of the pages in place of FastAPI's own, at the same URLs."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from composer._compat.fastapi import is_own_page, knows_own_pages, option_of
from composer._docs.assets import asset, viewers_folder
from composer._docs.document import DocumentRoute, GetDocument
from composer._docs.pages import AppEntry, GetApps, Page, PageContext, oauth2_redirect, redoc, swagger
from composer._json import Json

log = logging.getLogger("composer")


def install_docs(
    root: FastAPI,
    document: GetDocument,
    apps: Callable[[], Sequence[AppEntry]],
) -> None:
    """Install routes in the root that serve this document, and pages that list the apps, with local assets.

    The URLs are the root's `openapi_url`, `docs_url` and `redoc_url`; nothing is installed where one is None, or has a
    route other than FastAPI's own.
    """

    async def plain_document() -> Json:
        return (await document()).document

    _replace(root, {root.openapi_url: DocumentRoute(root, document).__call__})
    _install_pages(root, plain_document, apps)


def install_own_docs(app: FastAPI) -> None:
    """Replace an app's own pages with ones that load their assets from the app instead of another host.

    Pages that aren't FastAPI's stay as they are, and so does the app's document. Repeated calls have no effect.
    """
    _install_pages(app, lambda: run_in_threadpool(app.openapi), None)


def _install_pages(app: FastAPI, document: Callable[[], Awaitable[Json]], apps: GetApps | None) -> None:
    pages: dict[str | None, Page] = {app.docs_url: swagger, app.redoc_url: redoc}
    own = [(index, route.path) for index, route in enumerate(app.router.routes) if is_own_page(route)]
    first, path = next(((index, path) for index, path in own if path in pages), (None, ""))
    if first is None:
        if app.openapi_url and any(pages) and not knows_own_pages():
            log.warning("the docs pages of %r load their assets from a CDN: unsupported release of FastAPI", app.title)
        return
    if viewers_folder() is None:
        return
    base = path.rstrip("/")
    context = PageContext(app, base, document, apps)
    pages[option_of(app, "swagger_ui_oauth2_redirect_url")] = oauth2_redirect
    _replace(app, {path: _PageApp(page, context) for path, page in pages.items()})
    app.router.routes[first:first] = _extra_routes(context)


class _PageApp:
    """Serve one page. A composition has several per app, so instances use slots to save memory."""

    __slots__ = ("_context", "page")

    def __init__(self, page: Page, context: PageContext) -> None:
        self.page = page
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        response = await self.page(self._context, Request(scope, receive, send))
        await response(scope, receive, send)


# Cached, because apps whose pages have the same URL can share one route.
@cache
def _assets_route(base: str) -> Route:
    return Route(f"{base}/assets/{{name}}", asset, include_in_schema=False)


def _extra_routes(context: PageContext) -> list[BaseRoute]:
    """Return the additional routes that the pages need: assets, and the states of the apps."""
    assets = _assets_route(context.base)
    if (apps := context.apps) is None:
        return [assets]

    async def states(request: Request) -> Response:
        # ASCII, because a title may contain half of a surrogate pair, which UTF-8 can't encode.
        entries = json.dumps([entry._asdict() for entry in apps()])
        return Response(entries, headers={"Cache-Control": "no-store"}, media_type="application/json")

    return [assets, Route(f"{context.base}/apps", states, include_in_schema=False)]


def _replace(app: FastAPI, endpoints: Mapping[str | None, Callable[..., Any]]) -> None:
    """Replace FastAPI's own routes with others that have the same paths, methods and names."""
    routes = app.router.routes
    for index, route in enumerate(routes):
        if is_own_page(route) and route.path in endpoints:
            routes[index] = _route_like(route, endpoints[route.path])


def _route_like(route: Route, endpoint: Callable[..., Any]) -> Route:
    methods = list(route.methods or ["GET"])
    copy = Route(route.path, endpoint, methods=methods, name=route.name, include_in_schema=False)
    if isinstance(endpoint, _PageApp):
        # Code that inspects the routes sees the function that serves the page, as with FastAPI's own.
        copy.endpoint = endpoint.page
    return copy
