"""OpenAPI documents in files that settings name."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from composer._catalogue import problem
from composer._checks.declarations import place_in_settings
from composer._model import App, Problem


def read_document_files(apps: Iterable[App], root: Path) -> tuple[list[App], list[Problem]]:
    """Read the documents in files, relative to `root`; return the apps with their documents, and the problems."""
    read: list[App] = []
    problems: list[Problem] = []
    for app in apps:
        document = app.openapi
        if isinstance(document, Path):
            # Imported late, because most compositions have no such file.
            from composer.openapi import read_document

            try:
                document = read_document(root / document)
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                where = place_in_settings(app, "openapi")
                problems.append(problem("C039", where, file=app.openapi, why=why))
        read.append(replace(app, openapi=document))
    return read, problems
