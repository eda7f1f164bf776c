"""A guard before an app that has none of its own: a dependency that FastAPI asks before each of the app's requests."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from fastapi import FastAPI, Request, Response, Security, WebSocket
from fastapi.routing import APIRoute

from composer._asgi import ASGIApp, Message, Receive, Scope, Send
from composer._requests import INSIDE

Json: TypeAlias = dict[str, Any]

# Where the gate notes in the scope that the guard let the request pass.
_PASSED: Final = "composer.passed"
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Guard:
    """Ask a dependency, as `Security(dependency)` of a handler would be, before anything of an app runs.

    `exempt` are paths of the app, without its prefix, that need no guard; one that ends with a slash stands for all
    that are below it.
    """

    def __init__(self, dependency: Callable[..., Any], exempt: Sequence[str] = ()) -> None:
        self._gate = _gate(dependency)
        self._exempt = frozenset(path for path in exempt if not path.endswith("/"))
        self._exempt_below = tuple(path for path in exempt if path.endswith("/"))
        self._last: tuple[Json, Json] | None = None

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return the app behind the guard: what this refuses is answered as FastAPI answers it in a handler's place."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            is_free = INSIDE in scope or self._is_exempt(scope["path"].removeprefix(scope["root_path"]))
            if is_free or await self._passes(scope, receive, send):
                await app(scope, receive, send)

        return answer

    def _is_exempt(self, path: str) -> bool:
        return path in self._exempt or path.startswith(self._exempt_below)

    async def _passes(self, scope: Scope, receive: Receive, send: Send) -> bool:
        passed: list[bool] = []

        async def tell(message: Message) -> None:
            if not passed:
                await send(message)

        await self._gate({**scope, _PASSED: passed}, receive, tell)
        return bool(passed)

    def document(self, document: Json) -> Json:
        """Return an app's OpenAPI document with the guard as its security; the same object for the same document."""
        if self._last is None or self._last[0] is not document:
            self._last = (document, self._secured(document))
        return self._last[1]

    def _secured(self, document: Json) -> Json:
        own = self._gate.openapi()
        schemes = own.get("components", {}).get("securitySchemes", {})
        wanted = own["paths"]["/{path}"]["get"].get("security", [])
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


def _gate(dependency: Callable[..., Any]) -> FastAPI:
    """Return an app that does nothing but ask the dependency, whatever the path and the method."""
    gate = FastAPI(openapi_url=None)

    @gate.get("/{path:path}", dependencies=[Security(dependency)])
    async def passed(request: Request, path: str) -> Response:
        request.scope[_PASSED].append(True)
        return Response()

    @gate.websocket("/{path:path}", dependencies=[Security(dependency)])
    async def passed_by_websocket(websocket: WebSocket, path: str) -> None:
        websocket.scope[_PASSED].append(True)

    gate.openapi()
    for route in gate.routes:
        if isinstance(route, APIRoute):
            # Any, also one that nobody has heard of.
            route.methods = set()
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
        key: _secured_operation(value, together, default) if key in _METHODS else value for key, value in item.items()
    }


def _secured_operation(operation: Json, together: Json, default: list[Json] | None) -> Json:
    # Each of these is one way to be let in; the guard is wanted in each.
    ways = operation.get("security", default) or [{}]
    return {**operation, "security": [{**way, **together} for way in ways]}
