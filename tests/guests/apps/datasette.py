"""Datasette: a database of two books.

Source: https://docs.datasette.io/en/stable/internals.html and .../settings.html#base-url
"""

import sqlite3
from contextlib import closing
from typing import Any

from datasette.app import Datasette
from pydantic import BaseModel


class DatasetteSettings(BaseModel):
    base_url: str = "/"


def create_app(settings: DatasetteSettings) -> Any:
    with closing(sqlite3.connect("library.db")) as database:
        database.executescript(
            """
            drop table if exists books;
            create table books (id integer primary key, title text);
            insert into books (title) values ('Ulysses'), ('Emma');
            """
        )
    return Datasette(["library.db"], settings={"base_url": settings.base_url}).app()
