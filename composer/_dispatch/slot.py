"""One app under its prefix, which gets the scope that a server started with `--root-path /prefix` would hand to it."""

from typing import Any

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._compat.fastapi import SCOPE_KEYS, TELEMETRY
from composer._compat.opentelemetry import is_observed, observes_by_itself
from composer._compat.releases import fast_path_is_on
from composer._compat.starlette import ROUTING_KEYS
from composer._observe.record import name_span
from composer._problem_json import unavailable
from composer._scope import SCOPE_INTERNAL, SCOPE_RECORD, SCOPE_THREADS
from composer._threads import POOL, Pool

# What the root's own routing leaves in the scope, besides `app`; a mounted app would mistake it for its own.
_KEYS_OF_ROOT = ROUTING_KEYS | SCOPE_KEYS

NO_LIFESPAN = unavailable(
    "The server ran no lifespan, so no app was started. Serve the composition with lifespans on; in a test, write "
    "`with TestClient(app) as client:`."
)


class Slot:
    """One app under its prefix: the state of its lifespan, and the ASGI app that answers its requests at the moment.

    `answer` always runs with the app's own pool of threads. `inner` is the app without composer's layers.
    """

    __slots__ = ("_app", "_inner", "_observes", "answer", "name", "pool", "prefix", "state")

    def __init__(self, prefix: str, app: ASGIApp, name: str = "", inner: ASGIApp | None = None) -> None:
        self.prefix = prefix.rstrip("/")
        self.name = name
        self.state: dict[str, Any] = {}
        self.pool = Pool()
        self._app = app
        self._inner = inner
        self._observes = True
        self.answer = NO_LIFESPAN

    def open(self) -> None:
        """Let the app itself answer, once its lifespan is up."""
        self.answer = self._app
        self._observes = not fast_path_is_on() or observes_by_itself(self._inner)

    def close(self, answer: ASGIApp) -> None:
        """Let `answer` answer in place of the app."""
        self.answer = answer

    async def __call__(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        """Hand a request on as a server that runs this app alone would; `path` is the path below the root."""
        child = dict(scope)
        child.pop("app", None)
        # The fast path sets none of these keys; one set test is cheaper than popping each.
        if not _KEYS_OF_ROOT.isdisjoint(child):
            for key in _KEYS_OF_ROOT:
                child.pop(key, None)
        root_path = scope.get("root_path", "")
        child["root_path"] = root_path + self.prefix
        if path == self.prefix:
            path = f"{path}/"
            if child.get("raw_path") is not None:
                child["raw_path"] += b"/"
        child["path"] = root_path + path
        child["state"] = {**scope.get("state", {}), **self.state}
        child[SCOPE_THREADS] = self.pool
        if SCOPE_RECORD in child:
            child[SCOPE_RECORD].hand_on(self.name, self.prefix, child)
        if TELEMETRY in child:
            name_span(child, self.name, self.prefix)
        elif not (self._observes or is_observed()):
            # FastAPI's own mark of a request that isn't observed: without it, FastAPI looks again, which takes 2.6 µs.
            child[TELEMETRY] = None
        before = POOL.set(self.pool)
        try:
            await self.answer(child, receive, send)
        finally:
            POOL.reset(before)

    async def at(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request of composer's own, whose path is relative to the app."""
        await self({**scope, SCOPE_INTERNAL: True}, self.prefix + scope["path"], receive, send)
