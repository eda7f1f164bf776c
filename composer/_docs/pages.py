"""What the pages say: HTML without any script of its own, with all that a viewer needs to know in a block of JSON."""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.openapi.docs import swagger_ui_default_parameters
from starlette.requests import Request
from starlette.responses import HTMLResponse

from composer._docs.assets import assets_version
from composer._docs.policy import policy
from composer._json import Json

GetDocument: TypeAlias = Callable[[], Awaitable[Json]]


class AppEntry(NamedTuple):
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


GetApps: TypeAlias = Callable[[], Sequence[AppEntry]]
Page: TypeAlias = Callable[["PageContext", Request], Awaitable[HTMLResponse]]


class PageContext(NamedTuple):
    """Say what an app's pages show: which app's they are, below which path their files are, and what they read.

    `apps` is None where the pages are those of one app, which then look as FastAPI's own do.
    """

    app: FastAPI
    base: str
    connect_origins: Callable[[], Awaitable[tuple[str, ...]]]
    apps: GetApps | None


async def swagger(context: PageContext, request: Request) -> HTMLResponse:
    """Make the page of Swagger UI."""
    app, root_path = context.app, _root_path(request)
    # First of all: once the document is made, it is known what there is to tell of each app.
    origins = await context.connect_origins()
    redirect = app.swagger_ui_oauth2_redirect_url
    # Its badge would send the document's address to a validator elsewhere.
    parameters = {**swagger_ui_default_parameters, "validatorUrl": None, **(app.swagger_ui_parameters or {})}
    configuration = {
        "parameters": jsonable_encoder(parameters),
        "explicit": sorted(app.swagger_ui_parameters or {}),
        "oauth": jsonable_encoder(app.swagger_ui_init_oauth),
        "redirect": f"{root_path}{redirect}" if redirect else None,
    }
    return _page_response(_html(context, root_path, "Swagger UI", "swagger-ui", configuration), origins)


async def redoc(context: PageContext, request: Request) -> HTMLResponse:
    """Make the page of ReDoc."""
    await context.connect_origins()
    # ReDoc makes its styles while it runs, and marks them by this.
    nonce = secrets.token_urlsafe(16)
    return _page_response(_html(context, _root_path(request), "ReDoc", "redoc", {"nonce": nonce}), nonce=nonce)


async def oauth2_redirect(context: PageContext, request: Request) -> HTMLResponse:
    """Make the page that an authorisation server sends the browser back to, for Swagger UI to take over."""
    script = f"{_root_path(request)}{context.base}/assets/oauth2-redirect.js?v={assets_version()}"
    head = f'<title>Authorisation</title>\n<script src="{escape(script)}"></script>'
    return _page_response(f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n{head}\n</html>\n')


_SCRIPTS = {
    "swagger-ui": ("common.js", "reachable.js", "swagger-ui-bundle.js", "docs.js"),
    "redoc": ("common.js", "redoc.standalone.js", "redoc.js"),
}
_STYLES = {"swagger-ui": ("swagger-ui.css", "pages.css"), "redoc": ("pages.css",)}


def _html(context: PageContext, root_path: str, viewer: str, element: str, configuration: Json) -> str:
    assets = escape(f"{root_path}{context.base}/assets")
    tag = assets_version()
    styles = "\n".join(f'<link rel="stylesheet" href="{assets}/{name}?v={tag}">' for name in _STYLES[element])
    scripts = "\n".join(f'<script src="{assets}/{name}?v={tag}"></script>' for name in _SCRIPTS[element])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(context.app.title)} - {viewer}</title>
<link rel="icon" href="{assets}/favicon.png?v={tag}">
{styles}
</head>
<body>
<noscript>This page needs JavaScript.</noscript>
<div id="{element}"></div>
<script type="application/json" id="configuration">{_in_script(_common(context, root_path) | configuration)}</script>
{scripts}
</body>
</html>
"""


def _common(context: PageContext, root_path: str) -> Json:
    app, document = context.app, f"{root_path}{context.app.openapi_url}"
    common: Json = {"document": document, "title": app.title, "description": app.description, "apps": None}
    if context.apps is not None:
        common |= {"apps": [entry._asdict() for entry in context.apps()], "states": f"{root_path}{context.base}/apps"}
    return common


def _in_script(value: Any) -> str:
    # Nothing in it may close the element or open a comment.
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _root_path(request: Request) -> str:
    """Return the path that a proxy puts before all of ours, fit to be written into a page."""
    return quote(str(request.scope.get("root_path", "")).rstrip("/"), safe="/~")


def _page_response(html: str, origins: Sequence[str] = (), nonce: str = "") -> HTMLResponse:
    # A state or a nonce that is kept would be an old one.
    headers = {"Content-Security-Policy": policy(origins, nonce), "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)
