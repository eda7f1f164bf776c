"""The answers that composer itself gives in the place of an app, as `application/problem+json`.

Source of the format: RFC 9457.
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.websockets import WebSocketClose

from composer._asgi import ASGIApp, Receive, Scope, Send

# Close code of a WebSocket: try again later. Source: https://www.iana.org/assignments/websocket, 1013.
_TRY_AGAIN_LATER = 1013

# What a server names in the scope that can answer a WebSocket's handshake by a response.
# Source: https://asgi.readthedocs.io/en/latest/extensions.html, "WebSocket Denial Response".
_DENIAL = "websocket.http.response"


def problem_json(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the response that tells a problem; it holds nothing of a request, and may be sent any number of times."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def unavailable(detail: str, retry_after: int = 1) -> ASGIApp:
    """Make the app that answers in the place of one that can't: 503 as problem+json, which refuses a WebSocket too.

    A server that can't answer a WebSocket's handshake by a response refuses it with 1013, which most clients see as a
    bare 403. `retry_after` is in seconds.
    """
    response = problem_json(503, "Service Unavailable", detail, {"Retry-After": str(retry_after)})
    refusal = WebSocketClose(_TRY_AGAIN_LATER, detail)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_told = scope["type"] == "http" or _DENIAL in (scope.get("extensions") or {})
        await (response if is_told else refusal)(scope, receive, send)

    return answer
