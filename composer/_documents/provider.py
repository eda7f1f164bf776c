"""One app's own OpenAPI document: where it comes from, and what it was when it was last asked for."""

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from composer._asgi import ASGIApp
from composer._compat.fastapi import cached_document
from composer._dispatch.slot import Slot
from composer._dispatch.version import Version
from composer._documents.disk_cache import keep, kept_at, read_kept
from composer._documents.guest import UNKNOWN, DocumentError, Guest
from composer._json import Json
from composer._lifecycle.run import Lifecycle
from composer._model import BuiltApp, Plan, State
from composer._secrets import Secrets
from composer._stack.foreign_paths import adapt_guest
from composer._stack.guard import Guard
from composer._wire.deferred import DeferredApp


class Sources:
    """Tell where the documents of a plan's apps come from.

    `mounted` holds the apps as they are served, by name. The documents of apps that are made when they start are kept
    in the project's folder, for the time before.
    """

    def __init__(
        self,
        plan: Plan,
        mounted: Mapping[str, Slot],
        lifecycle: Lifecycle,
        guards: Mapping[str, Guard],
        project: Path,
    ) -> None:
        self._secrets = plan.secrets
        self._mounted = mounted
        self._lifecycle = lifecycle
        self._guards = guards
        late = [app.name for app in plan.apps if isinstance(app.asgi, DeferredApp)]
        self._kept = {name: kept_at(project, name) for name in late}

    def of(self, app: BuiltApp) -> "Source":
        """Return where an app's document comes from."""
        given, asgi, guard, kept = app.declared.openapi, app.asgi, self._guards.get(app.name), self._kept.get(app.name)
        if given is False or (given is True and isinstance(asgi, FastAPI) and not asgi.openapi_url):
            return Source(app.name, app.prefix, _none, knows=_none, private=True)
        if isinstance(given, Mapping):
            return Source(app.name, app.prefix, lambda: given, knows=lambda: given, guard=guard)
        if isinstance(asgi, DeferredApp) and kept:
            known = read_kept(kept)
            return Source(app.name, app.prefix, lambda: known, knows=lambda: known, guard=guard)
        if isinstance(given, str) or (given is True and not isinstance(asgi, FastAPI)):
            reach = _reach(app, self._mounted[app.name], self._lifecycle)
            guest = Guest(given if isinstance(given, str) else None, reach)
            make = _keeping(guest.last, kept) if kept else guest.last
            return Source(app.name, app.prefix, make, guest=guest, knows=guest.known, guard=guard)
        own = _maker(given, asgi)
        make = _without_secrets(own, self._secrets)
        make = _keeping(make, kept) if kept else make
        return Source(app.name, app.prefix, make, knows=knowing(own), guard=guard)


def _none() -> None:
    """Return no document."""


def _without_secrets(make: Callable[[], Any], secrets: Secrets) -> Callable[[], Any]:
    """Take the known secrets out of the error that making a document raises: it is logged."""

    def made() -> Any:
        try:
            return make()
        except Exception as error:
            secrets.raise_redacted(error)

    return made


def _keeping(make: Callable[[], Any], file: Path) -> Callable[[], Any]:
    """Write what is made to a file each time that it is another document."""
    last: Any = None

    def made() -> Any:
        nonlocal last
        document = make()
        if document is not last:
            last = document
            keep(file, document)
        return document

    return made


def _reach(app: BuiltApp, mounted: Slot, lifecycle: Lifecycle) -> Callable[[], ASGIApp | None]:
    """Return what tells which app to ask: the served one once it is up, itself where nothing was ever started."""
    alone = Slot(app.prefix, app.name, Version(adapt_guest(app.asgi, app.declared)))
    alone.version.open()

    def reach() -> ASGIApp | None:
        return {State.UP: mounted.at, State.PENDING: alone.at}.get(lifecycle.apps()[app.name].state)

    return reach


class Source:
    """Hold what may take part in the merged document, what its own one was last, and why it has none.

    `make` returns the document, or None where there is none; `guest` is asked by a request before. `knows` tells at
    once what `make` would return, where that can be told without making it. `private` says that the app keeps its
    document to itself; the `guard` before the app is shown as its security. `fault` may be shown to everybody; `error`
    is the exception behind it, where there is one.
    """

    def __init__(
        self,
        name: str,
        prefix: str,
        make: Callable[[], Any],
        *,
        guest: "Guest | None" = None,
        knows: Callable[[], Any] = lambda: UNKNOWN,
        private: bool = False,
        guard: Guard | None = None,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.private = private
        self._document: Json | None = None
        self._guard = guard
        self.fault = ""
        self.error: BaseException | None = None
        self.guest = guest
        self._make = make
        self._made: Any = UNKNOWN
        self._knows = knows

    @property
    def document(self) -> Json | None:
        """The document as it was read last; the same object as long as it is the same."""
        return self._guard.document(self._document) if self._guard and self._document else self._document

    @property
    def title(self) -> str:
        """The title that the document gives the app; "" where there is none."""
        info = (self._document or {}).get("info")
        return str(info.get("title", "")) if isinstance(info, dict) else ""

    def is_as_read(self) -> bool:
        """Tell at once whether reading would find what it found last; False too where only reading would tell."""
        known = self._knows()
        return known is not UNKNOWN and known is self._made

    def read(self) -> None:
        """Take up the document as it is now. One that is as it was stays the same object."""
        self._made = UNKNOWN
        try:
            made = self._make()
            if made is not self._document:
                self._take_up(made)
            self.fault, self.error, self._made = "", None, made
        except DocumentError as error:
            self._document, self.fault, self.error = None, str(error), error.__cause__
        except Exception as error:
            # Its text is for the log: nobody knows what is in it.
            self._document, self.fault, self.error = None, f"making it raised {type(error).__name__}", error

    def _take_up(self, made: Any) -> None:
        if made is None:
            self._document = None
            return
        try:
            text = json.dumps(made)
        except (TypeError, ValueError, RecursionError) as error:
            raise DocumentError(f"it isn't a JSON document: {error}") from None
        if self._document is None or text != json.dumps(self._document):
            self._document = made


def _maker(given: Any, asgi: ASGIApp) -> Callable[[], Any]:
    """Return what makes the document of an app that needn't be asked by a request."""
    if callable(given):
        parameters = inspect.signature(given).parameters.values()
        wants_app = any(each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in parameters)
        return (lambda: given(asgi)) if wants_app else given
    return asgi.openapi if isinstance(asgi, FastAPI) else _none


def knowing(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return what tells at once what `make` would return, as is known of FastAPI's own method once it was called."""
    app = getattr(make, "__self__", None)
    if not isinstance(app, FastAPI) or getattr(make, "__func__", None) is not FastAPI.openapi:
        return lambda: UNKNOWN

    def known() -> Any:
        return cached_document(app) or UNKNOWN

    return known
