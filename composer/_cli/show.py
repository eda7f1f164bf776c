"""Print the composition as a table, its notices, its routes, its problems, and plugins."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fastapi import FastAPI
from rich.console import Console
from rich.table import Table
from rich.text import Text

from composer._build import Composition, composition_of
from composer._compat.fastapi import iter_route_contexts
from composer._compat.releases import untested_releases
from composer._model import Notice
from composer._wire.deferred import DeferredApp
from composer.errors import ComposerError


class _PipeSafeConsole(Console):
    """A console that stops printing when its reader closes the pipe, so that the server goes on."""

    def on_broken_pipe(self) -> None:
        """Ignore all further output; rich would end the process."""
        self.quiet = True


out = Console()
err = _PipeSafeConsole(stderr=True)


class CommandError(ComposerError):
    """Report why a command cannot do its work; shown without a traceback, exit status 1."""


class Route(NamedTuple):
    """One row of `composer routes`."""

    app: str
    methods: str
    path: str
    name: str


def show_error(text: str) -> None:
    """Print a text as it is, whatever brackets it contains."""
    err.print(Text(text), soft_wrap=True)


def address(host: str, port: int) -> str:
    """Return the URL of a server, without the prefix that a proxy in front would remove."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def show_composition(composition: Composition) -> None:
    """Print each app with its prefix, title, state, and the time that its start took."""
    status = {part.name: part for part in composition.parts() if part.kind == "app"}
    rows = []
    for app in composition.plan.apps:
        part = status[app.name]
        seconds = f"{part.seconds * 1000:.0f} ms" if part.seconds else ""
        rows.append((app.name, app.prefix, _title(app.asgi), part.state.value, seconds))
    show_table(("app", "prefix", "title", "state", "time to start"), rows, err, Text(composition.title))


def _title(asgi: Any) -> str:
    if isinstance(asgi, DeferredApp):
        return _title(asgi.app) if asgi.app else "(imported when it starts)"
    return f"{asgi.title} {asgi.version}" if isinstance(asgi, FastAPI) else type(asgi).__name__


def show_notices(notices: Iterable[Notice]) -> None:
    """Print what apps and cornerstones changed in the process, a line each, and which releases are untested."""
    for text in filter(None, [*map(str, notices), untested_releases()]):
        show_error(text)


def routes_of(app: FastAPI) -> list[Route]:
    """Return the routes of all apps and of the root, in the order in which they are matched."""
    rows = []
    for built in composition_of(app).plan.apps:
        prefix = built.prefix.rstrip("/")
        asgi = built.asgi.app if isinstance(built.asgi, DeferredApp) else built.asgi
        rows += [*_routes(built.name, prefix, asgi)] or [Route(built.name, "", f"{prefix}/…", _title(asgi))]
    return [*rows, *_routes("(root)", "", app)]


def _routes(app: str, prefix: str, asgi: Any) -> Iterator[Route]:
    for context in iter_route_contexts(getattr(asgi, "routes", ())):
        kind = type(context.route).__name__.upper()
        methods = ",".join(sorted(context.methods or [])) or ("WEBSOCKET" if "WEBSOCKET" in kind else kind)
        yield Route(app, methods, f"{prefix}{context.path or ''}", context.name or "")


def show_table(
    headings: Iterable[str], rows: Iterable[Iterable[str]], console: Console = out, title: Text | None = None
) -> None:
    """Print a table; in a pipe, lines are not wrapped."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # As Text, so that brackets are not taken for markup.
        table.add_row(*map(Text, row))
    if not console.is_terminal:
        # rich takes a pipe for a terminal of 80 columns, or of $COLUMNS.
        table.width = console.measure(table, options=console.options.update(max_width=sys.maxsize)).maximum
    console.print(table, soft_wrap=not console.is_terminal)
