"""A guard in front of an app: a dependency that FastAPI resolves before each of the app's requests."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response, Security, WebSocket
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from composer._compat.fastapi import match_any_method
from composer._json import Json
from composer._scope import SCOPE_ADMIT, SCOPE_INTERNAL
from composer.openapi._structure import as_mapping, operation_keys

# Paths that apps may read in different ways, which are never exempt: with a segment `.` or `..`, even if encoded again
# or followed by what would begin a query, a backslash, an encoded slash, or a control character.
_AMBIGUOUS: Final = re.compile(
    r"(?:^|/)(?:\.|%(?:25)*2e){1,2}(?:[/;?#]|$)|[\\\x00-\x1f\x7f]|%(?:25)*(?:2f|5c|[01][0-9a-f]|7f)", re.IGNORECASE
)


class Guard:
    """Resolve a dependency, as `Security(dependency)` of a handler, before any code of an app runs.

    The code after the `yield` of such a dependency runs when the app has ended the request; it sees what the app
    raises, but can't change the answer. `exempt` are paths of the app, without its prefix, that need no guard; one that
    ends with a slash includes all paths below it. An ambiguous path, such as one with `..`, is never exempt.
    """

    def __init__(self, dependency: Callable[..., Any], exempt: Sequence[str] = ()) -> None:
        self._gate = _gate(dependency)
        self._exempt = frozenset(path for path in exempt if not path.endswith("/"))
        self._exempt_below = tuple(path for path in exempt if path.endswith("/"))

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return the app behind the guard, whose refusals are answered as FastAPI answers those of a dependency."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if SCOPE_INTERNAL in scope or self._is_open(scope):
                await app(scope, receive, send)
                return
            admitted, error = False, None

            async def admit() -> None:
                nonlocal admitted, error
                admitted = True
                try:
                    # Past the layers of the gate.
                    await app(scope, receive, send)
                except BaseException as raised:
                    error = raised
                    raise

            async def refuse(message: Message) -> None:
                if not admitted:
                    await send(message)

            await self._gate({**scope, SCOPE_ADMIT: admit}, receive, refuse)
            if error is not None:
                # The gate turned it into an answer.
                raise error

        return answer

    def _is_open(self, scope: Scope) -> bool:
        path = scope["path"].removeprefix(scope["root_path"])
        # Some apps match their routes against the one, some against the other.
        return self._is_exempt(path) and not (
            _AMBIGUOUS.search(path) or _AMBIGUOUS.search((scope.get("raw_path") or b"").decode("latin-1"))
        )

    def _is_exempt(self, path: str) -> bool:
        return path in self._exempt or path.startswith(self._exempt_below)

    def secured(self, document: Json) -> Json:
        """Return an app's OpenAPI document with the guard as its security."""
        own = self._gate.openapi()
        schemes = own.get("components", {}).get("securitySchemes", {})
        requirements = next(iter(own["paths"].values()))["get"].get("security", [])
        existing = document.get("components", {}).get("securitySchemes", {})
        names = {name: _free_name(name, scheme, existing) for name, scheme in schemes.items()}
        # A handler's dependencies are all resolved, so all of their requirements apply together.
        together = {names[name]: scopes for requirement in requirements for name, scopes in requirement.items()}
        paths = {
            path: item if self._is_exempt(path) else _secured_item(item, together, document.get("security"))
            for path, item in document.get("paths", {}).items()
        }
        added = {names[name]: scheme for name, scheme in schemes.items()}
        components = {**document.get("components", {}), "securitySchemes": {**existing, **added}}
        return {**document, "paths": paths, "components": components}


def _gate(dependency: Callable[..., Any]) -> FastAPI:
    """Return an app that resolves the dependency, for every path and method, and admits the request that waits.

    Its handlers wait for the app, so FastAPI exits the dependency after that.
    """
    gate = FastAPI(openapi_url=None)

    @gate.get("/{path:path}", dependencies=[Security(dependency)])
    async def admit(request: Request, path: str) -> Response:
        await request.scope[SCOPE_ADMIT]()
        return Response()

    @gate.websocket("/{path:path}", dependencies=[Security(dependency)])
    async def admit_websocket(websocket: WebSocket, path: str) -> None:
        await websocket.scope[SCOPE_ADMIT]()

    gate.openapi()
    for route in gate.routes:
        if isinstance(route, APIRoute):
            match_any_method(route)
    return gate


def _free_name(name: str, scheme: Any, taken: Json) -> str:
    """Return a name for a scheme that no other scheme of the document has."""
    while taken.get(name, scheme) != scheme:
        name = f"{name}Guard"
    return name


def _secured_item(item: Any, together: Json, default: list[Json] | None) -> Any:
    if not isinstance(item, dict):
        return item
    secured = {key: _secured_operation(item[key], together, default) for key in operation_keys(item)}
    if additional := as_mapping(item.get("additionalOperations")):
        secured["additionalOperations"] = {
            key: _secured_operation(operation, together, default) for key, operation in additional.items()
        }
    return item | secured


def _secured_operation(operation: Json, together: Json, default: list[Json] | None) -> Json:
    # These are alternatives; the guard applies to each.
    alternatives = operation.get("security", default) or [{}]
    return {**operation, "security": [{**requirement, **together} for requirement in alternatives]}
