"""The commands of `composer`, as typer reads them: a thin layer that selects, loads and shows the composition."""

import functools
import logging
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any, NoReturn

import anyio
import typer
from fastapi import FastAPI

from composer._build import composition_of
from composer._cli.locate import load_composition, project_folder, select_composition
from composer._cli.log import configure_logging, in_production
from composer._cli.openapi import Form, write_or_check
from composer._cli.plugin_commands import CommandGroup
from composer._cli.problems import ProblemFormat, as_github, as_json, count_line
from composer._cli.server import run_server
from composer._cli.show import (
    CommandError,
    Route,
    address,
    routes_of,
    show_composition,
    show_error,
    show_notices,
    show_table,
)
from composer._cli.waterfall import report_slow_parts
from composer._compat.gunicorn import missing_names
from composer._model import Problem, errors_among
from composer._project.plugins import installed
from composer._project.timings import parts_under_way
from composer._text import listed
from composer.errors import CompositionError, problem_text

log = logging.getLogger("composer")

commands = typer.Typer(
    name="composer",
    cls=CommandGroup,
    help="Compose a folder of independent FastAPI apps into one server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


SettingsPath = Annotated[
    Path | None, typer.Option(help="Default: $COMPOSER_SETTINGS, else settings.toml in this folder or a parent.")
]


def _select(
    target: Annotated[
        str | None,
        typer.Argument(help="The app as 'module:name'. Default: asgi:app if there is an asgi.py, else settings.toml."),
    ] = None,
    apps: Annotated[str | None, typer.Option(help="Compose only these apps or groups: notes,v1.")] = None,
    settings: SettingsPath = None,
) -> None:
    select_composition(target, settings, apps)


def _on_composition(command: Callable[..., None]) -> Callable[..., None]:
    """Add the parameters of `_select` to a command, which selects a composition before it runs."""
    own, selecting = signature(command).parameters, signature(_select).parameters

    @functools.wraps(command)
    def run(**values: Any) -> None:
        _select(**{name: values.pop(name) for name in selecting})
        command(**values)

    run.__annotations__ = command.__annotations__ | _select.__annotations__
    run.__signature__ = Signature([*own.values(), *selecting.values()])  # type: ignore[attr-defined]
    return run


def _load_with_deferred_apps() -> FastAPI:
    """Load the selected composition, including the apps that are otherwise imported when they start."""
    app = load_composition()
    composition_of(app).load_deferred_apps()
    return app


@commands.command()
@_on_composition
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", envvar="PORT")] = 8000,
    reload: Annotated[bool, typer.Option(help="Restart when a file changes.")] = False,
    workers: Annotated[int | None, typer.Option(help="The number of worker processes.")] = None,
    preload: Annotated[bool, typer.Option(help="Preload once, then fork workers that share the memory.")] = False,
    root_path: Annotated[str, typer.Option(help="The prefix that a proxy in front removes from the path.")] = "",
    grace: Annotated[int, typer.Option(help="Seconds for requests and streams to finish at shutdown.", min=0)] = 20,
) -> None:
    """Serve the composition with uvicorn; problems are reported before the port is opened.

    SIGTERM and Ctrl-C stop the server gracefully, with exit status 0: requests, WebSockets and streams have --grace
    seconds to finish, the rest is cancelled, and then the apps are stopped. A second signal stops it at once.
    """
    configure_logging()
    run = _preloading_server(reload) if preload else run_server
    with nullcontext() if in_production() else report_slow_parts(parts_under_way):
        app = load_composition()
    # With port 0, only uvicorn knows the port.
    if app.docs_url is not None and port and not in_production():
        show_error(f"Documentation at {address(host, port)}{app.docs_url}")
    run(
        app="composer._cli.factory:create",
        factory=True,
        host=host,
        port=port,
        reload=reload,
        reload_dirs=[str(project_folder())] if reload else None,
        workers=workers,
        root_path=root_path,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=grace,
    )


