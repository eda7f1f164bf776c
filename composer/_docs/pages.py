"""The HTML of the pages: without inline scripts; the viewers' configuration is in a block of JSON."""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.openapi.docs import swagger_ui_default_parameters
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse

from composer._compat.fastapi import option_of
from composer._docs.assets import assets_version
from composer._docs.policy import document_origins, policy
from composer._json import Json


class AppEntry(NamedTuple):
    """Represent an app on the pages.

    Attributes:
        name: Name of the app.
        prefix: Path that it is mounted under.
        title: Title of the app's own document, or "".
        owner: Owner from the settings, or "".
        description: Description from the settings, in plain text, or "".
        state: Value of its `State`.
        reason: Why it isn't up, or "".
        shown: Whether its operations are part of the document.
        private: Whether it doesn't publish its document.
        fault: Why its document, or a part of it, isn't included, or "".
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
    """Represent what the pages of an app need.

    Attributes:
        app: The FastAPI app.
        base: Path that the pages' files are served under.
        document: Returns the current document.
        apps: Returns the apps of the composition; None for an app's own pages, which look like FastAPI's.
    """

    app: FastAPI
    base: str
    document: Callable[[], Awaitable[Json]]
    apps: GetApps | None


async def swagger(context: PageContext, request: Request) -> HTMLResponse:
    """Return the page of Swagger UI."""
    app, root_path = context.app, _root_path(request)
    # Must come first: generating the document determines the state of each app that the page shows.
    origins = await _connect_origins(context)
    redirect = option_of(app, "swagger_ui_oauth2_redirect_url")
    # Swagger UI's validator badge would send the document's URL to another host.
    parameters = {
        **swagger_ui_default_parameters,
        "validatorUrl": None,
        **(option_of(app, "swagger_ui_parameters") or {}),
    }
    configuration = {
        "parameters": jsonable_encoder(parameters),
        "explicit": sorted(option_of(app, "swagger_ui_parameters") or {}),
        "oauth": jsonable_encoder(option_of(app, "swagger_ui_init_oauth")),
        "redirect": f"{root_path}{redirect}" if redirect else None,
    }
    return _page_response(_html(context, root_path, "Swagger UI", "swagger-ui", configuration), origins)


async def redoc(context: PageContext, request: Request) -> HTMLResponse:
    """Return the page of ReDoc."""
    await _connect_origins(context)
    # ReDoc creates styles at run time; the nonce allows them.
    nonce = secrets.token_urlsafe(16)
    return _page_response(_html(context, _root_path(request), "ReDoc", "redoc", {"nonce": nonce}), nonce=nonce)


async def oauth2_redirect(context: PageContext, request: Request) -> HTMLResponse:
    """Return the page that an OAuth server redirects to; it hands the result to Swagger UI."""
    script = f"{_root_path(request)}{context.base}/assets/oauth2-redirect.js?v={assets_version()}"
    head = f'<title>Authorisation</title>\n<script src="{escape(script)}"></script>'
    return _page_response(f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n{head}\n</html>\n')


async def _connect_origins(context: PageContext) -> tuple[str, ...]:
    """Return the origins that the page may send requests to; none if the document fails, which its route reports."""
    try:
        return await run_in_threadpool(document_origins, await context.document())
    except Exception:
        return ()


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
<noscript>This page requires JavaScript.</noscript>
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
    # Escaped so that no value can close the script element or open a comment.
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _root_path(request: Request) -> str:
    """Return the request's root path, escaped for use in HTML."""
    return quote(str(request.scope.get("root_path", "")).rstrip("/"), safe="/~")


def _page_response(html: str, origins: Sequence[str] = (), nonce: str = "") -> HTMLResponse:
    # A cached page would have outdated states and nonces.
    headers = {"Content-Security-Policy": policy(origins, nonce), "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)
