"""The one document of a composition: made of its apps' own documents, and made anew where one of them changes."""

import logging
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from fastapi import FastAPI

from composer._documents.provider import Source, knowing
from composer._gc import pause_while_merging
from composer._json import Json

if TYPE_CHECKING:
    from composer.openapi import Fault, Merger

_log = logging.getLogger("composer")

# How many faults of one document are told; who mends these sees the others.
_TOLD = 3


class Documents:
    """Hold the documents of all apps, and the one that they and the root's own routes are merged into.

    A call returns the merged document, as `FastAPI.openapi` does. Each app is asked each time, and only where one
    gave another document than before is that one merged anew; till then it is the same object. An app that fails at
    it, or whose document can't be merged, is left out, and the log says which and why.
    """

    def __init__(self, root: FastAPI, apps: Iterable[Source]) -> None:
        self._apps = {source.name: source for source in apps}
        # What the root says of its own routes, whatever is put in the place of it later.
        name = "root" if "root" not in self._apps else "composition"
        self._own = Source(name, "", root.openapi, knows=knowing(root.openapi))
        self._info = {"title": root.title, "version": root.version}
        self._read: list[Json | None] = []
        self._merged: Json = {}
        self._unmerged: dict[str, str] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()
        # One computes while the others wait in the event loop, and no thread of the handlers' is taken.
        self._turns = anyio.CapacityLimiter(1)

    @cached_property
    def _merger(self) -> "Merger":
        """Return what merges; a server that starts makes no document yet, and need not wait for the import."""
        from composer.openapi import Merger

        return Merger(title=self._info["title"], version=self._info["version"])

    async def current(self) -> Json:
        """Return the merged document without keeping the event loop from its work."""
        if guests := [source.guest for source in self._apps.values() if source.guest]:
            async with anyio.create_task_group() as asking:
                for guest in guests:
                    asking.start_soon(guest.ask)
        if self._is_current():
            return self._merged
        return await anyio.to_thread.run_sync(self, limiter=self._turns)

    def _is_current(self) -> bool:
        """Tell at once whether nothing has changed; False too where that takes reading, or another thread is at it."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return bool(self._read) and all(source.is_as_read() for source in self._all())
        finally:
            self._lock.release()

    def source(self, name: str) -> Source:
        """Return what is known of one app's own document."""
        return self._apps[name]

    def replace(self, source: Source) -> None:
        """Let an app's document come from elsewhere from now on."""
        with self._lock:
            self._apps[source.name] = source

    def faults(self) -> dict[str, str]:
        """Return why documents are left out of the merged one, by the names of their apps, in words for everybody."""
        return {source.name: source.fault for source in self._all() if source.fault} | self._unmerged

    def __call__(self) -> Json:
        """Return the merged document."""
        with self._lock, pause_while_merging():
            for source in self._all():
                source.read()
            read = [source.document for source in self._all()]
            if len(read) != len(self._read) or any(new is not old for new, old in zip(read, self._read, strict=True)):
                # Should the merge fail, then all of it is as if it had never been read.
                self._read = []
                self._merged = self._merge()
                self._read = read
            self._tell()
            return self._merged

    def _all(self) -> list[Source]:
        return [*self._apps.values(), self._own]

    def _merge(self) -> Json:
        own = self._own.document or {"info": self._info}
        given = [(app.name, app.prefix, app.document) for app in self._apps.values() if app.document is not None]
        if own.get("paths") or own.get("webhooks"):
            given.append((self._own.name, self._own.prefix, _own_part(own)))
        merged = self._merger.merge(given, on_error="skip")
        by_app: dict[str, list[Fault]] = {}
        for fault in merged.left_out:
            by_app.setdefault(fault.app, []).append(fault)
        self._unmerged = {name: _text(found) for name, found in by_app.items()}
        return _headed(own, merged.document)

    def _tell(self) -> None:
        errors = {source.name: source.error for source in self._all()}
        for name, fault in self.faults().items():
            if (text := f"{name}: {fault}") not in self._told:
                # Asked for again at each request, an app fails again; once in the log is enough.
                self._told.add(text)
                _log.error("OpenAPI document left out of the merged document: %s", text, exc_info=errors[name])


def _text(faults: "Sequence[Fault]") -> str:
    told = [f"{fault.pointer}: {fault.message}" for fault in faults[:_TOLD]]
    more = len(faults) - len(told)
    return "; ".join([*told, f"and {more} more"] if more else told)


def _own_part(own: Json) -> Json:
    """Leave to the root's own routes the tags that they use: the others describe those of the apps."""
    used = _used_tags(own)
    tags = [tag for tag in own.get("tags", []) if tag["name"] in used]
    rest = {key: value for key, value in own.items() if key != "tags"}
    return rest | ({"tags": tags} if tags else {})


def _used_tags(own: Json) -> set[str]:
    items = own.get("paths", {}).values()
    return {tag for item in items for each in item.values() if isinstance(each, dict) for tag in each.get("tags", [])}


def _headed(own: Json, merged: Json) -> Json:
    """Put what the root says of the composition as a whole before what the apps say of themselves."""
    texts = [own["info"].get("description"), merged["info"].get("description")]
    info = {**merged["info"], **own["info"]}
    if any(texts):
        info["description"] = "\n\n".join(dict.fromkeys(text for text in texts if text))
    headed = {**merged, "info": info}
    headed.update({key: own[key] for key in ("servers", "externalDocs") if key in own})
    describe_error = {tag["name"] for tag in merged.get("tags", [])}
    if added := [tag for tag in own.get("tags", []) if tag["name"] not in describe_error | _used_tags(own)]:
        headed["tags"] = [*added, *merged.get("tags", [])]
    return headed
