"""The one document of a composition: made of its apps' own documents, and made anew where one of them changes."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from fastapi import FastAPI
from starlette.types import ASGIApp

from composer.openapi import OpenAPIMergeError, merge_openapi

_log = logging.getLogger("composer")

_Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Hold an app that may take part in the merged document: its name, its prefix, itself."""

    name: str
    prefix: str
    app: ASGIApp

    def document(self) -> _Json | None:
        """Return the app's own document; None where it has none or keeps it private (`openapi_url=None`)."""
        if isinstance(self.app, FastAPI) and self.app.openapi_url:
            return self.app.openapi()
        return None


def merged_document(root: FastAPI, sources: Iterable[Source]) -> Callable[[], _Json]:
    """Return a function that merges the documents of the root's own routes and of all apps.

    It asks each app at each call and merges again only where one gave another document than before. An app
    that fails at it, or whose document can't be merged, is left out, and the log says which and why.
    """
    return _Merged(root, tuple(sources))


class _Merged:
    def __init__(self, root: FastAPI, sources: tuple[Source, ...]) -> None:
        self._root = root
        # Before install_docs() puts this object in its place.
        self._own = root.openapi
        self._sources = sources
        self._read: list[_Json] = []
        self._merged: _Json = {}
        self._told: set[str] = set()

    def __call__(self) -> _Json:
        own = self._own()
        documents = {source: self._document(source) for source in self._sources}
        read = [own, *(document for document in documents.values() if document is not None)]
        if len(read) != len(self._read) or any(new is not old for new, old in zip(read, self._read, strict=True)):
            apps = [(each.name, each.prefix, found) for each, found in documents.items() if found is not None]
            self._merged = self._merge(own, apps)
            self._read = read
        return self._merged

    def _document(self, source: Source) -> _Json | None:
        try:
            return source.document()
        except Exception as error:
            self._tell(source.name, f"{type(error).__name__}: {error}", error)
            return None

    def _merge(self, own: _Json, apps: list[tuple[str, str, _Json]]) -> _Json:
        name = "root" if all(app[0] != "root" for app in apps) else "composition"
        given = [*apps, (name, "", _own_part(own))] if own.get("paths") or own.get("webhooks") else apps
        while True:
            try:
                merged = merge_openapi(given, title=self._root.title, version=self._root.version)
            except OpenAPIMergeError as error:
                for fault in error.faults:
                    self._tell(fault.app, f"{fault.pointer}: {fault.message}")
                faulty = {fault.app for fault in error.faults}
                given = [source for source in given if source[0] not in faulty]
            else:
                return _headed(own, merged)

    def _tell(self, app: str, cause: str, error: Exception | None = None) -> None:
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
