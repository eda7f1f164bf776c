"""The one document of a composition: made of its apps' own documents, and made anew where one of them changes."""

import logging
import threading
from collections.abc import Iterable
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
from fastapi import FastAPI

from composer._build._source import Source
from composer.openapi import OpenAPIMergeError, merge_openapi

_log = logging.getLogger("composer")

_Json: TypeAlias = dict[str, Any]


class Documents:
    """Hold the documents of all apps, and the one that they and the root's own routes are merged into.

    A call returns the merged document, as `FastAPI.openapi` does. Each app is asked each time, and only where one
    gave another document than before is anything merged again; till then it is the same object. An app that fails at
    it, or whose document can't be merged, is left out, and the log says which and why.
    """

    def __init__(self, root: FastAPI, sources: Iterable[Source]) -> None:
        self._root = root
        # What the root says of its own routes, whatever is put in the place of it later.
        self._own = root.openapi
        self._sources = {source.name: source for source in sources}
        self._read: list[_Json] = []
        self._merged: _Json = {}
        self._faults: dict[str, str] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()
        # One computes while the others wait in the event loop, and no thread of the handlers' is taken.
        self._turns = anyio.CapacityLimiter(1)

    async def current(self) -> _Json:
        """Return the merged document without keeping the event loop from its work."""
        async with anyio.create_task_group() as asking:
            for source in self._sources.values():
                asking.start_soon(source.ask)
        return await anyio.to_thread.run_sync(self, limiter=self._turns)

    def source(self, name: str) -> Source:
        """Return what is known of one app's own document."""
        return self._sources[name]

    def fault(self, name: str) -> str:
        """Return why an app's document is left out of the merged one, in words for everybody; "" where it isn't."""
        return self._sources[name].fault or self._faults.get(name, "")

    def __call__(self) -> _Json:
        """Return the merged document."""
        with self._lock:
            own = self._root_s_own()
            for source in self._sources.values():
                source.read()
                if source.fault:
                    self._tell(source.name, source.fault, source.error)
            given = [source for source in self._sources.values() if source.document is not None]
            read = [own, *(source.document for source in given if source.document is not None)]
            if len(read) != len(self._read) or any(new is not old for new, old in zip(read, self._read, strict=True)):
                self._merged = self._merge(own, [(each.name, each.prefix, each.document) for each in given])
                self._read = read
            return self._merged

    def _root_s_own(self) -> _Json:
        try:
            return self._own()
        except Exception as error:
            self._tell("the root", f"making it raised {type(error).__name__}", error)
            return {"info": {"title": self._root.title, "version": self._root.version}}

    def _merge(self, own: _Json, apps: list[tuple[str, str, Any]]) -> _Json:
        self._faults = {}
        name = "root" if "root" not in self._sources else "composition"
        given = [*apps, (name, "", _own_part(own))] if own.get("paths") or own.get("webhooks") else apps
        while True:
            try:
                merged = merge_openapi(given, title=self._root.title, version=self._root.version)
            except OpenAPIMergeError as error:
                for fault in error.faults:
                    self._faults.setdefault(fault.app, f"{fault.pointer}: {fault.message}")
                    self._tell(fault.app, f"{fault.pointer}: {fault.message}")
                faulty = {fault.app for fault in error.faults}
                given = [source for source in given if source[0] not in faulty]
            else:
                return _headed(own, merged)

    def _tell(self, app: str, cause: str, error: BaseException | None = None) -> None:
        if (text := f"{app}: {cause}") not in self._told:
            # Asked for again at each request, an app fails again; once in the log is enough.
            self._told.add(text)
            _log.error("the documents of all apps are shown without that of %s", text, exc_info=error)


def _own_part(own: _Json) -> _Json:
    """Leave to the root's own routes the tags that they use: the others describe those of the apps."""
    used = _used_tags(own)
    tags = [tag for tag in own.get("tags", []) if tag["name"] in used]
    rest = {key: value for key, value in own.items() if key != "tags"}
    return rest | ({"tags": tags} if tags else {})


def _used_tags(own: _Json) -> set[str]:
    items = own.get("paths", {}).values()
    return {tag for item in items for each in item.values() if isinstance(each, dict) for tag in each.get("tags", [])}


def _headed(own: _Json, merged: _Json) -> _Json:
    """Put what the root says of the composition as a whole before what the apps say of themselves."""
    texts = [own["info"].get("description"), merged["info"].get("description")]
    info = {**merged["info"], **own["info"]}
    if any(texts):
        info["description"] = "\n\n".join(dict.fromkeys(text for text in texts if text))
    headed = {**merged, "info": info}
    headed.update({key: own[key] for key in ("servers", "externalDocs") if key in own})
    described = {tag["name"] for tag in merged.get("tags", [])}
    if added := [tag for tag in own.get("tags", []) if tag["name"] not in described | _used_tags(own)]:
        headed["tags"] = [*added, *merged.get("tags", [])]
    return headed
