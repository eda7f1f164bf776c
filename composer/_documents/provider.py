"""The OpenAPI document of one app: where it comes from, and what it was when it was last read."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import ASGIApp

from composer._compat.fastapi import cached_document
from composer._dispatch.slot import Slot
from composer._dispatch.version import Version
from composer._documents.disk_cache import cache_file, load_document, save_document
from composer._documents.guest import DocumentError, Guest
from composer._json import Json
from composer._lifecycle.run import Lifecycle
from composer._model import BuiltApp, State
from composer._secrets import Secrets
from composer._stack.foreign_paths import adapt_guest
from composer._stack.guard import Guard
from composer._wire.deferred import DeferredApp

# For a document that only making it would reveal; None means that there is none.
UNKNOWN: Final = object()


class Provider(NamedTuple):
    """Represent a way to get a document.

    Attributes:
        make: Returns the document, or None if there is none.
        known: Returns what `make` would return, at once and without making it, or UNKNOWN.
        guest: Requests the document; must be asked before `make`.
        private: Whether the app doesn't publish its document.
    """

    make: Callable[[], Any]
    known: Callable[[], Any] = lambda: UNKNOWN
    guest: Guest | None = None
    private: bool = False


class Source:
    """Represent the document of one app, or of the root's own routes, as it was when it was last read.

    Attributes:
        name: Name of the app.
        prefix: Path that it is mounted under.
        guest: Requests the document; must be asked before `read`.
        private: Whether the app doesn't publish its document.
        serves: Returns whether the app has a route for a path.
        document: The document with the app's guard as its security, or None; never changed, only replaced.
        title: The title in the document, or "".
        fault: Why there is no document although there should be one, or ""; may be shown to anybody.
        error: The exception behind the fault, for the log.
    """

    def __init__(
        self,
        name: str,
        prefix: str,
        provider: Provider,
        secrets: Secrets,
        *,
        guard: Guard | None = None,
        file: Path | None = None,
        serves: Callable[[str], bool] = lambda path: False,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.guest = provider.guest
        self.private = provider.private
        self.serves = serves
        self.document: Json | None = None
        self.title = ""
        self.fault = ""
        self.error: BaseException | None = None
        self._make = provider.make
        self._known = provider.known
        self._secrets = secrets
        self._guard = guard
        self._file = file
        self._made: Any = UNKNOWN
        self._digest: bytes | None = None

    def is_current(self) -> bool:
        """Return at once whether a read would change nothing; False also if only a read would show it."""
        known = self._known()
        return known is not UNKNOWN and known is self._made

    def read(self) -> bool:
        """Get the document as it is now; return whether its content has changed."""
        before = self._digest
        try:
            made = self._make()
            if made is not self._made or not self.is_current():
                self._store(made)
            self._made, self.fault, self.error = made, "", None
        except DocumentError as error:
            self._fail(str(error), error.__cause__)
        except Exception as error:
            # The message is for the log only, because it may contain anything.
            self._fail(f"making it raised {type(error).__name__}", self._secrets.redacted(error))
        return self._digest != before

    def _store(self, made: Any) -> None:
        try:
            text = json.dumps(made, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise DocumentError(f"it isn't a JSON document: {error}") from None
        digest = hashlib.sha256(text.encode()).digest()
        if digest == self._digest:
            return
        # A document that was changed in place must become another object, or the merge would not notice.
        document = json.loads(text) if made is self._made else made
        self.document = self._guard.secured(document) if self._guard and document is not None else document
        info = document.get("info") if isinstance(document, dict) else None
        self.title = str(info.get("title", "")) if isinstance(info, dict) else ""
        self._digest = digest
        if self._file:
            save_document(self._file, made)

    def _fail(self, fault: str, error: BaseException | None) -> None:
        self.document, self.title, self.fault, self.error = None, "", fault, error
        self._made, self._digest = UNKNOWN, None


class Sources:
    """Create the sources of apps.

    Args:
        mounted: The apps as they are served, by name.
        lifecycle: The states of the apps.
        guards: The guards of the apps, by name.
        project: Folder of the project, where the documents of deferred apps are cached.
        secrets: Secrets to redact in logged errors.
    """

    def __init__(
        self,
        mounted: Mapping[str, Slot],
        lifecycle: Lifecycle,
        guards: Mapping[str, Guard | None],
        project: Path,
        secrets: Secrets,
    ) -> None:
        self._mounted = mounted
        self._lifecycle = lifecycle
        self._guards = guards
        self._project = project
        self._secrets = secrets

    def of(self, app: BuiltApp) -> Source:
        """Return the source of an app's document; a deferred app that is loaded is replaced by what it loaded."""
        file, asgi = None, app.asgi
        if isinstance(asgi, DeferredApp):
            file, asgi = cache_file(self._project, app.name), asgi.app or asgi
        declared, guard = app.declared.openapi, self._guards.get(app.name)
        if declared is False or (declared is True and isinstance(asgi, FastAPI) and not asgi.openapi_url):
            provider = _constant(None)._replace(private=True)
            return Source(app.name, app.prefix, provider, self._secrets, file=file)
        if isinstance(declared, Mapping):
            provider, file = _constant(declared), None
        elif isinstance(asgi, DeferredApp):
            provider, file = _constant(load_document(cache_file(self._project, app.name))), None
        elif callable(declared):
            provider = Provider(_call_with(declared, asgi))
        elif declared is True and isinstance(asgi, FastAPI):
            provider = fastapi_provider(asgi)
        else:
            provider = self._guest(app, asgi, declared if isinstance(declared, str) else None)
        serves = partial(_has_route, asgi)
        return Source(app.name, app.prefix, provider, self._secrets, guard=guard, file=file, serves=serves)

    def _guest(self, app: BuiltApp, asgi: ASGIApp, path: str | None) -> Provider:
        # While no lifespan has run, the app itself is asked; once it is up, the served one.
        mounted = self._mounted[app.name]
        alone = Slot(app.prefix, app.name, Version(adapt_guest(asgi, app.declared)))
        alone.version.open()

        def reach() -> ASGIApp | None:
            return {State.UP: mounted.at, State.PENDING: alone.at}.get(self._lifecycle.apps()[app.name].state)

        guest = Guest(path, reach)
        return Provider(guest.document, lambda: UNKNOWN if guest.error else guest.last, guest)


def _has_route(app: ASGIApp, path: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"", "headers": []}
    # A mount at the root matches every path, and says nothing.
    routes = [route for route in getattr(app, "routes", ()) if getattr(route, "path", "/") != ""]
    return any(route.matches(dict(scope))[0] is not Match.NONE for route in routes)


def _constant(document: Mapping[str, Any] | None) -> Provider:
    return Provider(lambda: document, lambda: document)


def _call_with(make: Callable[..., Any], app: ASGIApp) -> Callable[[], Any]:
    """Return a function that calls the one that settings name: with the app if it has a parameter for that."""
    parameters = inspect.signature(make).parameters.values()
    takes_app = any(each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in parameters)
    return (lambda: make(app)) if takes_app else make


def fastapi_provider(app: FastAPI) -> Provider:
    """Return the provider of a FastAPI app; a custom function that `app.openapi` is set to later takes effect."""
    return Provider(lambda: app.openapi(), lambda: known_document(app, app.openapi))


def known_document(app: FastAPI, make: Callable[[], Any]) -> Any:
    """Return what the app's `make` would return, or UNKNOWN; only FastAPI's own method is known."""
    is_own = getattr(make, "__func__", None) is FastAPI.openapi
    return (cached_document(app) if is_own else None) or UNKNOWN
