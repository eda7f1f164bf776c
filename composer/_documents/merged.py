"""The document of a composition, merged from its apps' documents; merged again when one of them changes."""

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from fastapi import FastAPI

from composer._docs import VersionedDocument
from composer._documents.provider import UNKNOWN, Provider, Source, known_document
from composer._gc import pause_while_merging
from composer._json import Json
from composer._model import BuiltApp, Plan
from composer._wire.deferred import DeferredApp

if TYPE_CHECKING:
    from composer.openapi import Fault, Merger

_log = logging.getLogger("composer")

# How many faults of one document are reported; the others are reported once these are fixed.
_MAX_FAULTS = 3

# Fields of the root's own document that describe the composition as a whole, besides extensions.
_HEAD_FIELDS = ("servers", "externalDocs")


class Documents:
    """Merge the documents of the current plan's apps and of the root's own routes.

    It takes the place of the root's `openapi` method: a call returns the merged document. A custom function that
    `root.openapi` is set to afterwards is what the root serves, as in FastAPI alone. A document that fails, or can't be
    merged, is left out, and of a document with faults in some operations these are; the log reports the reasons.

    Each request for it checks the documents of all apps. Only if one has changed are they merged again, which gives the
    document another version.

    Args:
        root: The root app.
        plan: Returns the current plan.
        source_of: Returns the source of an app's document.

    Attributes:
        left_out: The names of the apps whose whole documents can't be merged.
    """

    def __init__(self, root: FastAPI, plan: Callable[[], Plan], source_of: Callable[[BuiltApp], Source]) -> None:
        self._root = root
        self._plan = plan
        self._source_of = source_of
        self._own_openapi = root.openapi
        self._own_made: Any = None
        self._own = Source("root", "", Provider(self._make_own, self._known_own), plan().secrets)
        # FastAPI's documented way to replace the document.
        root.openapi = self  # type: ignore[method-assign]
        self._info = {"title": root.title, "version": root.version}
        self._sources: dict[str, tuple[Any, Source]] = {}
        self._known_plan: Plan | None = None
        self._current: list[Source] = []
        self._merged_sources: list[Source] = []
        self._version = 0
        self._merged: Json = {}
        self._custom = VersionedDocument(0, {})
        self._custom_digest = b""
        self._merge_faults: dict[str, str] = {}
        self.left_out: set[str] = set()
        self._links: list[Fault] = []
        self._logged: set[str] = set()
        self._lock = threading.Lock()
        # One computes while the others wait in the event loop, so that handlers keep their threads.
        self._limiter = anyio.CapacityLimiter(1)

    @cached_property
    def _merger(self) -> "Merger":
        # Imported late, because a starting server merges nothing.
        from composer.openapi import Merger

        return Merger(title=self._info["title"], version=self._info["version"], serves=self._serves)

    def _serves(self, name: str, path: str) -> bool:
        return name in self._sources and self._sources[name][1].serves(path)

    def source(self, app: BuiltApp) -> Source:
        """Return the source of an app of the current plan."""
        return self._known_source(app)[1]

    def _known_source(self, app: BuiltApp) -> tuple[Any, Source]:
        """Return the source of an app with what it was created for: the same one as long as the app stays."""
        # A deferred app is another one once it is loaded.
        key = (app, app.asgi.app if isinstance(app.asgi, DeferredApp) else None)
        known = self._sources.get(app.name)
        return known if known and known[0] == key else (key, self._source_of(app))

    def _current_sources(self) -> list[Source]:
        plan = self._plan()
        if plan is not self._known_plan:
            # A plan with an app that is yet to be loaded is another one after that.
            is_complete = not any(isinstance(app.asgi, DeferredApp) and app.asgi.app is None for app in plan.apps)
            self._sources = {app.name: self._known_source(app) for app in plan.apps}
            self._current = [*(source for _, source in self._sources.values()), self._own]
            self._known_plan = plan if is_complete else None
        return self._current

    def faults(self) -> dict[str, str]:
        """Return why documents, or parts of them, are left out, by the names of their apps; anybody may see it."""
        return {each.name: each.fault for each in self._current_sources() if each.fault} | self._merge_faults

    # -- the merged document -------------------------------------------------------------------------------

    async def current(self) -> VersionedDocument:
        """Return the document that the root serves, without blocking the event loop."""
        await self.refresh()
        if self._root.openapi is self:
            return VersionedDocument(self._version, self._merged)
        return await anyio.to_thread.run_sync(self._customise, limiter=self._limiter)

    async def refresh(self) -> None:
        """Read the documents of all apps, and merge them again if one has changed, without blocking the event loop."""
        sources = self._current_sources()
        if any(source.guest for source in sources):
            async with anyio.create_task_group() as group:
                for source in sources:
                    if source.guest:
                        group.start_soon(source.guest.ask)
        if not self._is_current(sources):
            await anyio.to_thread.run_sync(self._refresh, limiter=self._limiter)

    def __call__(self) -> Json:
        """Return a copy of the merged document, which the caller may change."""
        self._refresh()
        copy: Json = json.loads(json.dumps(self._merged))
        return copy

    def _is_current(self, sources: list[Source]) -> bool:
        """Return True if certainly nothing has changed. It never waits, so that it may return False needlessly."""
        return sources == self._merged_sources and all(source.is_current() for source in sources)

    def _refresh(self) -> None:
        with self._lock, pause_while_merging():
            # Empty until the end, so that no request takes the old document for current, also if the merge raises.
            merged_sources, self._merged_sources = self._merged_sources, []
            sources = self._current_sources()
            changes = [source.read() for source in sources]
            if any(changes) or sources != merged_sources:
                self._merged = self._merge(sources[:-1])
                self._version = self._next_version()
                if self._root.openapi is not self:
                    # What a custom function cached is outdated.
                    self._root.openapi_schema = None
            self._merged_sources = sources
            self._log_faults(sources)

    def _merge(self, apps: list[Source]) -> Json:
        own = self._own.document if isinstance(self._own.document, dict) else {"info": self._info}
        # An app may have the name of the root.
        self._own.name = "root" if "root" not in {source.name for source in apps} else "composition"
        documents = [(app.name, app.prefix, app.document) for app in apps if app.document is not None]
        if any(own.get(key) for key in ("paths", "webhooks", "components")):
            documents.append((self._own.name, "", _without_unused_tags(own)))
        merged = self._merger.merge(documents, on_error="drop")
        faults: dict[str, list[Fault]] = {}
        for fault in [*merged.left_out, *merged.dropped]:
            faults.setdefault(fault.app, []).append(fault)
        self._merge_faults = {name: _text(each) for name, each in faults.items()}
        self.left_out = {fault.app for fault in merged.left_out}
        self._links = merged.links
        return _with_head(own, merged.document)

    def _log_faults(self, sources: list[Source]) -> None:
        for link in self._links:
            if str(link) not in self._logged:
                self._logged.add(str(link))
                _log.warning("link left out of the merged OpenAPI document: %s", link)
        errors = {source.name: source.error for source in sources}
        for name, fault in self.faults().items():
            if (text := f"{name}: {fault}") not in self._logged:
                # Once, because the fault recurs at each request.
                self._logged.add(text)
                is_part = name in self._merge_faults and name not in self.left_out
                what = "part of the OpenAPI document" if is_part else "OpenAPI document"
                _log.error("%s left out of the merged document: %s", what, text, exc_info=errors[name])

    def _next_version(self) -> int:
        return max(self._version, self._custom.version) + 1

    # -- custom documents ----------------------------------------------------------------------------------

    def _customise(self) -> VersionedDocument:
        """Return what a custom `root.openapi` returns, with another version if its content has changed."""
        text = json.dumps(self._root.openapi())
        digest = hashlib.sha256(text.encode()).digest()
        if digest != self._custom_digest:
            # A copy, because the function may change its document in place later.
            self._custom = VersionedDocument(self._next_version(), json.loads(text))
            self._custom_digest = digest
        return self._custom

    def _make_own(self) -> Any:
        """Return the document of the root's own routes."""
        if self._root.openapi is self:
            self._own_made = self._own_openapi()
            return self._own_made
        # The recipe in the docs of FastAPI caches a custom document in `app.openapi_schema`, as FastAPI does its own.
        cached, self._root.openapi_schema = self._root.openapi_schema, None
        try:
            return self._own_openapi()
        finally:
            self._root.openapi_schema = None if cached is self._own_made else cached

    def _known_own(self) -> Any:
        return known_document(self._root, self._own_openapi) if self._root.openapi is self else UNKNOWN


