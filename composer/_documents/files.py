"""OpenAPI documents that settings name as files."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from composer._catalogue import problem
from composer._checks.declarations import place_in_settings
from composer._model import App, Problem


def read_document_files(apps: Iterable[App], root: Path) -> tuple[list[App], list[Problem]]:
    """Read the documents that are files, relative ones from `root`; return the apps with them, and the problems."""
    read: list[App] = []
    problems: list[Problem] = []
    for app in apps:
        document = app.openapi
        if isinstance(document, Path):
            # Here and below: most compositions have no such file and no such app, and needn't wait for the import.
            from composer.openapi import read_document

            try:
                document = read_document(root / document)
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                where = place_in_settings(app, "openapi")
                problems.append(problem("C039", where, file=app.openapi, why=why))
        read.append(replace(app, openapi=document))
    return read, problems
