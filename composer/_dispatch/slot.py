"""One app under its prefix, which gets the scope that a server started with `--root-path /prefix` would hand to it."""

from starlette.types import Receive, Scope, Send

from composer._compat.fastapi import SCOPE_KEYS, TELEMETRY
from composer._compat.opentelemetry import is_observed
from composer._compat.starlette import ROUTING_KEYS
from composer._dispatch.threads import POOL
from composer._dispatch.version import Version
from composer._observe.record import name_span
from composer._scope import SCOPE_INTERNAL, SCOPE_RECORD, SCOPE_THREADS

# What the root's own routing leaves in the scope, besides `app`; a mounted app would mistake it for its own.
_KEYS_OF_ROOT = ROUTING_KEYS | SCOPE_KEYS


class Slot:
    """One app under its prefix: requests go to the version that it points to when they come."""

    __slots__ = ("name", "prefix", "version")

    def __init__(self, prefix: str, name: str, version: Version) -> None:
        self.prefix = prefix.rstrip("/")
        self.name = name
        self.version = version

    async def __call__(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        """Hand a request on as a server that runs this app alone would; `path` is the path below the root."""
        version = self.version
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
        child["state"] = {**scope.get("state", {}), **version.state}
        child[SCOPE_THREADS] = version.pool
        if SCOPE_RECORD in child:
            child[SCOPE_RECORD].hand_on(self.name, self.prefix, child)
        if TELEMETRY in child:
            name_span(child, self.name, self.prefix)
        elif not (version.observes or is_observed()):
            # FastAPI's own mark of a request that isn't observed: without it, FastAPI looks again, which takes 2.6 µs.
            child[TELEMETRY] = None
        version.requests += 1
        before = POOL.set(version.pool)
        try:
            if child["type"] == "websocket":
                await version.answer_websocket(child, receive, send)
            else:
                await version.answer(child, receive, send)
        finally:
            POOL.reset(before)
            version.requests -= 1
            if version.ended is not None:
                version.ended.set()

    async def at(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request of composer's own, whose path is relative to the app."""
        await self({**scope, SCOPE_INTERNAL: True}, self.prefix + scope["path"], receive, send)
