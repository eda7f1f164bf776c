"""marimo: a notebook, run for each of its readers.

Source: https://docs.marimo.io/guides/deploying/programmatically/
"""

from pathlib import Path

import marimo
from starlette.types import ASGIApp


def create_app() -> ASGIApp:
    notebook = Path(__file__).with_name("marimo_notebook.py")
    return marimo.create_asgi_app().with_app(path="", root=str(notebook)).build()
