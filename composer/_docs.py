"""The root app's pages: its document, shown by assets that the process serves itself."""

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_Json: TypeAlias = dict[str, Any]
_Page: TypeAlias = Callable[[Request], Awaitable[HTMLResponse]]

# Both viewers style their elements from scripts, and FastAPI starts them by an inline one. Whatever an app's
# description or a viewer's own footer would load from another host is not loaded.
_POLICY = (
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)


def install_docs(root: FastAPI, document: Callable[[], _Json]) -> None:
    """Let the root serve this document, and its pages from assets of its own instead of another host's.

    The addresses stay as the root was told (`openapi_url`, `docs_url`, `redoc_url`); where one is None, or
    something else answers there, nothing is installed. Raises ModuleNotFoundError without `fastapi-offline`.
    """
    root.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way of extending it
    pages = {root.docs_url: _swagger, root.redoc_url: _redoc}
    routes = root.router.routes
    own = [(index, route) for index, route in enumerate(routes) if _is_own(route) and route.path in pages]
    if own:
        first, shown = own[0]
        assets = f"{shown.path.rstrip('/')}/assets"
        for index, route in own:
            routes[index] = Route(route.path, pages[route.path](root, assets), include_in_schema=False)
        routes.insert(first, Mount(assets, _Assets(directory=_asset_folder())))


def _is_own(route: BaseRoute) -> TypeGuard[Route]:
    """Tell whether the route is one that FastAPI made itself."""
    return isinstance(route, Route) and getattr(route.endpoint, "__module__", "") == FastAPI.__module__


def _swagger(root: FastAPI, assets: str) -> _Page:
    async def page(request: Request) -> HTMLResponse:
        base = _base(request)
        redirect = root.swagger_ui_oauth2_redirect_url
        return _guarded(
            get_swagger_ui_html(
                openapi_url=f"{base}{root.openapi_url}",
                title=f"{root.title} - Swagger UI",
                swagger_js_url=f"{base}{assets}/swagger-ui-bundle.js",
                swagger_css_url=f"{base}{assets}/swagger-ui.css",
                swagger_favicon_url=f"{base}{assets}/favicon.png",
                oauth2_redirect_url=f"{base}{redirect}" if redirect else None,
                init_oauth=root.swagger_ui_init_oauth,
                # Its badge would send the document's address to a validator elsewhere.
                swagger_ui_parameters={"validatorUrl": None, **(root.swagger_ui_parameters or {})},
            )
        )

    return page


def _redoc(root: FastAPI, assets: str) -> _Page:
    async def page(request: Request) -> HTMLResponse:
        base = _base(request)
        return _guarded(
            get_redoc_html(
                openapi_url=f"{base}{root.openapi_url}",
                title=f"{root.title} - ReDoc",
                redoc_js_url=f"{base}{assets}/redoc.standalone.js",
                redoc_favicon_url=f"{base}{assets}/favicon.png",
                with_google_fonts=False,
            )
        )

    return page


def _base(request: Request) -> str:
    """Return the path that a proxy puts before all of ours, fit to be written into a page."""
    return quote(str(request.scope.get("root_path", "")).rstrip("/"), safe="/~")


def _guarded(page: HTMLResponse) -> HTMLResponse:
    page.headers["Content-Security-Policy"] = _POLICY
    return page


def _asset_folder() -> Path:
    # Found without being imported: only its files are of use.
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the pages need the package fastapi-offline", name="fastapi_offline")
    return Path(spec.origin).parent / "static"


class _Assets(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.setdefault("Cache-Control", "public, max-age=86400")
        return response
