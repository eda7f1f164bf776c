"""The commands, as typer reads them: all but `plugins` load the composition, and each does one thing."""

import logging
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import anyio
import typer
from fastapi import FastAPI

from composer._build import Composition, composition_of
from composer._cli.locate import load_composition, project_folder, select_composition
from composer._cli.openapi import Form, write_or_check
from composer._cli.problems import ProblemFormat, as_github, as_json, count_line
from composer._cli.server import run_server
from composer._cli.show import (
    address,
    err,
    routes_of,
    show_composition,
    show_error,
    show_notices,
    show_plugins,
    show_routes,
)
from composer._cli.waterfall import report_slow_parts
from composer._compat.gunicorn import unknown_names
from composer._model import Notice, Problem, errors_among
from composer._observe.log import configure_logging, in_production
from composer._project.plugins import installed
from composer._text import listed
from composer._timings import parts_under_way
from composer.errors import CompositionError, problem_text

Done = TypeVar("Done")

log = logging.getLogger("composer")

commands = typer.Typer(
    name="composer",
    help="Compose a folder of independent FastAPI apps into one server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Target = Annotated[
    str | None,
    typer.Argument(
        help="The app as 'module:name', as for uvicorn. Default: asgi:app where the project has an asgi.py, else "
        "what settings.toml says.",
        show_default=False,
    ),
]
SettingsPath = Annotated[
    Path | None,
    typer.Option(
        "--settings", help="The settings file. Default: $COMPOSER_SETTINGS, else settings.toml in this folder or above."
    ),
]
Apps = Annotated[
    str | None,
    typer.Option("--apps", help="Compose these apps or groups only, as a list with commas: notes,v1."),
]


def _loaded(target: str | None, settings: Path | None, apps: str | None) -> FastAPI:
    """Load what is asked for, or end with status 1 and the problems as text, without a traceback."""
    select_composition(target, settings, apps)
    return _or_end(load_composition)


def _whole(target: str | None, settings: Path | None, apps: str | None) -> FastAPI:
    """Load what is asked for, with the apps that are imported late."""
    app = _loaded(target, settings, apps)
    _or_end(composition_of(app).load_deferred_apps)
    return app


def _or_end(do: Callable[[], Done]) -> Done:
    try:
        return _or_no_composition(do)
    except CompositionError as error:
        show_error(str(error))
    raise typer.Exit(1)


def _or_no_composition(do: Callable[[], Done]) -> Done:
    """Do it; end with status 1 where the target is no composition."""
    try:
        return do()
    except LookupError as error:
        show_error(str(error.args[0] if error.args else error))
    raise typer.Exit(1)


@commands.command()
def serve(
    target: Target = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.", envvar="PORT")] = 8000,
    reload: Annotated[bool, typer.Option(help="Start again whenever a file changes.")] = False,
    workers: Annotated[int | None, typer.Option(help="The number of processes.")] = None,
    preload: Annotated[
        bool, typer.Option(help="Build and load once, and share it: the processes are forked from the one that did.")
    ] = False,
    root_path: Annotated[str, typer.Option(help="The prefix that a proxy in front takes away.")] = "",
    grace: Annotated[
        int,
        typer.Option(
            help="Seconds that requests, WebSockets and streams get to end by themselves when the server is told to "
            "stop; what is left then is cancelled, and the apps are stopped after that.",
            min=0,
        ),
    ] = 20,
    apps: Apps = None,
    settings: SettingsPath = None,
) -> None:
    """Serve the composition by uvicorn; what is wrong with it is shown before the port is opened.

    SIGTERM and Ctrl-C stop it, with exit status 0; the second one ends it at once.
    """
    configure_logging()
    run = _forking(reload) if preload else run_server
    with nullcontext() if in_production() else report_slow_parts(parts_under_way):
        app = _loaded(target, settings, apps)
    # A port that is still to be chosen is told by uvicorn alone.
    if app.docs_url is not None and port and not in_production():
        err.print(f"Documentation at {address(host, port)}{app.docs_url}", highlight=False)
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


