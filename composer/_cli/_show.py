"""What the command line shows: the composition as a table, its routes, its problems."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from rich.console import Console
from rich.table import Table
from rich.text import Text

from composer._build import Composition, composition_of
from composer._model import BuiltApp, PartStatus

out = Console()
err = Console(stderr=True)


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
    return f"{asgi.title} {asgi.version}" if isinstance(asgi, FastAPI) else type(asgi).__name__


def _seconds(part: PartStatus) -> str:
    return f"{part.seconds * 1000:.0f} ms" if part.seconds else ""


def routes_of(app: FastAPI) -> list[Route]:
    """Return the routes of the root and of every app, in the order in which they are asked."""
    composition = composition_of(app)
    mounted = [route for built in composition.plan.apps for route in _mounted_routes(built)]
    return [*mounted, *_routes("", "", app)]


def _mounted_routes(app: BuiltApp) -> Iterator[Route]:
    prefix = app.prefix.rstrip("/")
    rows = list(_routes(app.name, prefix, app.asgi))
    yield from rows or [Route(app.name, "", f"{prefix}/…", _title(app.asgi))]


def _routes(name: str, prefix: str, asgi: Any) -> Iterator[Route]:
    for context in iter_route_contexts(getattr(asgi, "routes", ())):
        methods = ",".join(sorted(context.methods)) if context.methods else _kind(context.original_route)
        yield Route(name, methods, f"{prefix}{context.path or ''}", context.name or "")


def _kind(route: object) -> str:
    return "WEBSOCKET" if "WebSocket" in type(route).__name__ else type(route).__name__.upper()


def show_routes(routes: Iterable[Route]) -> None:
    """Print the routes, a row each; in a pipe nothing is cut or wrapped."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("app", "methods", "path", "name"):
        table.add_column(heading, no_wrap=True)
    for route in routes:
        table.add_row(route.app or "(root)", route.methods, Text(route.path), route.name)
    out.print(table, soft_wrap=not out.is_terminal, crop=out.is_terminal)
