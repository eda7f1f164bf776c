"""Responses of composer in the place of an app, as `application/problem+json`.

Source of the format: RFC 9457.
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

PROBLEM_JSON = "application/problem+json"

# Close code of a WebSocket: try again later. Source: https://www.iana.org/assignments/websocket, 1013.
_TRY_AGAIN_LATER = 1013

# The extension of servers that can answer a WebSocket's handshake by a response.
# Source: https://asgi.readthedocs.io/en/latest/extensions.html, "WebSocket Denial Response".
_DENIAL = "websocket.http.response"


def problem_json(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a response that describes a problem; it is independent of the request, and can be sent repeatedly."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type=PROBLEM_JSON)


def unavailable(detail: str, retry_after: int = 1) -> ASGIApp:
    """Return an app that answers every request and WebSocket with 503 as problem+json; `retry_after` is in seconds.

    A server that can't answer a WebSocket's handshake by a response refuses it with 1013, which most clients see as a
    bare 403.
    """
    response = problem_json(503, "Service Unavailable", detail, {"Retry-After": str(retry_after)})
    refusal = WebSocketClose(_TRY_AGAIN_LATER, detail)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        can_respond = scope["type"] == "http" or _DENIAL in (scope.get("extensions") or {})
        await (response if can_respond else refusal)(scope, receive, send)

    return answer