def _forking(reload: bool) -> Callable[..., NoReturn]:
    """Return what serves by forking, or end with status 1 where that can't be."""
    if reload:
        show_error("--preload and --reload exclude each other: what was loaded once is not loaded again.")
        raise typer.Exit(1)
    try:
        if unknown := unknown_names():
            log.warning("each process loads by itself: this release of gunicorn has no %s", listed(unknown))
            return run_server
        from composer._cli.preload import run_preloaded
    except ModuleNotFoundError as error:
        show_error(f"--preload needs gunicorn ({error}). Install it: pip install 'fastapi-composer[preload]'.")
        raise typer.Exit(1) from None
    return run_preloaded


@commands.command()
def check(
    target: Target = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where there are warnings, too.")] = False,
    form: Annotated[
        ProblemFormat,
        typer.Option("--format", help="How problems are printed: json and github go to the standard output, alone."),
    ] = ProblemFormat.TEXT,
    apps: Apps = None,
    settings: SettingsPath = None,
) -> None:
    """Check the composition and build it without starting anything; exit with 1 where there are errors.

    All problems are reported at once, errors first. Warnings refuse nothing; the key ignore of settings.toml, in its
    table composer or in that of one app or cornerstone, lists the IDs of those that are not to be reported.

    What an app or a cornerstone changed of the whole process is told too: signal handlers, the root logger, the
    working directory, the event loop policy. That is no mistake.

    --format json prints an array with an object for each problem. Its keys are: id ("C012"), level ("error" or
    "warning"), where (the place as text), file (an absolute path, or null where no file is known), line (a number, or
    null), what, hint. --format github prints workflow commands (::error file=...,line=...,title=C012::...), which
    GitHub shows beside the lines of a change.
    """
    select_composition(target, settings, apps)
    problems = _check_as_text() if form is ProblemFormat.TEXT else _check_as_data(form)
    if problems and (strict or errors_among(problems)):
        raise typer.Exit(1)


def _check_as_text() -> tuple[Problem, ...]:
    """Print what is composed and all problems; return the problems."""
    try:
        composition, notices = _composed()
    except CompositionError as error:
        show_error(str(error))
        problems = error.problems
    else:
        # Made here for what the log then says of documents that fail.
        anyio.run(composition.documents.refresh)
        show_composition(composition)
        show_notices(notices)
        problems = composition.warnings
        for warning in problems:
            show_error(f"\n{problem_text(warning)}")
    err.print()
    err.print(count_line(problems), highlight=False)
    return problems


def _check_as_data(form: ProblemFormat) -> tuple[Problem, ...]:
    """Print all problems for a program to read; return them."""
    try:
        # What an app prints while it is imported is none of the data.
        with redirect_stdout(sys.stderr):
            problems = _composed()[0].warnings
    except CompositionError as error:
        problems = error.problems
    root = project_folder()
    lines = [as_json(problems, root)] if form is ProblemFormat.JSON else as_github(problems, root)
    for line in lines:
        typer.echo(line)
    return problems


def _composed() -> tuple[Composition, list[Notice]]:
    """Load the chosen composition with the apps that are imported late, and what was changed of the process.

    Raises CompositionError with all problems; ends with status 1 where the target is no composition.
    """
    composition = composition_of(_or_no_composition(load_composition))
    return composition, [*composition.plan.notices, *composition.load_deferred_apps()]


@commands.command()
def routes(target: Target = None, apps: Apps = None, settings: SettingsPath = None) -> None:
    """List every route: its app, its methods, its path."""
    app = _whole(target, settings, apps)
    show_routes(routes_of(app))


@commands.command()
def plugins() -> None:
    """List the apps and cornerstones that installed packages bring; settings.toml says which are composed."""
    if found := installed():
        show_plugins(found)
    else:
        err.print("No installed package brings a plugin.", highlight=False)


@commands.command()
def openapi(
    target: Target = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write. Default: print it.")] = None,
    form: Annotated[Form | None, typer.Option("--format", help="Default: by the file's suffix, else json.")] = None,
    check: Annotated[
        Path | None, typer.Option("--check", help="The file to compare with; where it is out of date, exit with 1.")
    ] = None,
    apps: Apps = None,
    settings: SettingsPath = None,
) -> None:
    """Write the merged OpenAPI document, or tell what has changed since a file was written."""
    app = _whole(target, settings, apps)
    documents = composition_of(app).documents
    document = anyio.run(documents.current).document
    if documents.faults():
        # The log has told which and why. A file without an app would pass for the whole.
        show_error("Nothing was written: the document of every app is needed.")
        raise typer.Exit(1)
    raise typer.Exit(write_or_check(document, output, form, check))
