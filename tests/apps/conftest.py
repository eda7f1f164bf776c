from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

import composer
from shared import db
from tests.contrib.databases import anyio_backend, database_url, postgres

__all__ = ["anyio_backend", "compose_with_database", "database_url", "postgres"]

ComposeWithDatabase = Callable[..., TestClient]


@pytest.fixture
def compose_with_database(database_url: str) -> ComposeWithDatabase:
    """Compose one app with the test's database; each call is a new server on the same data."""

    def start(factory: Callable[..., Any], **settings: object) -> TestClient:
        app = composer.App("app", "/", factory, settings=settings)
        cornerstone = composer.Cornerstone("db", db.create_cornerstone, settings={"url": database_url})
        composed = composer.compose([app], cornerstones=[cornerstone])
        return TestClient(composed, raise_server_exceptions=False)

    return start
