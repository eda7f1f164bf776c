"""The pages of a composition: its one document, each app's own pages, and the list of the apps."""

from collections.abc import Callable

from fastapi import FastAPI

from composer._docs import AppEntry, install_docs, install_own_docs
from composer._documents.merged import Documents
from composer._documents.provider import Source
from composer._model import BuiltApp, PartStatus, Plan


def install_pages(
    root: FastAPI, documents: Documents, plan: Callable[[], Plan], statuses: Callable[[], dict[str, PartStatus]]
) -> None:
    """Let the root show the merged document and the status of each app of the current plan, from local assets."""

    def entries() -> list[AppEntry]:
        status, faults = statuses(), documents.faults()
        return [
            _entry(
                app, status[app.name], documents.source(app), faults.get(app.name, ""), app.name in documents.left_out
            )
            for app in plan().apps
        ]

    install_docs(root, documents.current, entries)


def install_own_pages(app: BuiltApp) -> None:
    """Let an app show its own pages, where it has some, from local assets."""
    if isinstance(app.asgi, FastAPI):
        install_own_docs(app.asgi)


def _entry(app: BuiltApp, status: PartStatus, source: Source, fault: str, is_left_out: bool) -> AppEntry:
    return AppEntry(
        name=app.name,
        prefix=app.prefix,
        title=app.asgi.title if isinstance(app.asgi, FastAPI) else source.title,
        owner=app.declared.owner,
        description=app.declared.description,
        state=status.state.value,
        reason=status.reason,
        shown=source.document is not None and not is_left_out,
        private=source.private,
        fault=fault,
    )