def _preloading_server(reload: bool) -> Callable[..., NoReturn]:
    """Return the server that forks, or the usual one if this gunicorn lacks a name; raise CommandError without one."""
    if reload:
        raise CommandError("--preload and --reload are mutually exclusive: preloaded objects cannot be reloaded.")
    try:
        if unknown := missing_names():
            log.warning("--preload ignored, each worker loads by itself: this gunicorn has no %s", listed(unknown))
            return run_server
        from composer._cli.preload import run_preloaded
    except ModuleNotFoundError as error:
        line = "pip install 'fastapi-composer[preload]'"
        raise CommandError(f"--preload requires gunicorn ({error}). Install it: {line}.") from None
    return run_preloaded


@commands.command()
@_on_composition
def check(
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 for warnings, too.")] = False,
    form: Annotated[ProblemFormat, typer.Option("--format", help="The format of the report.")] = ProblemFormat.TEXT,
) -> None:
    """Build the composition without starting it, and report all problems; exit with status 1 if there are errors.

    Errors are listed first. To silence a warning, add its ID to the key ignore in settings.toml, in the table composer
    or in that of one app or cornerstone.

    The report includes what an app or a cornerstone changed in the whole process: signal handlers, the root logger,
    the working directory, the event loop policy. Such a change is not a problem.

    With --format json or github, standard output contains the problems only. json prints an array with an object for
    each problem. Its keys are: id ("C012"), level ("error" or "warning"), where (the place as text), file (an absolute
    path, or null if unknown), line (a number, or null), what, hint. github prints workflow commands
    (::error file=...,line=...,title=C012::...), which GitHub shows beside the changed lines.
    """
    as_text = form is ProblemFormat.TEXT
    try:
        # What an app prints while it is imported is not part of the data.
        with nullcontext() if as_text else redirect_stdout(sys.stderr):
            problems = _build_and_show() if as_text else composition_of(_load_with_deferred_apps()).warnings
    except CompositionError as error:
        problems = error.problems
        if as_text:
            show_error(str(error))
    if as_text:
        show_error(f"\n{count_line(problems)}")
    else:
        printed = as_json if form is ProblemFormat.JSON else as_github
        typer.echo(printed(problems, project_folder()), nl=False)
    if problems and (strict or errors_among(problems)):
        raise typer.Exit(1)


def _build_and_show() -> tuple[Problem, ...]:
    """Print the composition, what it changed in the process, and its warnings; return the warnings.

    Raises CompositionError with all problems if there are errors.
    """
    composition = composition_of(load_composition())
    notices = [*composition.plan.notices, *composition.load_deferred_apps()]
    # Merged only so that the log reports the documents that fail.
    anyio.run(composition.documents.refresh)
    show_composition(composition)
    show_notices(notices)
    for warning in composition.warnings:
        show_error(f"\n{problem_text(warning)}")
    return composition.warnings


@commands.command()
@_on_composition
def routes() -> None:
    """List all routes with their app, methods and path."""
    show_table(Route._fields, routes_of(_load_with_deferred_apps()))


@commands.command()
def plugins() -> None:
    """List what installed packages provide: commands, and the apps and cornerstones that settings.toml may select."""
    show_table(("kind", "name", "package", "points to"), installed())


@commands.command()
@_on_composition
def openapi(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write. Default: print it.")] = None,
    form: Annotated[Form | None, typer.Option("--format", help="Default: by the file's suffix, else json.")] = None,
    check: Annotated[Path | None, typer.Option(help="A file to compare with; exit with 1 if it is outdated.")] = None,
) -> None:
    """Write the merged OpenAPI document, or report what has changed since a file was written."""
    documents = composition_of(_load_with_deferred_apps()).documents
    document = anyio.run(documents.current).document
    if documents.faults():
        # The log has the reasons. A file without one of the apps would pass for the whole.
        raise CommandError("Nothing was written: the document of at least one app is missing.")
    raise typer.Exit(write_or_check(document, output, form, check))
