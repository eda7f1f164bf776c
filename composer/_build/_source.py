"""One app's own OpenAPI document: where it comes from, and what it was when it was last asked for."""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
from fastapi import FastAPI

from composer._asgi import ASGIApp
from composer._build._check import place_in_settings
from composer._build._kept import keep, kept_at, read_kept
from composer._dispatch import Mounted, as_guest
from composer._guard import Guard
from composer._lifecycle import Lifecycle
from composer._model import App, BuiltApp, Plan, Problem, State
from composer._secrets import Secrets
from composer._wire import LateApp
from composer.errors import problem

_Json: TypeAlias = dict[str, Any]

# Where an app that isn't FastAPI's is asked for a document that nobody has named: FastAPI's own place, which most
# others have taken over, and Litestar's.
_USUAL_PLACES = ("/openapi.json", "/schema/openapi.json")

# Seconds within which an app has to answer.
_PATIENCE = 10.0

# Stands for a document of which nobody can say, without making it, which one it is; None says that there is none.
_UNKNOWN = object()


class DocumentError(Exception):
    """Say why an app has no document, in words that may be shown to everybody."""


def with_documents(apps: Iterable[App], root: Path) -> tuple[list[App], list[Problem]]:
    """Read the documents that are files, relative ones from `root`; return the apps with them, and the problems."""
    read: list[App] = []
    problems: list[Problem] = []
    for app in apps:
        document = app.openapi
        if isinstance(document, Path):
            # Here and below: most compositions have no such file and no such app, and needn't wait for the import.
            from composer.openapi import read_document

            try:
                document = read_document(root / document)
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                where = place_in_settings(app, "openapi")
                problems.append(problem("C039", where, file=app.openapi, why=why))
        read.append(replace(app, openapi=document))
    return read, problems


class Sources:
    """Tell where the documents of a plan's apps come from.

    `mounted` holds the apps as they are served, by name. The documents of apps that are made when they start are kept
    in the project's folder, for the time before.
    """

    def __init__(
        self,
        plan: Plan,
        mounted: Mapping[str, Mounted],
        lifecycle: Lifecycle,
        guards: Mapping[str, Guard],
        project: Path,
    ) -> None:
        self._secrets = plan.secrets
        self._mounted = mounted
        self._lifecycle = lifecycle
        self._guards = guards
        late = [app.name for app in plan.apps if isinstance(app.asgi, LateApp)]
        self._kept = {name: kept_at(project, name) for name in late}

    def of(self, app: BuiltApp) -> "Source":
        """Return where an app's document comes from."""
        given, asgi, guard, kept = app.declared.openapi, app.asgi, self._guards.get(app.name), self._kept.get(app.name)
        if given is False or (given is True and isinstance(asgi, FastAPI) and not asgi.openapi_url):
            return Source(app.name, app.prefix, _none, knows=_none, private=True)
        if isinstance(given, Mapping):
            return Source(app.name, app.prefix, lambda: given, knows=lambda: given, guard=guard)
        if isinstance(asgi, LateApp) and kept:
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
            secrets.raise_cleaned(error)

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


def _reach(app: BuiltApp, mounted: Mounted, lifecycle: Lifecycle) -> Callable[[], ASGIApp | None]:
    """Return what tells which app to ask: the served one once it is up, itself where nothing was ever started."""
    alone = Mounted(app.prefix, as_guest(app.asgi, app.declared))
    alone.open()

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
        knows: Callable[[], Any] = lambda: _UNKNOWN,
        private: bool = False,
        guard: Guard | None = None,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.private = private
        self._document: _Json | None = None
        self._guard = guard
        self.fault = ""
        self.error: BaseException | None = None
        self.guest = guest
        self._make = make
        self._made: Any = _UNKNOWN
        self._knows = knows

    @property
    def document(self) -> _Json | None:
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
        return known is not _UNKNOWN and known is self._made

    def read(self) -> None:
        """Take up the document as it is now. One that is as it was stays the same object."""
        self._made = _UNKNOWN
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
        return lambda: _UNKNOWN

    def known() -> Any:
        # The method itself looks at these two; in a version of FastAPI without them, it has to be called.
        routes_version = getattr(app.router, "_get_routes_version", lambda: _UNKNOWN)()
        is_kept = app.openapi_schema and routes_version == getattr(app, "_openapi_routes_version", None)
        return app.openapi_schema if is_kept else _UNKNOWN

    return known


class Guest:
    """Ask an app for its document as a client would, and remember what it answered.

    `reach` returns what to ask, or None where the app can't be asked now; what it answered before counts then.
    """

    def __init__(self, path: str | None, reach: Callable[[], ASGIApp | None]) -> None:
        self._places: Sequence[str] = (path,) if path else _USUAL_PLACES
        self._expected = path is not None
        self._reach = reach
        self._asked = False
        self._answer: tuple[bytes, bool] | None = None
        self._document: _Json | None = None
        self._failure: DocumentError | None = None

    def last(self) -> _Json | None:
        """Return what was answered last, None for no document; raise DocumentError for none where one was named."""
        if not self._asked and not _in_event_loop():
            asyncio.run(self.ask())
        if self._failure is not None:
            raise self._failure
        return self._document

    def known(self) -> Any:
        """Tell what was answered last without asking; the same object as long as it's the same answer."""
        return _UNKNOWN if self._failure else self._document

    async def ask(self) -> None:
        """Ask at the place that is known to answer, else at all; where no place ever answered, never again."""
        app = self._reach()
        if app is None or not self._places:
            return
        self._asked = True
        for path in self._places:
            try:
                await self._take_up(path, await _get(app, path))
                self._places, self._expected = (path,), True
                return
            except DocumentError as error:
                self._failure = error
        if not self._expected:
            self._places, self._failure = (), None

    async def _take_up(self, path: str, answer: tuple[bytes, bool]) -> None:
        if answer != self._answer:
            # A large one takes its time.
            self._document = await anyio.to_thread.run_sync(_parsed, path, *answer)
            self._answer = answer
        self._failure = None


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _get(app: ASGIApp, path: str) -> tuple[bytes, bool]:
    """Ask an app for a document; return its text, and whether that is YAML. Raise DocumentError where it gives none."""
    import httpx

    try:
        with anyio.fail_after(_PATIENCE):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                answer = await client.get(path, headers={"accept": "application/json, application/yaml"})
    except Exception as error:
        raise DocumentError(f"GET {path} raised {type(error).__name__}") from error
    if answer.status_code != httpx.codes.OK:
        raise DocumentError(f"GET {path} answered {answer.status_code}")
    return answer.content, "yaml" in answer.headers.get("content-type", "")


def _parsed(path: str, text: bytes, yaml: bool) -> _Json:
    from composer.openapi import parse_document

    try:
        document = parse_document(text, yaml=yaml)
    except ValueError:
        raise DocumentError(f"GET {path} answered no OpenAPI document") from None
    if "openapi" not in document:
        raise DocumentError(f"GET {path} answered no OpenAPI document")
    return document