def _text(faults: "Sequence[Fault]") -> str:
    described = [f"{fault.pointer}: {fault.message}" for fault in faults[:_MAX_FAULTS]]
    more = len(faults) - len(described)
    return "; ".join([*described, f"and {more} more"] if more else described)


def _without_unused_tags(own: Json) -> Json:
    """Return the root's document without the tags that its own operations don't use, because those are for the apps."""
    used = _used_tags(own)
    tags = [tag for tag in _tags(own) if tag["name"] in used]
    rest = {key: value for key, value in own.items() if key != "tags"}
    return rest | ({"tags": tags} if tags else {})


# The root's own document may be a custom one, of any form.


def _tags(own: Json) -> list[Json]:
    tags = own.get("tags")
    return [tag for tag in tags if isinstance(tag, dict) and "name" in tag] if isinstance(tags, list) else []


def _used_tags(own: Json) -> list[Any]:
    operations = [each for item in _values(own.get("paths")) for each in _values(item) if isinstance(each, dict)]
    return [tag for each in operations if isinstance(each.get("tags"), list) for tag in each["tags"]]


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _with_head(own: Json, merged: Json) -> Json:
    """Return the merged document with what the root says of the composition as a whole before what the apps say."""
    own_info = own["info"] if isinstance(own.get("info"), dict) else {}
    info = {**merged["info"], **own_info}
    texts = [own_info.get("description"), merged["info"].get("description")]
    if any(texts):
        info["description"] = "\n\n".join(dict.fromkeys(str(text) for text in texts if text))
    extensions = {key: own[key] for key in own if key[:2] == "x-"}
    document = {**extensions, **merged, "info": info, **{key: own[key] for key in _HEAD_FIELDS if key in own}}
    known = [tag["name"] for tag in merged.get("tags", [])] + _used_tags(own)
    if added := [tag for tag in _tags(own) if tag["name"] not in known]:
        document["tags"] = [*added, *merged.get("tags", [])]
    return document
