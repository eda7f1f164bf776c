"""The pages of a composition: its one document, each app's own pages, and what they tell of the apps."""

from fastapi import FastAPI

from composer._documents.merged import Documents
from composer._documents.provider import Source
from composer._docs import AppEntry, install_docs, install_own_docs
from composer._lifecycle.run import Lifecycle
from composer._model import BuiltApp, PartStatus, Plan


def install_pages(root: FastAPI, plan: Plan, lifecycle: Lifecycle, documents: Documents) -> None:
    """Let the root show the merged document and how each app is, and each app its own pages from local assets."""
    install_docs(root, documents.current, lambda: _entries(plan, lifecycle, documents))
    for app in plan.apps:
        install_own_pages(app)


def install_own_pages(app: BuiltApp) -> None:
    """Let an app show its own pages from local assets, where it has some."""
    if isinstance(app.asgi, FastAPI):
        install_own_docs(app.asgi)


def _entries(plan: Plan, lifecycle: Lifecycle, documents: Documents) -> list[AppEntry]:
    statuses, faults = lifecycle.apps(), documents.faults()
    return [
        _entry(app, statuses[app.name], documents.source(app), faults.get(app.name, ""), app.name in documents.left_out)
        for app in plan.apps
    ]


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
