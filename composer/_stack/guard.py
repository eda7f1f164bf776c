"""A guard before an app that has none of its own: a dependency that FastAPI asks before each of the app's requests."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response, Security, WebSocket
from fastapi.routing import APIRoute

from composer._asgi import ASGIApp, Message, Receive, Scope, Send
from composer._compat.fastapi import match_any_method
from composer._json import Json
from composer._scope import SCOPE_BEHIND, SCOPE_INTERNAL
from composer.openapi._structure import OPERATION_METHODS

# What makes a path mean different things to different readers, and is never exempt: a segment `.` or `..`, also where
# it is encoded again or ends where a query would begin, a backslash, an encoded slash, or a control character.
_UNCLEAR: Final = re.compile(
    r"(?:^|/)(?:\.|%(?:25)*2e){1,2}(?:[/;?#]|$)|[\\\x00-\x1f\x7f]|%(?:25)*(?:2f|5c|[01][0-9a-f]|7f)", re.IGNORECASE
)


class Guard:
    """Ask a dependency, as `Security(dependency)` of a handler would be, before anything of an app runs.

    What comes after the `yield` of one that has it runs when the app is done with the request; it sees what the app
    raises, and can't answer something else. `exempt` are paths of the app, without its prefix, that need no guard; one
    that ends with a slash stands for all that are below it. A path that could lead out of there by the way that the app
    reads it, as one with `..` does, is never exempt.
    """

    def __init__(self, dependency: Callable[..., Any], exempt: Sequence[str] = ()) -> None:
        self._gate = _gate(dependency)
        self._exempt = frozenset(path for path in exempt if not path.endswith("/"))
        self._exempt_below = tuple(path for path in exempt if path.endswith("/"))

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return the app behind the guard: what this refuses is answered as FastAPI answers it in a handler's place."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if SCOPE_INTERNAL in scope or self._is_free(scope):
                await app(scope, receive, send)
                return
            behind = _Behind(app, scope, receive, send)
            await self._gate({**scope, SCOPE_BEHIND: behind}, receive, behind.refuse)
            behind.check()

        return answer

    def _is_free(self, scope: Scope) -> bool:
        path = scope["path"].removeprefix(scope["root_path"])
        # Some apps look for their routes in the one, some in the other.
        return self._is_exempt(path) and not (
            _UNCLEAR.search(path) or _UNCLEAR.search((scope.get("raw_path") or b"").decode("latin-1"))
        )

    def _is_exempt(self, path: str) -> bool:
        return path in self._exempt or path.startswith(self._exempt_below)

    def secured(self, document: Json) -> Json:
        """Return an app's OpenAPI document with the guard as its security."""
        own = self._gate.openapi()
        schemes = own.get("components", {}).get("securitySchemes", {})
        wanted = next(iter(own["paths"].values()))["get"].get("security", [])
        theirs = document.get("components", {}).get("securitySchemes", {})
        names = {name: _free_name(name, scheme, theirs) for name, scheme in schemes.items()}
        # All dependencies of a handler are asked, so all that they want is wanted together.
        together = {names[name]: scopes for need in wanted for name, scopes in need.items()}
        paths = {
            path: item if self._is_exempt(path) else _secured_item(item, together, document.get("security"))
            for path, item in document.get("paths", {}).items()
        }
        added = {names[name]: scheme for name, scheme in schemes.items()}
        components = {**document.get("components", {}), "securitySchemes": {**theirs, **added}}
        return {**document, "paths": paths, "components": components}


class _Behind:
    """What waits behind the gate: the app, and one request for it as it came."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._request = scope, receive
        self._send = send
        self._is_let_in = False
        self._error: BaseException | None = None

    async def let_in(self) -> None:
        """Let the app answer, past whatever the gate has around its handlers."""
        self._is_let_in = True
        try:
            await self._app(*self._request, self._send)
        except BaseException as error:
            self._error = error
            raise

    async def refuse(self, message: Message) -> None:
        """Send what the gate answers; once the app has been let in, nobody hears it."""
        if not self._is_let_in:
            await self._send(message)

    def check(self) -> None:
        """Raise what the app has raised, where the gate took it for something to answer."""
        if self._error is not None:
            raise self._error


def _gate(dependency: Callable[..., Any]) -> FastAPI:
    """Return an app that asks the dependency, whatever the path and the method, and lets in to what is behind it.

    The handlers wait for the app, so FastAPI leaves the dependency after that.
    """
    gate = FastAPI(openapi_url=None)

    @gate.get("/{path:path}", dependencies=[Security(dependency)])
    async def passed(request: Request, path: str) -> Response:
        await request.scope[SCOPE_BEHIND].let_in()
        return Response()

    @gate.websocket("/{path:path}", dependencies=[Security(dependency)])
    async def passed_by_websocket(websocket: WebSocket, path: str) -> None:
        await websocket.scope[SCOPE_BEHIND].let_in()

    gate.openapi()
    for route in gate.routes:
        if isinstance(route, APIRoute):
            match_any_method(route)
    return gate


def _free_name(name: str, scheme: Any, taken: Json) -> str:
    """Return the name for a scheme that no other scheme of the document has."""
    while taken.get(name, scheme) != scheme:
        name = f"{name}Guard"
    return name


def _secured_item(item: Any, together: Json, default: list[Json] | None) -> Any:
    if not isinstance(item, dict):
        return item
    return {
        key: _secured_operation(value, together, default) if key in OPERATION_METHODS else value
        for key, value in item.items()
    }


def _secured_operation(operation: Json, together: Json, default: list[Json] | None) -> Json:
    # Each of these is one way to be let in; the guard is wanted in each.
    ways = operation.get("security", default) or [{}]
    return {**operation, "security": [{**way, **together} for way in ways]}
