"""The root app's pages: one document of all apps, shown by assets that the process serves itself."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
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
from starlette.types import ASGIApp, Scope

from composer.openapi import OpenAPIMergeError, merge_openapi

_log = logging.getLogger("composer")

_Json: TypeAlias = dict[str, Any]
_Page: TypeAlias = Callable[[Request], Awaitable[HTMLResponse]]

# Both viewers style their elements from scripts, and FastAPI starts them by an inline one. Whatever an app's
# description or a viewer's own footer would load from another host is not loaded.
_POLICY = (
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Hold an app that may take part in the merged document: its name, its prefix, itself."""

    name: str
    prefix: str
    app: ASGIApp

    def document(self) -> _Json | None:
        """Return the app's own document; None where it has none or keeps it private (`openapi_url=None`)."""
        if isinstance(self.app, FastAPI) and self.app.openapi_url:
            return self.app.openapi()
        return None


def merged_document(root: FastAPI, sources: Iterable[Source]) -> Callable[[], _Json]:
    """Return a function that merges the documents of the root's own routes and of all apps.

    It asks each app at each call and merges again only where one gave another document than before. An app
    that fails at it, or whose document can't be merged, is left out, and the log says which and why.
    """
    return _Merged(root, tuple(sources))


class _Merged:
    def __init__(self, root: FastAPI, sources: tuple[Source, ...]) -> None:
        self._root = root
        # Before install_docs() puts this object in its place.
        self._own = root.openapi
        self._sources = sources
        self._read: list[_Json] = []
        self._merged: _Json = {}
        self._told: set[str] = set()

    def __call__(self) -> _Json:
        own = self._own()
        documents = {source: self._document(source) for source in self._sources}
        read = [own, *(document for document in documents.values() if document is not None)]
        if len(read) != len(self._read) or any(new is not old for new, old in zip(read, self._read, strict=True)):
            apps = [(each.name, each.prefix, found) for each, found in documents.items() if found is not None]
            self._merged = self._merge(own, apps)
            self._read = read
        return self._merged

    def _document(self, source: Source) -> _Json | None:
        try:
            return source.document()
        except Exception as error:
            self._tell(source.name, f"{type(error).__name__}: {error}", error)
            return None

    def _merge(self, own: _Json, apps: list[tuple[str, str, _Json]]) -> _Json:
        name = "root" if all(app[0] != "root" for app in apps) else "composition"
        given = [*apps, (name, "", _own_part(own))] if own.get("paths") or own.get("webhooks") else apps
        while True:
            try:
                merged = merge_openapi(given, title=self._root.title, version=self._root.version)
            except OpenAPIMergeError as error:
                for fault in error.faults:
                    self._tell(fault.app, f"{fault.pointer}: {fault.message}")
                faulty = {fault.app for fault in error.faults}
                given = [source for source in given if source[0] not in faulty]
            else:
                return _headed(own, merged)

    def _tell(self, app: str, cause: str, error: Exception | None = None) -> None:
        if (text := f"{app}: {cause}") not in self._told:
            # Asked for again at each request, an app fails again; once in the log is enough.
            self._told.add(text)
            _log.error("the documents of all apps are shown without that of %s", text, exc_info=error)


def _own_part(own: _Json) -> _Json:
    """Leave to the root's own routes the tags that they use: the others describe those of the apps."""
    used = _used_tags(own)
    tags = [tag for tag in own.get("tags", []) if tag["name"] in used]
    rest = {key: value for key, value in own.items() if key != "tags"}
    return rest | ({"tags": tags} if tags else {})


def _used_tags(own: _Json) -> set[str]:
    items = own.get("paths", {}).values()
    return {tag for item in items for each in item.values() if isinstance(each, dict) for tag in each.get("tags", [])}


def _headed(own: _Json, merged: _Json) -> _Json:
    """Put what the root says of the composition as a whole before what the apps say of themselves."""
    texts = [own["info"].get("description"), merged["info"].get("description")]
    info = {**merged["info"], **own["info"]}
    if any(texts):
        info["description"] = "\n\n".join(dict.fromkeys(text for text in texts if text))
    headed = {**merged, "info": info}
    headed.update({key: own[key] for key in ("servers", "externalDocs") if key in own})
    described = {tag["name"] for tag in merged.get("tags", [])}
    if added := [tag for tag in own.get("tags", []) if tag["name"] not in described | _used_tags(own)]:
        headed["tags"] = [*added, *merged.get("tags", [])]
    return headed


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
