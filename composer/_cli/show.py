"""What the command line shows: the composition as a table, its notices, its routes, its problems; the plugins."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from rich.console import Console
from rich.table import Table
from rich.text import Text

from composer._build import Composition, composition_of
from composer._compat.fastapi import iter_route_contexts
from composer._compat.releases import untested_releases
from composer._model import BuiltApp, Notice, PartStatus
from composer._project.plugins import Plugin
from composer._wire.deferred import DeferredApp


class _Patient(Console):
    """A console whose reader may go away: nothing more is printed then, and the server serves."""

    def on_broken_pipe(self) -> None:
        """Say nothing more; rich would end the process."""
        self.quiet = True


out = Console()
err = _Patient(stderr=True)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of `composer routes`: the app's name is "" for the root's own routes."""

    app: str
    methods: str
    path: str
    name: str


def show_error(text: str) -> None:
    """Print an error as it is, whatever brackets it holds."""
    err.print(Text(text), soft_wrap=True)


def address(host: str, port: int) -> str:
    """Return the URL of a server, without the prefix that a proxy in front takes away: it is asked without it here."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def show_composition(composition: Composition) -> None:
    """Print what was composed: each app with its prefix and title, how it is, and what its start took."""
    status = {part.name: part for part in composition.parts() if part.kind == "app"}
    table = Table(title=composition.title, title_justify="left", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("app", "prefix", "title", "state", "time to start"):
        table.add_column(heading, justify="right" if heading == "time to start" else "left")
    for app in composition.plan.apps:
        part = status[app.name]
        table.add_row(app.name, app.prefix, _title(app.asgi), part.state.value, _seconds(part))
    err.print(table)


def _title(asgi: Any) -> str:
    if isinstance(asgi, DeferredApp):
        return _title(asgi.app) if asgi.app else "(imported when it starts)"
    return f"{asgi.title} {asgi.version}" if isinstance(asgi, FastAPI) else type(asgi).__name__


def _seconds(part: PartStatus) -> str:
    return f"{part.seconds * 1000:.0f} ms" if part.seconds else ""


def show_notices(notices: Iterable[Notice]) -> None:
    """Print what apps and cornerstones changed of the whole process, a line each, and which releases are untested."""
    for notice in filter(None, [*map(str, notices), untested_releases()]):
        err.print(Text(notice), soft_wrap=True)


def routes_of(app: FastAPI) -> list[Route]:
    """Return the routes of the root and of every app, in the order in which they are asked."""
    composition = composition_of(app)
    mounted = [route for built in composition.plan.apps for route in _mounted_routes(built)]
    return [*mounted, *_routes("", "", app)]


def _mounted_routes(app: BuiltApp) -> Iterator[Route]:
    prefix = app.prefix.rstrip("/")
    asgi = app.asgi.app if isinstance(app.asgi, DeferredApp) else app.asgi
    rows = list(_routes(app.name, prefix, asgi))
    yield from rows or [Route(app.name, "", f"{prefix}/…", _title(app.asgi))]


def _routes(name: str, prefix: str, asgi: Any) -> Iterator[Route]:
    for context in iter_route_contexts(getattr(asgi, "routes", ())):
        methods = ",".join(sorted(context.methods)) if context.methods else _kind(context.route)
        yield Route(name, methods, f"{prefix}{context.path or ''}", context.name or "")


def _kind(route: object) -> str:
    return "WEBSOCKET" if "WebSocket" in type(route).__name__ else type(route).__name__.upper()


def show_routes(routes: Iterable[Route]) -> None:
    """Print the routes, a row each; in a pipe nothing is cut or wrapped."""
    rows = ((route.app or "(root)", route.methods, route.path, route.name) for route in routes)
    _show_rows(("app", "methods", "path", "name"), rows)


def show_plugins(plugins: Iterable[Plugin]) -> None:
    """Print the plugins, a row each; in a pipe nothing is cut or wrapped."""
    rows = ((plugin.kind, plugin.name, plugin.package, plugin.reference) for plugin in plugins)
    _show_rows(("kind", "name", "package", "points to"), rows)


def _show_rows(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        # What is in brackets is no markup.
        table.add_row(*map(Text, row))
    # A pipe has no width, but rich takes it for one of 80 columns, or of what COLUMNS says.
    wide = out.options.update(max_width=sys.maxsize)
    table.width = None if out.is_terminal else out.measure(table, options=wide).maximum
    out.print(table, soft_wrap=not out.is_terminal, crop=out.is_terminal)
