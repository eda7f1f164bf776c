"""What the pages say, and the policy that they say it under."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse

Page: TypeAlias = Callable[[Request], Awaitable[HTMLResponse]]

# Both viewers style their elements from scripts, and FastAPI starts them by an inline one. Whatever an app's
# description or a viewer's own footer would load from another host is not loaded.
_POLICY = (
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class AppEntry:
    """Tell what the pages show of one app.

    `title` is the app's own, `owner` and `description` (plain text) come from settings; each is empty where there is
    none. `state` is the value of a `State`, `reason` why it isn't up. `shown` says that its operations are part of the
    document, `private` that it keeps its document to itself, `fault` why its document was left out.
    """

    name: str
    prefix: str
    title: str
    owner: str
    description: str
    state: str
    reason: str
    shown: bool
    private: bool
    fault: str


def swagger(root: FastAPI, assets: str) -> Page:
    """Make the page of Swagger UI."""

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


def redoc(root: FastAPI, assets: str) -> Page:
    """Make the page of ReDoc."""

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
